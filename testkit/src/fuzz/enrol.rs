//! What machines, registrars and admins tell each other, and what is kept of it.

use std::fmt::Display;

use jiff::Timestamp;
use ogent_protocol::enroll::RenewRequest;
use ogent_protocol::enroll::admin::{AdminRequest, AdminResponse};
use ogent_protocol::enroll::invite::Invite;
use ogent_protocol::{AuditEvent, Encoding, EnrollRequest, EnrollResponse, Identity, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::same::{ends_where_it_ends, is_brief, survives};

/// Bytes that may be any of these, in both encodings: what is read stays the same when it is sent on, and what may not
/// come in is refused in few words.
pub fn enrol(data: &[u8]) {
    for encoding in [Encoding::Json, Encoding::MsgPack] {
        if let Some(request) = read::<EnrollRequest>(encoding, data) {
            is_refused_briefly(request.check());
            // Whoever signs for one machine signs for no other.
            assert_ne!(
                request.statement(),
                EnrollRequest { nonce: format!("{}x", request.nonce), ..request }.statement()
            );
        }
        if let Some(request) = read::<RenewRequest>(encoding, data) {
            is_refused_briefly(request.facts.check());
        }
        if let Some(invite) = read::<Invite>(encoding, data) {
            let now = Timestamp::UNIX_EPOCH;
            assert!(invite.usable(now).is_err() || invite.is_open(now), "usable and not open");
        }
        if let Some(identity) = read::<Identity>(encoding, data) {
            assert!(identity.barred(Timestamp::MIN).all(|key| identity.has_barred(key)), "barred for a time only");
        }
        read::<EnrollResponse>(encoding, data);
        read::<AdminRequest>(encoding, data);
        read::<AdminResponse>(encoding, data);
        read::<AuditEvent>(encoding, data);
    }
}

fn read<T: Serialize + DeserializeOwned>(encoding: Encoding, data: &[u8]) -> Option<T> {
    let message = encoding.decode::<T>(data, limits::MAX_PAYLOAD_BYTES).inspect_err(is_brief).ok()?;
    ends_where_it_ends::<T>(encoding, data);
    survives(&message);
    Some(message)
}

fn is_refused_briefly(checked: Result<(), impl Display>) {
    if let Err(error) = checked {
        is_brief(&error);
    }
}
