//! Bodies of HTTP requests: what clients ask a gateway for.

use ogent_protocol::intent::{IntentWire, Run};
use ogent_protocol::rest::{CancelRequest, ExecuteRequest};
use ogent_protocol::{AgentId, CommandId, Encoding, Intent};

use super::intent::is_within_limits;
use super::same::{ends_where_it_ends, is_brief, survives};

/// A gateway takes no larger body.
const MAX_BODY_BYTES: usize = 768 * 1024;

/// A request to run a command, or to cancel one.
pub fn request(data: &[u8]) {
    execute(data);
    cancel(data);
}

fn execute(data: &[u8]) {
    let request = match Encoding::Json.decode::<ExecuteRequest>(data, MAX_BODY_BYTES) {
        Ok(request) => request,
        Err(error) => return is_brief(&error),
    };
    ends_where_it_ends::<ExecuteRequest>(Encoding::Json, data);
    survives(&request);
    let again: ExecuteRequest = serde_json::from_slice(data).expect("read a moment ago");
    let run = match run(request) {
        Ok(run) => run,
        Err(problem) => return is_brief(&problem),
    };
    is_within_limits(&run);
    assert_eq!((run.id.as_str(), run.requested_by.as_deref()), ("c", Some("alice")), "nobody sets these in a body");
    assert_eq!(run.agent.as_ref().map(AgentId::as_str), Some("a"));
    let again = run_of(again);
    assert!(run.asks_the_same(&again), "a retry is another request");
    // What the gateway sends is what the agent takes, as the same request.
    let Ok(bytes) = Encoding::Json.encode(&Intent::Run(Box::new(run.clone())).to_wire()) else { return };
    let wire: IntentWire = Encoding::Json.decode(&bytes, bytes.len()).expect("what we write is what we read");
    assert_eq!(wire.admit(|| panic!("the id was lost")), Ok(Intent::Run(Box::new(run))));
}

fn run(request: ExecuteRequest) -> Result<Run, String> {
    let (id, agent): (CommandId, AgentId) = ("c".parse().unwrap(), "a".parse().unwrap());
    request.into_run(id, agent, "alice").map_err(|error| error.to_string())
}

fn run_of(request: ExecuteRequest) -> Run {
    run(request).expect("admitted a moment ago")
}

fn cancel(data: &[u8]) {
    match Encoding::Json.decode::<CancelRequest>(data, MAX_BODY_BYTES) {
        Ok(request) => {
            ends_where_it_ends::<CancelRequest>(Encoding::Json, data);
            survives(&request);
        }
        Err(error) => is_brief(&error),
    }
}
