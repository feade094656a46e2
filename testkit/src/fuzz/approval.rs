//! Events of proposals: what gateways write about commands that somebody has to approve, and what is led between them.

use ogent_protocol::{Encoding, ProposalEvent, ProposalKind, ProposalState, approval, limits};

use super::same::{ends_where_it_ends, is_brief, survives};

/// Several such events, one a line: each is read, and taken where it may come.
pub fn approval(data: &[u8]) {
    let mut state = ProposalState::default();
    for line in data.split(|byte| *byte == b'\n') {
        let event = match Encoding::Json.decode::<ProposalEvent>(line, limits::MAX_PAYLOAD_BYTES) {
            Ok(event) => event,
            Err(error) => {
                is_brief(&error);
                continue;
            }
        };
        ends_where_it_ends::<ProposalEvent>(Encoding::Json, line);
        survives(&event);
        if let ProposalKind::Proposed(proposed) = &event.kind {
            assert!(approval::is_hash(&approval::hash(&event.agent, &proposed.intent)));
        }
        let before = state.clone();
        match state.clone().apply(&event.kind) {
            Ok(after) => {
                is_fair(&before, &event.kind);
                state = after;
            }
            Err(error) => is_brief(&error),
        }
    }
}

/// Nothing is decided twice, and nobody approves something else, or their own.
fn is_fair(before: &ProposalState, event: &ProposalKind) {
    match (before, event) {
        (ProposalState::Unasked, ProposalKind::Proposed(_) | ProposalKind::Blocked(_)) => {}
        (ProposalState::Awaiting(terms), ProposalKind::Approved(approval)) => {
            assert!(approval.hash == terms.hash && approval.at < terms.expires_at);
            assert!(terms.asked_by.as_ref().is_some_and(|asked_by| *asked_by != approval.by));
        }
        (ProposalState::Awaiting(_), ProposalKind::Proposed(_) | ProposalKind::Blocked(_)) => panic!("opened twice"),
        (ProposalState::Awaiting(_), _) => {}
        (before, event) => panic!("{} after {}", event.name(), before.name()),
    }
}
