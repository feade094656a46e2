//! Machines that join, stay and are shut out, with a real broker, registrars and agents.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(missing_docs, unreachable_pub)]
mod enrolment;

use std::time::{Duration, Instant};

use ogent_broker::Broker;
use ogent_broker::credentials::Creds;
use ogent_broker::permissions::Role;
use ogent_protocol::enroll::admin::{AdminAction, InviteRequest, InviteState};
use ogent_protocol::enroll::identity::IdentityState;
use ogent_protocol::{JoinToken, Outcome};
use ogent_testkit::{TestBroker, TestGateway, TestRegistrar, wait_until};
use serde_json::json;

use self::enrolment::{Fleet, LIMIT, Machine, Wiretap};

fn for_web_1() -> InviteRequest {
    InviteRequest { id: Some("web-1".parse().unwrap()), ..InviteRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invited_machine_joins_and_runs_commands() {
    let fleet = Fleet::start().await;
    let labels = [("role".to_owned(), "web".to_owned())].into();
    let created = fleet.invite(InviteRequest { labels, ..for_web_1() }).await;
    let machine = Machine::new();
    let enrolled = machine.join_with(&created.token, |args| {
        args.labels = vec![("role".into(), "db".into()), ("rack".into(), "7".into())];
    });
    let enrolled = enrolled.await.unwrap();
    assert_eq!((enrolled.id.as_str(), enrolled.generation), ("web-1", 1));
    assert_eq!(enrolled.labels["role"], "web", "what an admin says wins");
    assert_eq!(enrolled.labels["rack"], "7");
    let agent = machine.run().await.unwrap();
    assert_eq!(fleet.run("web-1", "echo hello").await, Outcome::Succeeded);
    agent.stop().await.unwrap();
    // Seeds are for their owner only, and everything that the agent signs with is there.
    for (file, mode) in [
        ("agent.nk", 0o600),
        ("signer.nk", 0o600),
        ("agent.creds", 0o600),
        ("agent.sign", 0o600),
        ("return.jwt", 0o600),
        ("trust.json", 0o644),
    ] {
        assert_eq!(machine.mode(file), mode, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_seed_is_on_the_wire_or_in_the_records() {
    let broker = TestBroker::start().await;
    let tap = Wiretap::start(&broker.url()).await;
    let public = tap.url.clone();
    let fleet = Fleet::with(broker, |args| args.public_nats_url = Some(public.clone())).await;
    let machine = Machine::new();
    machine.join(&fleet.invite(for_web_1()).await.token).await.unwrap();
    let agent = machine.run().await.unwrap();
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    agent.stop().await.unwrap();
    let heard = tap.heard();
    let has = |text: &str| heard.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("enroll.requests") && has("ogent.command.finished"), "the tap hears everything");
    let records = serde_json::to_string(&fleet.identities().await).unwrap();
    for file in ["agent.nk", "signer.nk"] {
        let seed = machine.read(file);
        assert!(seed.trim().len() == 58 && !has(seed.trim()), "{file} is on the wire");
        assert!(!records.contains(seed.trim()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_machine_waits_until_an_admin_accepts_it() {
    let fleet = Fleet::start().await;
    let created = fleet.invite(InviteRequest { hold: true, ..for_web_1() }).await;
    let machine = Machine::new();
    let joining = tokio::spawn({
        let (machine, token) = (machine.clone(), created.token.clone());
        async move { machine.join(&token).await }
    });
    let pending = wait_until("the machine to ask", LIMIT, async || {
        fleet.identities().await.into_iter().find(|one| one.state == IdentityState::Pending)
    });
    assert_eq!(pending.await.id.as_str(), "web-1");
    assert!(machine.run().await.is_err(), "it has no credentials yet");
    fleet.accept("web-1").await.unwrap();
    assert_eq!(joining.await.unwrap().unwrap().id.as_str(), "web-1");
    let agent = machine.run().await.unwrap();
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    agent.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_machine_is_told_and_does_not_keep_the_id() {
    let fleet = Fleet::start().await;
    let held = InviteRequest { hold: true, ..for_web_1() };
    let machine = Machine::new();
    let joining = tokio::spawn({
        let (machine, token) = (machine.clone(), fleet.invite(held).await.token);
        async move { machine.join(&token).await }
    });
    wait_until("the machine to ask", LIMIT, async || fleet.identities().await.pop()).await;
    fleet.reject("web-1").await.unwrap();
    let error = joining.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("an admin has refused"), "{error}");
    assert!(fleet.accept("web-1").await.is_err(), "who was rejected is not let in by mistake");
    let other = Machine::new();
    assert_eq!(other.join(&fleet.invite(for_web_1()).await.token).await.unwrap().generation, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_is_used_as_often_as_it_says() {
    let fleet = Fleet::start().await;
    let created = fleet.invite(InviteRequest::default()).await;
    let (first, second) = (Machine::new(), Machine::new());
    let id = first.join(&created.token).await.unwrap().id;
    // The same machine may ask again, and is the same agent.
    assert_eq!(first.join(&created.token).await.unwrap().id, id);
    let error = second.join(&created.token).await.unwrap_err().to_string();
    assert!(error.contains("has been used up"), "{error}");
    let invites = fleet.invites().await;
    assert_eq!((invites[0].used.len(), invites[0].state), (1, InviteState::UsedUp));
    assert_eq!(fleet.identities().await.len(), 1, "who is not let in leaves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invitations_end_and_are_withdrawn() {
    let fleet = Fleet::start().await;
    let short = fleet.invite(InviteRequest { ttl_s: Some(1), ..InviteRequest::default() }).await;
    let gone = fleet.invite(InviteRequest::default()).await;
    fleet.admin(AdminAction::Withdraw { invite: gone.invite.id.clone() }).await.unwrap();
    let error = Machine::new().join(&gone.token).await.unwrap_err().to_string();
    assert!(error.contains("was withdrawn"), "{error}");
    wait_until("the end", LIMIT, async || (jiff::Timestamp::now() >= short.invite.expires_at).then_some(())).await;
    let error = Machine::new().join(&short.token).await.unwrap_err().to_string();
    assert!(error.contains("has expired"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_learns_nothing_and_is_slowed_down() {
    let fleet = Fleet::start().await;
    let created = fleet.invite(for_web_1()).await;
    Machine::new().join(&created.token).await.unwrap();
    let good: JoinToken = fleet.invite(InviteRequest::default()).await.token.parse().unwrap();
    // Whoever guesses hears the same of an invitation that is there and of one that is not.
    let wrong_secret = JoinToken { secret: "guessed".into(), ..good.clone() };
    let error = Machine::new().join(&wrong_secret.to_string()).await.unwrap_err().to_string();
    let used = created.token.parse::<JoinToken>().unwrap();
    let used_and_wrong = JoinToken { secret: "guessed".into(), ..used };
    assert_eq!(Machine::new().join(&used_and_wrong.to_string()).await.unwrap_err().to_string(), error);
    assert!(error.contains("not valid") && !error.contains("web-1"), "{error}");
    let answers = fleet.guess(&wrong_secret, 20).await;
    assert!(answers.iter().any(|code| code == "too_many_attempts"), "{answers:?}");
    assert_eq!(fleet.identities().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_passes_to_another_key_only_by_replace() {
    let fleet = Fleet::start().await;
    let first = Machine::new();
    first.join(&fleet.invite(for_web_1()).await.token).await.unwrap();
    let running = first.run().await.unwrap();
    // Neither by an invitation that leaves the id open, nor by a new one for it.
    let open = fleet.invite(InviteRequest::default()).await;
    let second = Machine::new();
    let error = second.join_with(&open.token, |args| args.id = Some("web-1".parse().unwrap())).await.unwrap_err();
    assert!(error.to_string().contains("ogent agents replace"), "{error}");
    assert_eq!(fleet.invites().await[0].used.len(), 0, "a refusal costs nothing");
    let error = fleet.admin(AdminAction::Invite(for_web_1())).await.unwrap_err().to_string();
    assert!(error.contains("has joined before"), "{error}");

    let replace = fleet.invite(InviteRequest { replace: true, ..for_web_1() }).await;
    let enrolled = second.join(&replace.token).await.unwrap();
    assert_eq!((enrolled.id.as_str(), enrolled.generation), ("web-1", 2));
    // The machine before is out, says so, and does not come back.
    let error = running.ended().await.unwrap_err().to_string();
    assert!(error.contains("another machine has taken its place"), "{error}");
    assert!(!fleet.is_let_in(&first).await && fleet.is_let_in(&second).await);
    let error = first.join(&replace.token).await.unwrap_err().to_string();
    assert!(error.contains("used up") || error.contains("may not be used any more"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_revoked_is_cut_off_within_five_seconds_whatever_it_does() {
    let fleet = Fleet::start().await;
    let machine = Machine::new();
    machine.join(&fleet.invite(for_web_1()).await.token).await.unwrap();
    let running = machine.run().await.unwrap();
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    // It holds connections open, talks on them all the time, and opens new ones as fast as it can.
    let attack = fleet.attack(&machine).await;
    wait_until("the attack", LIMIT, async || (attack.connected() > 5).then_some(())).await;
    let asked = Instant::now();
    fleet.revoke("web-1").await.unwrap();
    let answered = asked.elapsed();
    tokio::time::sleep_until((asked + Duration::from_secs(5)).into()).await;
    let (connected, heard) = (attack.connected(), fleet.heard_from("web-1"));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(attack.connected(), connected, "nobody gets in after 5 s");
    assert_eq!(fleet.heard_from("web-1"), heard, "nothing is heard after 5 s");
    assert!(attack.tried() > connected + 5, "it goes on trying");
    assert!(answered < Duration::from_secs(5), "{answered:?}");
    let error = running.ended().await.unwrap_err().to_string();
    assert!(error.contains("revoked") && error.contains("ogent agents invite"), "{error}");
    assert!(machine.run().await.is_err_and(|error| error.to_string().contains("revoked")));
    // Its keys do not come back, not by another invitation and not under another name.
    let other = fleet.invite(InviteRequest::default()).await;
    let error = machine.join_with(&other.token, |args| args.id = Some("web-9".parse().unwrap())).await.unwrap_err();
    assert!(error.to_string().contains("--new-keys"), "{error}");
    assert!(!fleet.is_let_in(&machine).await);
    // With new keys and an invitation, the machine may come as somebody else.
    let again = machine.join_with(&other.token, |args| args.new_keys = true).await.unwrap();
    assert!(again.id.as_str() != "web-1" && fleet.is_let_in(&machine).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_revoked_is_shown_so_and_asked_for_nothing_until_it_is_replaced() {
    let fleet = Fleet::start().await;
    let gateway = TestGateway::start(&fleet.broker).await;
    let labels = [("role".to_owned(), "web".to_owned())].into();
    let machine = Machine::new();
    machine.join(&fleet.invite(InviteRequest { labels, ..for_web_1() }).await.token).await.unwrap();
    let agent = machine.run().await.unwrap();
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    let status = async |wanted: &str| {
        wait_until(&format!("it to be {wanted}"), LIMIT, async || {
            (gateway.get("/agents/web-1").await.1["status"] == wanted).then_some(())
        })
        .await;
    };
    status("online").await;
    fleet.revoke("web-1").await.unwrap();
    status("revoked").await;
    for queue in [true, false] {
        let (code, problem) = gateway.post("/agents/web-1/execute", json!({"command": "true", "queue": queue})).await;
        assert_eq!((code, problem["code"].as_str()), (409, Some("agent_revoked")), "{problem}");
    }
    let _ = agent.ended().await;
    // Another machine has the id, and what policies know it by.
    let other = Machine::new();
    let joined = other.join(&fleet.invite(InviteRequest { replace: true, ..for_web_1() }).await.token).await.unwrap();
    assert_eq!((joined.generation, joined.labels["role"].as_str()), (2, "web"));
    let agent = other.run().await.unwrap();
    status("online").await;
    agent.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_survive_the_brokers_restart_without_a_registrar() {
    let mut fleet = Fleet::start().await;
    let (kept, revoked) = (Machine::new(), Machine::new());
    kept.join(&fleet.invite(for_web_1()).await.token).await.unwrap();
    let id = revoked.join(&fleet.invite(InviteRequest::default()).await.token).await.unwrap().id;
    let agent = kept.run().await.unwrap();
    fleet.revoke(id.as_str()).await.unwrap();
    fleet.stop_registrar().await;
    fleet.restart_broker().await;
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    assert!(!fleet.is_let_in(&revoked).await, "who is revoked stays so");
    agent.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_renewed_while_a_command_runs() {
    let fleet = Fleet::with(TestBroker::start().await, |args| args.credentials_ttl = 4).await;
    let machine = Machine::new();
    let first = machine.join(&fleet.invite(for_web_1()).await.token).await.unwrap();
    let agent = machine.run().await.unwrap();
    let outcome = fleet.run("web-1", "sleep 9; echo done");
    assert_eq!(outcome.await, Outcome::Succeeded);
    let now = machine.enrolled();
    assert!(now.expires_at > first.expires_at, "renewed");
    assert!(jiff::Timestamp::now() > first.expires_at, "the first credentials have ended meanwhile");
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    agent.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_slept_too_long_comes_back_by_itself() {
    let mut fleet = Fleet::with(TestBroker::start().await, |args| args.credentials_ttl = 4).await;
    let machine = Machine::new();
    machine.join(&fleet.invite(for_web_1()).await.token).await.unwrap();
    wait_until("the end of its credentials", LIMIT, async || (!fleet.is_let_in(&machine).await).then_some(())).await;
    let agent = machine.run().await.unwrap();
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    // Also while it runs, when no registrar was there in time.
    fleet.stop_registrar().await;
    let last = machine.enrolled().expires_at;
    wait_until("the end", LIMIT, async || (jiff::Timestamp::now() > last).then_some(())).await;
    fleet.start_registrar().await;
    wait_until("new credentials", 2 * LIMIT, async || (machine.enrolled().expires_at > last).then_some(())).await;
    assert_eq!(fleet.run("web-1", "true").await, Outcome::Succeeded);
    agent.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_registrars_agree() {
    let fleet = Fleet::start().await;
    let second = TestRegistrar::start(&fleet.broker).await;
    let created = fleet.invite(InviteRequest { uses: Some(8), ..InviteRequest::default() }).await;
    let machines: Vec<Machine> = (0..12).map(|_| Machine::new()).collect();
    let joining = machines.iter().map(|machine| machine.join(&created.token));
    let joined: Vec<_> = futures::future::join_all(joining).await;
    let (inside, outside): (Vec<_>, Vec<_>) = machines.iter().zip(&joined).partition(|(_, joined)| joined.is_ok());
    assert_eq!((inside.len(), outside.len()), (8, 4), "{joined:?}");
    assert_eq!(fleet.invites().await[0].used.len(), 8);
    // Both revoke at the same time; nothing of it is lost.
    let out = inside.iter().take(5).map(|(_, joined)| joined.as_ref().unwrap().id.to_string());
    let done = futures::future::join_all(out.map(async |id| fleet.revoke(&id).await)).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    for (n, (machine, _)) in inside.iter().enumerate() {
        assert_eq!(fleet.is_let_in(machine).await, n >= 5, "machine {n}");
    }
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_opens_nothing_but_the_registrars_door() {
    let fleet = Fleet::start().await;
    let token: JoinToken = fleet.invite(for_web_1()).await.token.parse().unwrap();
    let client = fleet.stranger(&token).await;
    let mut heard = client.subscribe("agents.web-1.exec").await.unwrap();
    client.publish("results.web-1.c1", "{}".into()).await.unwrap();
    client.publish("enroll.renew.web-1", "{}".into()).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(fleet.identities().await, []);
    let nothing = futures::StreamExt::next(&mut heard);
    assert!(tokio::time::timeout(Duration::from_millis(300), nothing).await.is_err());
    // An agent renews for itself only.
    let machine = Machine::new();
    machine.join(&token.to_string()).await.unwrap();
    let creds = Creds::load(&machine.path("agent.creds")).unwrap();
    let request = serde_json::json!({"key": creds.key.public().to_string(), "facts": machine.facts()});
    let client = fleet.as_agent(&machine, "web-1").await;
    let foreign = client.request("enroll.renew.web-2", request.to_string().into());
    let foreign = tokio::time::timeout(Duration::from_secs(2), foreign).await;
    assert!(!matches!(foreign, Ok(Ok(_))), "the broker lets nobody ask for another");
    let own = client.request("enroll.renew.web-1", request.to_string().into()).await.unwrap();
    assert!(String::from_utf8_lossy(&own.payload).contains("\"state\":\"active\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registrar_needs_the_keys_that_its_names_say() {
    let broker = TestBroker::start().await;
    let folder = tempfile::tempdir().unwrap();
    let args = ogent_registrar::RegistrarArgs {
        dir: folder.path().to_owned(),
        nats_url: broker.url(),
        public_nats_url: None,
        credentials_ttl: 60,
        return_days: 1,
    };
    let error = args.into_config().unwrap_err().to_string();
    assert!(error.contains("trust.json") && error.contains("ogent init"), "{error}");
    // Only registrars hear gateways.
    let admin = ogent_broker::enroll::Registrars::new(&Broker::connect(broker.options(&Role::Gateway)).await.unwrap());
    let request = ogent_protocol::enroll::admin::AdminRequest { by: "alice".into(), action: AdminAction::Invites };
    assert!(admin.admin(&request).await.unwrap_err().to_string().contains("no registrar answers"));
}
