//! Whole histories, and what somebody could do to them.

use jiff::Timestamp;
use ogent_protocol::event::{OutputTotal, Started};
use ogent_protocol::subject;
use ogent_protocol::{Approval, Encoding, IntentWire, Outcome, OutputChunk, OutputStream, PolicyMode, Ruling, Verdict};
use ogent_protocol::{Decision, event::Origin};
use proptest::prelude::*;

use super::*;
use crate::credentials::{self, Certificate, Key, KeyKind, SignerFile, Trust};
use crate::sign::Signer;

struct Keys {
    roles: Vec<(credentials::SignerRole, Key)>,
}

impl Keys {
    fn new() -> Self {
        use credentials::SignerRole::{Agent, Gateway, Person};
        Self {
            roles: [Gateway, Agent, Person].into_iter().map(|role| (role, Key::generate(KeyKind::Account))).collect(),
        }
    }

    fn verifier(&self) -> Verifier {
        let signers = self.roles.iter().map(|(role, key)| (*role, vec![key.public()])).collect();
        Verifier::new(Trust { operator: Key::generate(KeyKind::Operator).public(), accounts: [].into(), signers })
    }

    fn signer(&self, role: credentials::SignerRole, name: &str) -> Signer {
        let role_key = &self.roles.iter().find(|(known, _)| *known == role).unwrap().1;
        let key = Key::generate(KeyKind::User);
        let name = name.parse().unwrap();
        let certificate = Certificate::issue(role_key, role, &name, &key.public(), Timestamp::now(), None).unwrap();
        Signer::new(SignerFile { certificate, key })
    }
}

fn record(
    signer: &Signer,
    purpose: Purpose,
    subject: String,
    sequence: u64,
    payload: &[u8],
    known: Option<&str>,
) -> EvidenceRecord {
    let seal = signer.seal(purpose, payload, known).unwrap();
    let stream = match purpose {
        Purpose::Intent => COMMANDS,
        Purpose::Event => RESULTS,
        Purpose::Approval => APPROVALS,
    };
    EvidenceRecord {
        stream: stream.to_owned(),
        sequence,
        time: Timestamp::now(),
        subject,
        headers: seal.headers().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        payload: EvidenceRecord::encode(payload),
    }
}

/// A command that was approved, ran, printed, was cancelled, and ended.
fn history(keys: &Keys) -> (CommandId, Vec<EvidenceRecord>) {
    let (agent, id): (AgentId, CommandId) = ("web-1".parse().unwrap(), CommandId::generate());
    let gateway = keys.signer(credentials::SignerRole::Gateway, "gw");
    let signer = keys.signer(credentials::SignerRole::Agent, "web-1");
    let now = Timestamp::now();
    let wire = IntentWire {
        command: Some("sleep 9".into()),
        agent: Some(agent.clone()),
        not_after: Some(now + SignedDuration::from_mins(5)),
        requested_by: Some("alice".into()),
        ..IntentWire::default()
    };
    let Ok(Intent::Run(run)) = wire.admit(|| id.clone()) else { unreachable!() };
    let hash = approval::hash(&agent, &run);
    let given = Approval { by: "bob".into(), at: now, reason: None, hash: hash.clone() };
    let because = String::new();
    let ruling = Ruling { decision: Decision::Ask, enforced: Decision::Ask, mode: PolicyMode::Enforce, because };
    let proposed = Proposed {
        intent: (*run).clone(),
        verdict: Verdict::default(),
        ruling,
        hash,
        expires_at: now + SignedDuration::from_hours(1),
        start_within_s: None,
    };
    let mut records = Vec::new();
    let kinds = [ProposalKind::Proposed(Box::new(proposed)), ProposalKind::Approved(given.clone())];
    for (n, kind) in (0..).zip(kinds) {
        let event = ProposalEvent { agent: agent.clone(), command: id.clone(), n, time: now, kind };
        let payload = Encoding::Json.encode(&event).unwrap();
        records.push(record(&gateway, Purpose::Approval, subject::approval(&agent, &id), 3 + n, &payload, None));
    }
    let sent = Run { approval: Some(given), ..*run };
    let payload = Encoding::Json.encode(&Intent::Run(Box::new(sent.clone())).to_wire()).unwrap();
    let mut link = Link::to(&payload);
    let about = subject::command(&agent, &id);
    records.push(record(&gateway, Purpose::Intent, about.clone(), 7, &payload, None));
    let requested_by = Some("alice".to_owned());
    let cancel =
        Cancel { id: id.clone(), agent: Some(agent.clone()), requested_by, requested_at: Some(now), reason: None };
    let payload = Encoding::Json.encode(&Intent::Cancel(cancel).to_wire()).unwrap();
    records.push(record(&gateway, Purpose::Intent, about, 9, &payload, None));
    let accepted = Accepted {
        intent: sent,
        origin: Origin::Ledger,
        instance: "i".into(),
        signed_by: Some(gateway.who()),
        verdict: None,
        ruling: None,
    };
    let chunk = |offset| OutputChunk { stream: OutputStream::Stdout, offset, data: "x".into() };
    let mut end = Finished::without_process(Outcome::Cancelled, Cause::Cancelled, "cancelled by alice");
    end.stdout = OutputTotal { bytes: 2, cut: 0 };
    let kinds = [
        EventKind::Accepted(Box::new(accepted)),
        EventKind::Started(Started { pid: 17 }),
        EventKind::Output(chunk(0)),
        EventKind::Output(chunk(1)),
        EventKind::Finished(Box::new(end)),
    ];
    let mut known: Option<String> = None;
    for (n, kind) in (0..).zip(kinds) {
        let (agent, command) = (agent.clone(), id.clone());
        let about = subject::result(&agent, &command);
        let event = Event { agent, command, n, time: now, previous: Some(link), kind };
        let payload = Encoding::Json.encode(&event).unwrap();
        link = Link::to(&payload);
        let stored = record(&signer, Purpose::Event, about, 20 + n, &payload, known.as_deref());
        known = known
            .or_else(|| stored.headers.iter().find(|(name, _)| name == "Ogent-Certificate").map(|it| it.1.clone()));
        records.push(stored);
    }
    (id, records)
}

fn prove(keys: &Keys, id: &CommandId, records: &[EvidenceRecord]) -> Report {
    let mut proof = Proof::new(keys.verifier(), id.clone());
    records.iter().for_each(|record| proof.see(record));
    proof.finish(Timestamp::now())
}

fn is_proved(report: &Report) -> bool {
    report.misfit.is_none() && report.end == End::Ended(Outcome::Cancelled)
}

#[test]
fn a_whole_history_is_proved() {
    let keys = Keys::new();
    let (id, records) = history(&keys);
    let report = prove(&keys, &id, &records);
    assert!(is_proved(&report), "{report:?}");
    let told: Vec<_> = report.steps.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(told[1], "approved by bob");
    assert!(told[2].starts_with("asked for by alice, approved by bob: sleep 9"), "{told:?}");
    assert_eq!((report.output_events, report.steps.len()), (2, 7));
    // Another set-up's keys prove nothing.
    let foreign = prove(&Keys::new(), &id, &records).misfit.unwrap();
    assert!(foreign.problem.contains("not trusted"), "{foreign:?}");
}

#[test]
fn nothing_can_be_left_out_put_in_or_moved() {
    let keys = Keys::new();
    let (id, records) = history(&keys);
    for at in 0..records.len() {
        let mut fewer = records.clone();
        fewer.remove(at);
        assert!(!is_proved(&prove(&keys, &id, &fewer)), "without {:?}", records[at]);
        for to in 0..=records.len() {
            let mut more = records.clone();
            more.insert(to, records[at].clone());
            assert!(!is_proved(&prove(&keys, &id, &more)), "{at} again at {to}");
            // Whoever holds the ledger numbers it as they like.
            for (sequence, record) in (100..).zip(&mut more) {
                record.sequence = sequence;
            }
            assert!(!is_proved(&prove(&keys, &id, &more)), "{at} again at {to}, numbered anew");
        }
        for other in at + 1..records.len() {
            let mut moved = records.clone();
            moved.swap(at, other);
            for (sequence, record) in (100..).zip(&mut moved) {
                record.sequence = sequence;
            }
            assert!(!is_proved(&prove(&keys, &id, &moved)), "{at} and {other} changed places");
        }
    }
}

#[test]
fn a_record_of_another_command_does_not_fit() {
    let keys = Keys::new();
    let ((id, records), (_, others)) = (history(&keys), history(&keys));
    for at in 0..records.len() {
        let mut mixed = records.clone();
        mixed[at] = EvidenceRecord { subject: records[at].subject.clone(), ..others[at].clone() };
        assert!(!is_proved(&prove(&keys, &id, &mixed)), "{at}");
    }
}

#[test]
fn nobody_signs_what_is_not_theirs_to_say() {
    let keys = Keys::new();
    let (id, records) = history(&keys);
    use credentials::SignerRole::{Agent, Gateway, Person};
    for (role, name) in [(Gateway, "gw"), (Agent, "web-1"), (Agent, "web-2"), (Person, "alice"), (Person, "web-1")] {
        let signer = keys.signer(role, name);
        for at in 0..records.len() {
            let purpose = match records[at].stream.as_str() {
                COMMANDS => Purpose::Intent,
                RESULTS => Purpose::Event,
                _ => Purpose::Approval,
            };
            let mut forged = records.clone();
            let payload = records[at].bytes().unwrap();
            forged[at] = record(&signer, purpose, records[at].subject.clone(), records[at].sequence, &payload, None);
            // Another gateway may sign what gateways sign, and another key of the agent what it tells; but what the agent
            // has seen stays what it has seen.
            let may = match (role, purpose) {
                (Gateway, Purpose::Approval) => true,
                (Gateway, Purpose::Intent) => at == 3,
                (Agent, Purpose::Event) => name == "web-1",
                // A cancellation is alice's to sign.
                (Person, Purpose::Intent) => name == "alice" && at == 3,
                _ => false,
            };
            // Those behind it have their certificate from the first event.
            let may = may && !(purpose == Purpose::Event && at < 8);
            assert_eq!(is_proved(&prove(&keys, &id, &forged)), may, "{role:?} {name} {at}");
        }
    }
}

/// Two lives of an agent, or one that lies, may sign two events with one number: what follows says which one it was.
#[test]
fn an_event_cannot_be_changed_for_another_that_the_agent_has_signed() {
    let keys = Keys::new();
    let (id, records) = history(&keys);
    let signer = keys.signer(credentials::SignerRole::Agent, "web-1");
    let last = records.len() - 1;
    for at in 4..last {
        let mut event: Event = serde_json::from_slice(&records[at].bytes().unwrap()).unwrap();
        event.time += SignedDuration::from_secs(1);
        let payload = Encoding::Json.encode(&event).unwrap();
        let mut changed = records.clone();
        let (subject, sequence) = (records[at].subject.clone(), records[at].sequence);
        changed[at] = record(&signer, Purpose::Event, subject, sequence, &payload, None);
        // Each brings its certificate along, so that only the tie between them can tell.
        for behind in &mut changed[at + 1..] {
            let payload = behind.bytes().unwrap();
            *behind = record(&signer, Purpose::Event, behind.subject.clone(), behind.sequence, &payload, None);
        }
        let misfit = prove(&keys, &id, &changed).misfit.unwrap();
        assert_eq!(misfit.sequence, Some(records[at + 1].sequence), "{misfit:?}");
        assert!(misfit.problem.contains("does not follow"), "{misfit:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_byte_can_be_changed(at in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), bit in 0..7u8, part in 0..4u8) {
        let keys = Keys::new();
        let (id, mut records) = history(&keys);
        let changed = at.get_mut(&mut records);
        let change = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let byte = place.get_mut(&mut bytes);
            *byte ^= 1 << bit;
            String::from_utf8(bytes).ok()
        };
        let before = changed.clone();
        match part {
            0 => {
                let mut payload = changed.bytes().unwrap();
                *place.get_mut(&mut payload) ^= 1 << bit;
                changed.payload = EvidenceRecord::encode(&payload);
            }
            1 => changed.subject = change(&changed.subject).unwrap_or_default(),
            _ => {
                let header = place.index(changed.headers.len());
                let (name, value) = &mut changed.headers[header];
                *if part == 2 { name } else { &mut *value } = change(if part == 2 { name } else { value }).unwrap_or_default();
            }
        }
        // The names of headers are the same in capitals.
        let is_same = changed.headers.iter().zip(&before.headers).all(|(one, other)| one.0.eq_ignore_ascii_case(&other.0) && one.1 == other.1)
            && changed.payload == before.payload && changed.subject == before.subject;
        prop_assert_eq!(is_proved(&prove(&keys, &id, &records)), is_same);
    }

    #[test]
    fn no_record_makes_it_panic(stream in any::<String>(), subject in any::<String>(), payload in any::<String>(), headers in any::<Vec<(String, String)>>()) {
        let keys = Keys::new();
        let mut proof = Proof::new(keys.verifier(), CommandId::generate());
        for stream in [stream.as_str(), COMMANDS, RESULTS, APPROVALS] {
            let (stream, subject) = (stream.to_owned(), subject.clone());
            proof.see(&EvidenceRecord { stream, subject, sequence: 1, time: Timestamp::MAX, headers: headers.clone(), payload: payload.clone() });
        }
        prop_assert!(proof.finish(Timestamp::MIN).misfit.is_some());
    }
}
