//! Intents: what anybody may publish to an agent.

use ogent_protocol::event::{Accepted, Origin};
use ogent_protocol::intent::{Program, Run};
use ogent_protocol::verdict::{Effect, EffectKind, Privilege, Provenance, Span, TargetClass};
use ogent_protocol::{
    CommandId, Decision, Encoding, Event, EventKind, Intent, IntentWire, Link, PolicyMode, RiskLevel, Ruling, SignedBy,
    SignerRole, Verdict, limits,
};

use super::same::{ends_where_it_ends, is_brief, survives};

/// An intent in JSON.
pub fn intent_json(data: &[u8]) {
    intent(data, Encoding::Json);
}

/// An intent in MessagePack.
pub fn intent_msgpack(data: &[u8]) {
    intent(data, Encoding::MsgPack);
}

fn intent(data: &[u8], encoding: Encoding) {
    let wire = match encoding.decode::<IntentWire>(data, limits::MAX_INTENT_BYTES) {
        Ok(wire) => wire,
        Err(error) => return is_brief(&error),
    };
    ends_where_it_ends::<IntentWire>(encoding, data);
    survives(&wire);
    let named = wire.id.clone();
    let made: CommandId = "made-by-the-agent".parse().unwrap();
    let intent = match wire.admit(|| made.clone()) {
        Ok(intent) => intent,
        Err(error) => return is_brief(&error),
    };
    assert_eq!(intent.id(), named.as_ref().unwrap_or(&made), "an intent keeps its id");
    assert!(intent.agent().is_none_or(|agent| is_token(agent.as_str())));
    comes_back(&intent);
    if let Intent::Run(run) = intent {
        is_within_limits(&run);
        fits_its_claim(&run);
    }
}

/// What was admitted is the same intent when it has been sent on, and a retry of it the same request.
fn comes_back(intent: &Intent) {
    for encoding in [Encoding::Json, Encoding::MsgPack] {
        let Ok(bytes) = encoding.encode(&intent.to_wire()) else { continue };
        let wire: IntentWire = encoding.decode(&bytes, bytes.len()).expect("what we write is what we read");
        let again = wire.admit(|| panic!("the id was lost")).expect("what was admitted once is admitted again");
        assert_eq!(&again, intent);
        if let (Intent::Run(one), Intent::Run(other)) = (intent, &again) {
            assert!(one.asks_the_same(other));
        }
    }
}

/// Everything that goes to the kernel is bounded and without NUL.
pub(super) fn is_within_limits(run: &Run) {
    let is_short = |text: &Option<String>| {
        text.as_ref().is_none_or(|text| is_plain(text) && (1..=limits::MAX_TEXT_BYTES).contains(&text.len()))
    };
    assert!(is_token(run.id.as_str()));
    assert!([&run.cwd, &run.user, &run.reason, &run.requested_by].into_iter().all(is_short));
    assert!(run.cwd.as_ref().is_none_or(|cwd| cwd.starts_with('/')));
    assert!(run.timeout <= limits::MAX_TIMEOUT && !run.timeout.is_zero());
    assert!(run.max_output_bytes <= limits::MAX_OUTPUT_BYTES);
    assert!(run.stdin.as_ref().is_none_or(|stdin| stdin.len() <= limits::MAX_STDIN_BYTES));
    let env: usize = run.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(env <= limits::MAX_COMMAND_BYTES && run.env.len() <= limits::MAX_ENTRIES);
    assert!(run.env.iter().all(|(name, value)| is_plain(name) && is_plain(value)));
    assert!(run.env.keys().all(|name| !name.is_empty() && !name.contains('=')));
    let words = match &run.program {
        Program::Shell(line) => std::slice::from_ref(line),
        Program::Argv(argv) => argv,
    };
    assert!(words.iter().map(String::len).sum::<usize>() <= limits::MAX_COMMAND_BYTES);
    assert!(words.len() <= limits::MAX_ENTRIES && words.iter().all(|word| is_plain(word)));
    assert!(words.first().is_some_and(|word| !word.is_empty()));
}

/// An intent that the ledger takes can be claimed: the event that carries it fits a payload.
fn fits_its_claim(run: &Run) {
    let intent = Intent::Run(Box::new(run.clone()));
    let size = Encoding::Json.encode(&intent.to_wire()).map_or(usize::MAX, |bytes| bytes.len());
    if size > limits::MAX_INTENT_BYTES {
        return;
    }
    let (verdict, ruling) = (Some(heaviest_verdict()), Some(longest_ruling()));
    let (origin, instance) = (Origin::Direct, "x".repeat(64));
    let (role, name, key) = (SignerRole::Gateway, "x".repeat(limits::MAX_ID_BYTES), "U".repeat(56));
    let signed_by = Some(SignedBy { role, name, key });
    let accepted = Accepted { intent: run.clone(), origin, instance, signed_by, verdict, ruling };
    let event = Event {
        agent: "a".repeat(limits::MAX_ID_BYTES).parse().unwrap(),
        command: run.id.clone(),
        n: 0,
        time: jiff::Timestamp::MAX,
        previous: Some(Link::to(b"")),
        kind: EventKind::Accepted(Box::new(accepted)),
    };
    survives(&event);
    assert!(Encoding::Json.encode(&event).is_ok(), "an intent of {size} bytes cannot be claimed");
}

/// As much as a stored verdict may have.
fn heaviest_verdict() -> Verdict {
    let text = "\u{1}".repeat(limits::MAX_VERDICT_TEXT_BYTES);
    let effect = Effect {
        kind: EffectKind::VersionControlLoss,
        target: Some(text),
        class: TargetClass::WorkingFolder,
        provenance: Provenance::CommandOutput,
        privilege: Privilege::Elevated,
        recursive: true,
        level: RiskLevel::Critical,
        span: Span::new(usize::MAX, usize::MAX),
    };
    Verdict { level: RiskLevel::Critical, effects: vec![effect; 50], ..Verdict::default() }.bounded()
}

fn longest_ruling() -> Ruling {
    let because = "\u{1}".repeat(1024);
    Ruling { decision: Decision::Block, enforced: Decision::Block, mode: PolicyMode::Enforce, because }
}

/// One token of a subject, as the NATS server understands it, and nothing that means more.
pub(super) fn is_token(text: &str) -> bool {
    let is_safe = |b: u8| b.is_ascii_graphic() && !b".*>$/\\\"'".contains(&b);
    (1..=limits::MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_safe)
}

fn is_plain(text: &str) -> bool {
    !text.contains('\0')
}
