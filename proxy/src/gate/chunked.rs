//! Where a chunked body ends.

use bytes::{Buf, Bytes, BytesMut};

use super::octets::{is_token_octet, is_value_octet};
use super::refusal::Refusal;

/// Octets of extensions on one chunk. Nobody uses them but attackers; RFC 9112 section 7.1.1 asks for a limit.
const MOST_EXTENSION: u32 = 256;
/// Octets of all trailer fields together.
const MOST_TRAILER: u32 = 4096;
/// Hexadecimal digits of a chunk size: what fits, with room for sums, into 64 bits.
const MOST_DIGITS: u32 = 15;

/// Follows a chunked body (RFC 9112 section 7.1) to its last octet, whatever way it is cut up.
///
/// Chunk data is skipped by length, only the lines between are looked at; nothing is copied or decoded.
#[derive(Clone, Debug)]
pub struct ChunkTracker {
    place: Place,
    /// Data octets still to come in this chunk; while its size is read, the size so far.
    remaining: u64,
    /// Octets of the line or trailer under way, for the limits on it.
    line: u32,
    /// Data octets announced by all chunks so far.
    announced: u64,
    most: u64,
    /// Whether a size may be followed by spaces.
    may_be_padded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Size,
    Padding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

impl ChunkTracker {
    /// At the first octet of a body that may hold `most` octets of data.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self { place: Place::Size, remaining: 0, line: 0, announced: 0, most, may_be_padded: false }
    }

    /// At the first octet of the body of an answer, which may be of any length.
    ///
    /// Some old servers pad sizes with spaces. What a client sends must not be read in two ways on its way; what an endpoint
    /// sends is framed anew for the client, and nobody else reads it.
    #[must_use]
    pub fn of_an_answer() -> Self {
        Self { may_be_padded: true, ..Self::new(u64::MAX) }
    }

    /// Whether the last octet of the body has been seen.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.place == Place::End
    }

    /// Takes the next octets of data out of `octets`, with what stands before them; `None` where the body has ended, or
    /// where there are none yet.
    ///
    /// # Errors
    /// The coding is broken.
    pub fn take_data(&mut self, octets: &mut BytesMut) -> Result<Option<Bytes>, Refusal> {
        let mut rest = &**octets;
        while !matches!(self.place, Place::Data | Place::End) && !rest.is_empty() {
            rest = self.step(rest)?;
        }
        let walked = octets.len() - rest.len();
        octets.advance(walked);
        if self.place != Place::Data || octets.is_empty() {
            return Ok(None);
        }
        let before = octets.len();
        let count = before - self.skip_data(octets).len();
        Ok(Some(octets.split_to(count).freeze()))
    }

    /// Goes on through `octets` and tells how many of them belong to the body: all, unless it ends in them.
    ///
    /// # Errors
    /// The coding is broken.
    pub fn advance(&mut self, octets: &[u8]) -> Result<usize, Refusal> {
        let mut rest = octets;
        while self.place != Place::End && !rest.is_empty() {
            rest = if self.place == Place::Data { self.skip_data(rest) } else { self.step(rest)? };
        }
        Ok(octets.len() - rest.len())
    }

    fn skip_data<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let skipped = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(octets.len());
        self.remaining -= skipped as u64;
        if self.remaining == 0 {
            self.place = Place::DataCr;
        }
        octets.get(skipped..).unwrap_or_default()
    }

    fn step<'a>(&mut self, octets: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let Some((&octet, rest)) = octets.split_first() else { return Ok(octets) };
        self.place = match self.place {
            Place::Size => self.size(octet)?,
            Place::Padding => self.padding(octet)?,
            Place::Extension => self.extension(octet)?,
            Place::SizeLf => self.size_line_end(octet)?,
            Place::DataCr => only(b'\r', octet, Place::DataLf)?,
            Place::DataLf => only(b'\n', octet, Place::Size)?,
            Place::TrailerStart | Place::TrailerName | Place::TrailerValue => self.trailer(octet)?,
            Place::TrailerLf => only(b'\n', octet, Place::TrailerStart)?,
            Place::EndLf => only(b'\n', octet, Place::End)?,
            Place::Data | Place::End => self.place,
        };
        Ok(rest)
    }

    fn size(&mut self, octet: u8) -> Result<Place, Refusal> {
        if let Some(digit) = char::from(octet).to_digit(16) {
            self.line += 1;
            self.remaining = self.remaining * 16 + u64::from(digit);
            return if self.line <= MOST_DIGITS { Ok(Place::Size) } else { Err(Refusal::ChunkFraming) };
        }
        let digits = std::mem::take(&mut self.line);
        match octet {
            b';' if digits > 0 => Ok(Place::Extension),
            b'\r' if digits > 0 => Ok(Place::SizeLf),
            b' ' if digits > 0 && self.may_be_padded => Ok(Place::Padding),
            _ => Err(Refusal::ChunkFraming),
        }
    }

    fn padding(&mut self, octet: u8) -> Result<Place, Refusal> {
        self.count(MOST_EXTENSION)?;
        match octet {
            b' ' => Ok(Place::Padding),
            b';' => Ok(Place::Extension),
            b'\r' => {
                self.line = 0;
                Ok(Place::SizeLf)
            }
            _ => Err(Refusal::ChunkFraming),
        }
    }

    fn extension(&mut self, octet: u8) -> Result<Place, Refusal> {
        match octet {
            b'\r' => {
                self.line = 0;
                Ok(Place::SizeLf)
            }
            b'\t' | b' '..=b'~' => {
                self.count(MOST_EXTENSION)?;
                Ok(Place::Extension)
            }
            _ => Err(Refusal::ChunkFraming),
        }
    }

    fn size_line_end(&mut self, octet: u8) -> Result<Place, Refusal> {
        let next = if self.remaining == 0 { Place::TrailerStart } else { Place::Data };
        self.announced = self.announced.saturating_add(self.remaining);
        if self.announced > self.most {
            return Err(Refusal::BodyTooLarge);
        }
        only(b'\n', octet, next)
    }

    fn trailer(&mut self, octet: u8) -> Result<Place, Refusal> {
        self.count(MOST_TRAILER)?;
        match (self.place, octet) {
            (Place::TrailerStart, b'\r') => Ok(Place::EndLf),
            (Place::TrailerName, b':') => Ok(Place::TrailerValue),
            (Place::TrailerStart | Place::TrailerName, _) if is_token_octet(octet) => Ok(Place::TrailerName),
            (Place::TrailerValue, b'\r') => Ok(Place::TrailerLf),
            (Place::TrailerValue, _) if is_value_octet(octet) => Ok(Place::TrailerValue),
            _ => Err(Refusal::ChunkFraming),
        }
    }

    fn count(&mut self, most: u32) -> Result<(), Refusal> {
        self.line += 1;
        if self.line <= most { Ok(()) } else { Err(Refusal::ChunkOverhead) }
    }
}

fn only(wanted: u8, octet: u8, next: Place) -> Result<Place, Refusal> {
    if octet == wanted { Ok(next) } else { Err(Refusal::ChunkFraming) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(octets: &[u8]) -> Result<(usize, bool), Refusal> {
        let mut tracker = ChunkTracker::new(u64::MAX);
        let used = tracker.advance(octets)?;
        Ok((used, tracker.is_at_end()))
    }

    #[test]
    fn a_body_ends_at_its_last_octet_and_not_before() {
        let body = b"3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n";
        for end in 0..body.len() {
            assert_eq!(whole(&body[..end]), Ok((end, false)));
        }
        assert_eq!(whole(body), Ok((body.len(), true)));
    }

    #[test]
    fn what_follows_a_body_does_not_belong_to_it() {
        assert_eq!(whole(b"1\r\na\r\n0\r\n\r\nGET /"), Ok((11, true)));
    }

    #[test]
    fn a_broken_size_line_is_refused() {
        let broken: [&[u8]; 9] =
            [b"\r\n", b";a\r\n", b"g\r\n", b"3 x\r\n", b"0x3\r\n", b"3\nabc", b"3\r\r\n", b"3;a\nb\r\n", b"3;\0\r\n"];
        for body in broken {
            assert_eq!(whole(body), Err(Refusal::ChunkFraming), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn a_size_of_more_than_fifteen_digits_is_refused() {
        assert!(whole(b"000000000000003\r\n").is_ok());
        assert_eq!(whole(b"0000000000000003\r\n"), Err(Refusal::ChunkFraming));
    }

    #[test]
    fn data_that_does_not_end_where_its_size_says_is_refused() {
        assert_eq!(whole(b"3\r\nabcd\r\n"), Err(Refusal::ChunkFraming));
        assert_eq!(whole(b"3\r\nabc\n0\r\n\r\n"), Err(Refusal::ChunkFraming));
    }

    #[test]
    fn a_broken_trailer_is_refused() {
        let broken: [&[u8]; 5] =
            [b"0\r\n folded\r\n", b"0\r\nName\r\n", b"0\r\nX: \0\r\n", b"0\r\nX: 1\n", b"0\r\n\r\r"];
        for body in broken {
            assert_eq!(whole(body), Err(Refusal::ChunkFraming), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn endless_extensions_and_trailers_are_refused() {
        assert_eq!(whole(&[b"3;".as_slice(), &[b'a'; 300]].concat()), Err(Refusal::ChunkOverhead));
        assert_eq!(whole(&[b"0\r\nX: ".as_slice(), &[b'a'; 5000]].concat()), Err(Refusal::ChunkOverhead));
        assert_eq!(whole(&[b"0\r\n".as_slice(), &b"X: 1\r\n".repeat(1000)].concat()), Err(Refusal::ChunkOverhead));
    }

    #[test]
    fn data_over_the_limit_is_refused_when_it_is_announced() {
        let mut tracker = ChunkTracker::new(5);
        assert_eq!(tracker.advance(b"3\r\nabc\r\n2\r\nab\r\n"), Ok(15));
        assert_eq!(tracker.advance(b"1\r\n"), Err(Refusal::BodyTooLarge));
    }

    #[test]
    fn spaces_after_a_size_are_understood_in_answers_only() {
        for body in [&b"3  \r\nabc\r\n0 \r\n\r\n"[..], b"3 ;a=b\r\nabc\r\n0\r\n\r\n"] {
            assert_eq!(whole(body), Err(Refusal::ChunkFraming));
            let mut answer = ChunkTracker::of_an_answer();
            assert_eq!((answer.advance(body), answer.is_at_end()), (Ok(body.len()), true));
        }
        for body in [&b" 3\r\n"[..], b"3 3\r\n", b"3 \n", b"3\t\r\n", &[b"3".as_slice(), &[b' '; 300]].concat()] {
            assert!(ChunkTracker::of_an_answer().advance(body).is_err(), "{}", body.escape_ascii());
        }
    }

    /// The data of `octets`, which come in pieces of the given lengths, and what is left over.
    fn data(octets: &[u8], lengths: &[usize]) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
        let mut tracker = ChunkTracker::new(u64::MAX);
        let (mut held, mut found, mut rest) = (BytesMut::new(), Vec::new(), octets);
        for length in lengths.iter().cycle() {
            let (piece, later) = rest.split_at((*length).min(rest.len()));
            held.extend_from_slice(piece);
            rest = later;
            while let Some(data) = tracker.take_data(&mut held)? {
                found.extend_from_slice(&data);
            }
            if rest.is_empty() {
                break;
            }
        }
        Ok((found, held.to_vec()))
    }

    #[test]
    fn data_is_taken_out_of_its_chunks() {
        let body = b"3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nGET /";
        for length in 1..body.len() {
            assert_eq!(data(body, &[length]), Ok((b"abc0123456789".to_vec(), b"GET /".to_vec())));
        }
        assert_eq!(data(b"3\r\nabcd\r\n", &[100]), Err(Refusal::ChunkFraming));
    }

    fn body() -> impl Strategy<Value = Vec<u8>> {
        let chunk = (prop::collection::vec(any::<u8>(), 1..40), "(;[a-z]{1,5}(=[a-z]{1,5})?)?");
        (prop::collection::vec(chunk, 0..6), "(X-[a-z]{1,4}: [ -~]{0,9}\r\n){0,2}").prop_map(|(chunks, trailers)| {
            let mut body = Vec::new();
            for (data, extension) in chunks {
                body.extend(format!("{:x}{extension}\r\n", data.len()).into_bytes());
                body.extend(data);
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n");
            body.extend(trailers.into_bytes());
            body.extend(b"\r\n");
            body
        })
    }

    /// Feeds `octets` in pieces of the given lengths, in turn.
    fn in_pieces(octets: &[u8], lengths: &[usize]) -> Result<(usize, bool), Refusal> {
        let mut tracker = ChunkTracker::new(u64::MAX);
        let (mut rest, mut used) = (octets, 0);
        for length in lengths.iter().cycle() {
            if rest.is_empty() || tracker.is_at_end() {
                break;
            }
            let (piece, later) = rest.split_at((*length).min(rest.len()));
            used += tracker.advance(piece)?;
            rest = later;
        }
        Ok((used, tracker.is_at_end()))
    }

    proptest! {
        #[test]
        fn no_cut_moves_the_end_of_a_body(
            body in body(), surplus in prop::collection::vec(any::<u8>(), 0..30), lengths in prop::collection::vec(1usize..20, 1..8)
        ) {
            let end = body.len();
            let octets = [body, surplus].concat();
            prop_assert_eq!(in_pieces(&octets, &lengths), Ok((end, true)));
            prop_assert_eq!(whole(&octets), Ok((end, true)));
        }

        #[test]
        fn no_cut_changes_the_verdict_on_any_octets(
            octets in prop::collection::vec(prop::sample::select(b"0123aF;:=\r\n\tXx \0\x7f\xff".to_vec()), 0..60),
            lengths in prop::collection::vec(1usize..5, 1..5)
        ) {
            prop_assert_eq!(in_pieces(&octets, &lengths), whole(&octets));
        }
    }
}
