//! What becomes of machines, as tables of cases.

use std::collections::BTreeMap;

use ogent_protocol::Platform;
use ogent_protocol::enroll::identity::Decided;
use ogent_protocol::enroll::invite::Use;
use ogent_protocol::enroll::{Facts, Ground, Proof};

use super::*;

fn key(letter: char) -> UserKey {
    format!("U{}", letter.to_string().repeat(55)).parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn request(letter: char) -> EnrollRequest {
    let platform = Platform { os: "linux".into(), distribution: None, arch: "a".into(), kernel: "k".into() };
    EnrollRequest {
        ground: Ground::Invite { id: "i1".parse().unwrap(), secret: "s".into() },
        id: None,
        key: key(letter),
        signer: key(letter.to_ascii_uppercase().max('N')),
        facts: Facts { hostname: None, platform, version: "1".into(), machine: "m".into(), user: "u".into() },
        labels: BTreeMap::from([("role".into(), "db".into()), ("rack".into(), "7".into())]),
        nonce: "n".repeat(16),
        proof: Proof { key: String::new(), signer: String::new() },
    }
}

fn invite() -> Invite {
    Invite {
        id: "i1".parse().unwrap(),
        secret_hash: String::new(),
        agent: Some("web-1".parse().unwrap()),
        labels: BTreeMap::from([("role".into(), "web".into())]),
        uses: 1,
        hold: false,
        replace: false,
        created_at: at(0),
        created_by: "alice".into(),
        expires_at: at(100),
        withdrawn: None,
        used: Vec::new(),
    }
}

fn written(known: Option<Identity>, invite: &Invite, letter: char) -> Identity {
    match course(known, invite, "web-1".parse().unwrap(), &request(letter), at(10)) {
        Course::Write(identity) => *identity,
        other => panic!("{other:?}"),
    }
}

fn refused(known: Identity, invite: &Invite, letter: char) -> Refusal {
    match course(Some(known), invite, "web-1".parse().unwrap(), &request(letter), at(10)) {
        Course::Refuse(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn decided() -> Decided {
    Decided { by: "alice".into(), at: at(1), reason: None }
}

#[test]
fn a_newcomer_is_in_at_once_or_waits_as_the_invitation_says() {
    let one = written(None, &invite(), 'A');
    assert_eq!((one.state, one.generation), (IdentityState::Active, 1));
    let held = written(None, &Invite { hold: true, ..invite() }, 'A');
    assert_eq!(held.state, IdentityState::Pending);
}

#[test]
fn what_an_admin_says_wins_over_what_the_machine_says() {
    let labels = written(None, &invite(), 'A').labels;
    assert_eq!(labels, BTreeMap::from([("role".into(), "web".into()), ("rack".into(), "7".into())]));
}

#[test]
fn the_same_machine_again_gets_the_same() {
    let known = written(None, &invite(), 'A');
    let again = course(Some(known.clone()), &invite(), "web-1".parse().unwrap(), &request('A'), at(50));
    assert_eq!(again, Course::Grant(Box::new(known)));
}

#[test]
fn an_id_never_passes_to_another_key_by_itself() {
    let known = written(None, &invite(), 'A');
    assert_eq!(refused(known.clone(), &invite(), 'B'), Refusal::Taken);
    // Also not when its key was revoked, and not while nobody has decided.
    assert_eq!(refused(known.clone().revoke(decided()).unwrap(), &invite(), 'B'), Refusal::Taken);
    let pending = Identity { state: IdentityState::Pending, ..known };
    assert_eq!(refused(pending, &invite(), 'B'), Refusal::Taken);
}

#[test]
fn replacing_makes_another_generation_and_bars_the_key_before() {
    let first = Identity { issued_at: Some(at(1)), ends_at: Some(at(1000)), ..written(None, &invite(), 'A') };
    let replace = Invite { replace: true, ..invite() };
    let second = written(Some(first), &replace, 'B');
    assert_eq!((second.generation, second.key.clone()), (2, key('B')));
    assert_eq!(second.barred(at(10)).collect::<Vec<_>>(), [&key('A')]);
    // The key before does not come back, not even with such an invitation.
    assert_eq!(refused(second, &replace, 'A'), Refusal::Barred);
}

#[test]
fn a_rejected_machine_does_not_keep_the_id_from_others() {
    let held = written(None, &Invite { hold: true, ..invite() }, 'A').reject(decided()).unwrap();
    assert_eq!(refused(held.clone(), &invite(), 'A'), Refusal::Rejected);
    assert_eq!(written(Some(held), &invite(), 'B').generation, 2);
}

#[test]
fn a_key_to_sign_with_is_not_exchanged_alone() {
    let known = Identity { signer: key('Z'), ..written(None, &invite(), 'A') };
    assert_eq!(refused(known, &invite(), 'A'), Refusal::Barred);
}

#[test]
fn the_id_comes_from_the_invitation_the_wish_or_the_key() {
    let wish = |id: &str| EnrollRequest { id: Some(id.parse().unwrap()), ..request('A') };
    let open = Invite { agent: None, ..invite() };
    assert_eq!(name(&invite(), &request('A')).unwrap().as_str(), "web-1");
    assert_eq!(name(&invite(), &wish("web-2")), Err(Refusal::OtherId));
    assert_eq!(name(&open, &wish("web-2")).unwrap().as_str(), "web-2");
    assert_eq!(name(&open, &request('A')).unwrap().as_str(), "agent-aaaaaaaaaaaa");
    assert!(matches!(name(&open, &wish("pending")), Err(Refusal::Invalid(_))));
    let used = Use { agent: "web-7".parse().unwrap(), key: key('A'), at: at(1) };
    assert_eq!(name(&Invite { used: vec![used], ..open }, &wish("web-9")).unwrap().as_str(), "web-7");
}
