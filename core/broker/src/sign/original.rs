//! An intent exactly as it came: its bytes, and the seal beside them.

use async_nats::HeaderMap;
use bytes::Bytes;
use ogent_protocol::signature::{CERTIFICATE, SIGNATURE, SIGNER, Seal, SignatureFault};
use ogent_protocol::{Encoding, Link};

/// What came, for those who check it, keep it, or tie something to it.
#[derive(Debug, Clone)]
pub struct Original {
    pub(super) payload: Bytes,
    encoding: Encoding,
    pub(super) seal: Result<Option<Seal>, SignatureFault>,
    /// Whether the payload itself names the command, and not only the subject.
    pub(super) names_command: bool,
}

// === impl Original ===

impl Original {
    /// Out of a message.
    pub(crate) fn of(headers: &HeaderMap, encoding: Encoding, payload: &Bytes, names_command: bool) -> Self {
        // A copy: what was received is a piece of a larger buffer, which would stay for as long as this waits.
        let payload = Bytes::copy_from_slice(payload);
        Self { payload, encoding, seal: seal_in(headers), names_command }
    }

    /// What was written by this process itself just now.
    pub(crate) fn written(payload: Bytes, seal: Option<Seal>) -> Self {
        Self { payload, encoding: Encoding::Json, seal: Ok(seal), names_command: true }
    }

    /// A payload without any signature.
    #[must_use]
    pub fn of_payload(payload: &[u8]) -> Self {
        let payload = Bytes::copy_from_slice(payload);
        Self { payload, encoding: Encoding::Json, seal: Ok(None), names_command: false }
    }

    /// What has to be named by what follows it.
    #[must_use]
    pub fn link(&self) -> Link {
        Link::to(&self.payload)
    }

    /// Whether there is a signature beside it, whatever it is worth.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        !matches!(self.seal, Ok(None))
    }

    /// Whether the payload itself names the command.
    #[must_use]
    pub fn names_command(&self) -> bool {
        self.names_command
    }

    pub(crate) fn payload(&self) -> Bytes {
        self.payload.clone()
    }

    pub(crate) fn content_type(&self) -> &'static str {
        self.encoding.content_type()
    }

    /// The headers that keep its signature.
    pub(crate) fn sealing(&self) -> Option<&Seal> {
        self.seal.as_ref().ok()?.as_ref()
    }
}

/// The seal that the headers say.
pub(crate) fn seal_in(headers: &HeaderMap) -> Result<Option<Seal>, SignatureFault> {
    let one = |name: &str| {
        let mut all = headers.get_all(name).map(async_nats::HeaderValue::as_str);
        match (all.next(), all.next()) {
            // Two readers might take different ones.
            (_, Some(_)) => Err(SignatureFault::Malformed("a header comes twice")),
            (found, None) => Ok(found),
        }
    };
    Seal::parse(one(SIGNATURE)?, one(SIGNER)?, one(CERTIFICATE)?)
}
