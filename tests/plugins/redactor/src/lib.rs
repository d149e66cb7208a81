//! A body policy that makes `secret` into `******`, in the way its configuration tells for each direction:
//!
//! | Mode | How it treats a body |
//! | --- | --- |
//! | `skip` | not at all |
//! | `whole` | in one piece |
//! | `pieces` | piece by piece; what may be the beginning of the word is remembered until the next piece |
//! | `hold` | piece by piece; holds until a line has ended |
//! | `finish` | in the first piece only |
//! | `identity` | lets every piece pass as it is |
//! | `mark` | puts `mark` and `<` before the first piece, `>` and `mark` behind the last |
//! | `respond` | answers 403 with the body `stop` at a piece that holds `forbidden` |
//! | `trap` | panics at a piece that holds `trap` |
//! | `refuse` | panics when it is asked how to be shown the body |
//! | `forget` | remembers more than is allowed |

use serde::Deserialize;
use tidegate_plugin_sdk::{
    Attention, BodyPolicy, LocalResponse, Piece, Policy, Problem, Request, Response, Step, export,
};

const WORD: &[u8] = b"secret";
const MASK: &[u8] = b"******";

/// The keys of the configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How bodies of requests are treated.
    pub request: Mode,
    /// How bodies of responses are treated.
    pub response: Mode,
    /// What the mode `mark` writes.
    pub mark: String,
}

/// How a body is treated.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the table at the head tells")]
pub enum Mode {
    #[default]
    Skip,
    Whole,
    Pieces,
    Hold,
    Finish,
    Identity,
    Mark,
    Respond,
    Trap,
    Refuse,
    Forget,
}

/// The policy.
#[derive(Debug)]
pub struct Redactor(Config);

impl Policy for Redactor {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        Ok(Self(config))
    }
}

impl BodyPolicy for Redactor {
    fn attend_request(&self, _: &Request) -> Attention {
        self.0.request.attention()
    }

    fn on_request_body(&self, _: &Request, piece: Piece) -> Step {
        self.treat(self.0.request, &piece)
    }

    fn attend_response(&self, _: &Request, _: &Response) -> Attention {
        self.0.response.attention()
    }

    fn on_response_body(&self, _: &Request, _: &Response, piece: Piece) -> Step {
        self.treat(self.0.response, &piece)
    }
}

impl Mode {
    fn attention(self) -> Attention {
        match self {
            Self::Skip => Attention::Skip,
            Self::Whole => Attention::Whole,
            Self::Refuse => explode(),
            _ => Attention::Pieces,
        }
    }
}

impl Redactor {
    fn treat(&self, mode: Mode, piece: &Piece) -> Step {
        match mode {
            Mode::Hold if !piece.bytes.ends_with(b"\n") && !piece.last => Step::hold(),
            Mode::Whole | Mode::Hold => Step::replace(redacted(&piece.bytes)),
            Mode::Pieces => across_borders(piece),
            Mode::Finish => Step::finish(redacted(&piece.bytes)),
            Mode::Mark => mark(&self.0.mark, piece),
            Mode::Respond if contains(&piece.bytes, b"forbidden") => {
                Step::respond(LocalResponse::new(403).body("stop"))
            }
            Mode::Trap if contains(&piece.bytes, b"trap") => explode(),
            Mode::Forget => Step::pass().remember(vec![0; 4097]),
            Mode::Skip | Mode::Refuse | Mode::Identity | Mode::Respond | Mode::Trap => Step::pass(),
        }
    }
}

#[expect(clippy::panic, reason = "to panic is one of its tasks")]
fn explode() -> ! {
    panic!("told to");
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn redacted(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(WORD) {
            out.extend_from_slice(MASK);
            rest = behind;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// What may be the beginning of the word stays behind as memory.
fn across_borders(piece: &Piece) -> Step {
    let mut bytes = redacted(&[piece.memory.as_slice(), &piece.bytes].concat());
    let open = (1..WORD.len()).rev().find(|length| WORD.get(..*length).is_some_and(|start| bytes.ends_with(start)));
    let kept = open.filter(|_| !piece.last).unwrap_or_default();
    let memory = bytes.split_off(bytes.len() - kept);
    Step::replace(bytes).remember(memory)
}

fn mark(mark: &str, piece: &Piece) -> Step {
    let before = if piece.memory.is_empty() { format!("{mark}<") } else { String::new() };
    let behind = if piece.last { format!(">{mark}") } else { String::new() };
    Step::replace([before.as_bytes(), &piece.bytes, behind.as_bytes()].concat()).remember("begun")
}

export!(Redactor: body);

#[cfg(test)]
mod tests {
    use super::*;

    fn through(mode: Mode, pieces: &[&str]) -> String {
        let policy = Redactor(Config { mark: "a".to_owned(), ..Config::default() });
        let (mut out, mut memory) = (Vec::new(), Vec::new());
        for (index, bytes) in pieces.iter().enumerate() {
            let piece = Piece { bytes: bytes.as_bytes().to_vec(), last: index + 1 == pieces.len(), memory };
            let Step { action, memory: next } = policy.treat(mode, &piece);
            memory = next;
            if let tidegate_plugin_sdk::Action::Replace(bytes) = action {
                out.extend(bytes);
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_word_is_found_across_borders() {
        assert_eq!(through(Mode::Pieces, &["a se", "cr", "et b secre", ""]), "a ****** b secre");
        assert_eq!(through(Mode::Pieces, &["sese", "cretsecret"]), "se************");
    }

    #[test]
    fn a_body_is_marked_once() {
        assert_eq!(through(Mode::Mark, &["a", "b", ""]), "a<ab>a");
    }
}
