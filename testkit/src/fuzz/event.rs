//! Events: what agents say of commands, which gateways and the command line read.

use ogent_protocol::rest::{CommandView, ResultFold};
use ogent_protocol::{Encoding, Event, EventKind, Lifecycle, limits, subject};
use serde_json::Value;

use super::answer::exit_is_told;
use super::same::{ends_where_it_ends, is_brief, survives};

/// An event in JSON, as CloudEvents has it.
pub fn event_json(data: &[u8]) {
    event(data, Encoding::Json);
}

/// The same in MessagePack.
pub fn event_msgpack(data: &[u8]) {
    event(data, Encoding::MsgPack);
}

fn event(data: &[u8], encoding: Encoding) {
    let event = match encoding.decode::<Event>(data, limits::MAX_PAYLOAD_BYTES) {
        Ok(event) => event,
        Err(error) => return is_brief(&error),
    };
    ends_where_it_ends::<Event>(encoding, data);
    survives(&event);
    // Readers wait for the next number.
    assert!(event.n.checked_add(1).is_some(), "no event can follow number {}", event.n);
    let about = (event.agent.clone(), event.command.clone());
    assert_eq!(subject::parse_ledger(&subject::result(&event.agent, &event.command)), Some(about));
    if encoding == Encoding::Json {
        keeps_its_name(data, &event);
    }
    is_understood(&event);
}

/// Source and id name a CloudEvent for ever: two spellings of one number would be two events.
fn keeps_its_name(data: &[u8], event: &Event) {
    let sent: Value = serde_json::from_slice(data).expect("what is an event is JSON");
    let kept = serde_json::to_value(event).expect("an event has a JSON form");
    for name in ["id", "source", "subject", "type", "specversion"] {
        assert_eq!(sent.get(name), kept.get(name), "{name}");
    }
}

/// Whoever reads the event can go on with it.
fn is_understood(event: &Event) {
    for state in [Lifecycle::Unclaimed, Lifecycle::Accepted, Lifecycle::Running] {
        if let Ok(next) = state.apply(&event.kind) {
            assert_eq!(next.status().is_final(), matches!(event.kind, EventKind::Finished(_)));
            assert!(next.apply(&event.kind).is_err() || matches!(event.kind, EventKind::Output(_)), "{next:?} twice");
        }
    }
    let mut fold = ResultFold::new(16);
    fold.see(&event.kind);
    match &event.kind {
        EventKind::Accepted(accepted) => {
            let mut view = CommandView::queued(&event.agent, &accepted.intent, event.time);
            view.see(event);
            survives(&view);
        }
        EventKind::Finished(end) => {
            exit_is_told(&end.as_ref().into());
            let result = fold.finish(&event.agent, &event.command, end);
            assert!(result.stdout.len() <= 16 && result.stderr.len() <= 16);
            survives(&result);
        }
        EventKind::Started(_) | EventKind::Output(_) => {}
    }
}
