//! What an origin answers: bytes and events in order, so that it can misbehave as exactly as it can behave.

use std::fmt::Write as _;

use super::latch::Latch;

/// One thing an origin does with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Go on when the latch is open.
    Wait(Latch),
    /// Close the connection in order.
    Close,
    /// Reset the connection.
    Reset,
    /// Say nothing until the other side goes away.
    Hang,
    /// Send back what comes, until the other side goes away.
    Echo,
}

/// What an origin does about one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// In order.
    pub(crate) steps: Vec<Step>,
}

impl Answer {
    /// Bytes as they are, whether they are HTTP or not.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { steps: vec![Step::Send(bytes.into())] }
    }

    /// No answer at all.
    pub(crate) fn hang() -> Self {
        Self { steps: vec![Step::Hang] }
    }

    /// A reset instead of an answer.
    pub(crate) fn reset() -> Self {
        Self { steps: vec![Step::Reset] }
    }

    /// An answer that begins when the latch is open.
    pub(crate) fn after(latch: &Latch, answer: impl Into<Self>) -> Self {
        let mut steps = vec![Step::Wait(latch.clone())];
        steps.extend(answer.into().steps);
        Self { steps }
    }

    /// Adds one step.
    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// A well-formed response.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    fields: String,
    chunked: bool,
    body: Vec<u8>,
}

impl Reply {
    /// A response with a content-length of 0, where nothing is added.
    pub(crate) fn new(status: u16) -> Self {
        Self { status, fields: String::new(), chunked: false, body: Vec::new() }
    }

    /// 200 with this body.
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(body)
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.fields, "{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Frames the body as chunks of at most 1000 bytes.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The response on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Told\r\n{}", self.status, self.fields);
        if self.chunked {
            head.push_str("transfer-encoding: chunked\r\n\r\n");
            return [head.into_bytes(), chunks(&self.body)].concat();
        }
        if !matches!(self.status, 204 | 304) {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::raw(reply.bytes())
    }
}

/// A body as chunks of at most 1000 bytes, with the last one.
pub(crate) fn chunks(body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    for piece in body.chunks(1000) {
        framed.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    framed
}
