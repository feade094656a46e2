//! Receives the user's wishes, gives a plan in which everything is decided and checked, before anything is started.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ogent_gateway::{JwtConfig, JwtKeys, read_users};
use ogent_protocol::PolicyMode;

use super::args::{ExternalArgs, GateArgs, UpArgs};
use super::broker::Server;
use super::data_dir::DataDir;
use super::identities::Identities;
use super::parts::Agent;
use super::ports::{self, Wanted};
use super::secrets;
use super::start::{BrokerPlan, GatePlan, Plan};
use crate::nats::{self, Found, Places};
use crate::output::Output;
use crate::output::report::Hinted;

const API_PORT: u16 = 8001;
const NATS_PORT: u16 = 4222;

/// The file in the data folder with people who may log in beside admin.
const USERS: &str = "users";

/// The gateway's own default for a token.
const TOKEN_MINUTES: u64 = 30;

/// The user's program cannot log in again: a day is the longest that the gateway allows.
const PROGRAM_TOKEN_MINUTES: u64 = 24 * 60;

/// What the user wants to see.
#[derive(Debug)]
pub(crate) struct View {
    /// One JSON object instead of text.
    pub(crate) is_json: bool,
    /// A program to run, if there is one.
    pub(crate) command: Vec<OsString>,
    /// What the user should know before anybody else does.
    pub(crate) warnings: Vec<String>,
}

/// The nats-server program to start, unless the user has a server already. Installs one if told to.
pub(crate) fn program(args: &UpArgs, out: &Output) -> anyhow::Result<Option<Found>> {
    if url(&args.broker).is_some() {
        return Ok(None);
    }
    let places = Places::from_env(args.nats_server.clone());
    match nats::locate(&places, out) {
        Ok(found) => Ok(Some(found)),
        // What the user named is not replaced by something else.
        Err(_) if args.install_nats && places.asked_for.is_none() => nats::install(&places, false, out).map(Some),
        Err(error) => Err(error),
    }
}

/// Decides everything else. `program` is the nats-server to start, if one is.
pub(crate) fn make(args: UpArgs, program: Option<Found>, data: &DataDir) -> anyhow::Result<(View, Plan)> {
    let listen = SocketAddr::new(args.listen_host, port(args.port, API_PORT, args.random_ports));
    let nats = SocketAddr::new(args.nats_listen_host, port(args.nats_port, NATS_PORT, args.random_ports));
    let own_nats = program.is_some().then_some(nats);
    check_ports(listen, own_nats)?;
    let warnings = [("the API", Some(listen)), ("nats-server", own_nats)].into_iter().filter_map(exposure).collect();
    let identities = Identities::open(data, args.agent_id)?;
    let gate = gate(&args.gate, data)?;
    let plan = Plan {
        broker: match program {
            Some(found) => BrokerPlan::Own(Server { program: found.program, listen: nats, sync: args.sync }),
            None => external(args.broker)?,
        },
        listen,
        jwt: JwtConfig {
            keys: JwtKeys::Shared { secret: secrets::jwt_secret(data)?, algorithm: args.tokens.jwt_algorithm },
            access_ttl: minutes(args.tokens.token_minutes.unwrap_or(TOKEN_MINUTES)),
        },
        program_token_ttl: minutes(args.tokens.token_minutes.unwrap_or(PROGRAM_TOKEN_MINUTES)),
        admin: secrets::admin_password(data)?,
        advisor: args.advisor.into_config()?,
        agent: (!args.no_agent).then(|| Agent {
            id: identities.agent.clone(),
            labels: args.labels,
            policy: gate.policy.mode,
            policy_file: args.gate.policy.policy_file,
        }),
        gate,
        identities,
    };
    Ok((View { is_json: args.json, command: args.command, warnings }, plan))
}

/// On one's own machine a policy tells what it thinks, unless somebody wants more.
fn gate(args: &GateArgs, data: &DataDir) -> anyhow::Result<GatePlan> {
    let mut policy = args.policy.load()?;
    let has_file = args.policy.policy_file.as_ref().is_some_and(|path| !path.as_os_str().is_empty());
    if args.policy.policy.is_none() && !has_file {
        policy.mode = PolicyMode::Advise;
    }
    let usual = data.join(USERS);
    let given = args.users_file.clone().filter(|path| !path.as_os_str().is_empty());
    let users_file = given.or_else(|| usual.exists().then_some(usual));
    let users = users_file.as_deref().map(read_users).transpose()?.unwrap_or_default();
    Ok(GatePlan { policy, approval_window: minutes(args.approval_minutes), users })
}

fn port(given: Option<u16>, usual: u16, is_random: bool) -> u16 {
    given.unwrap_or(if is_random { 0 } else { usual })
}

fn check_ports(api: SocketAddr, nats: Option<SocketAddr>) -> anyhow::Result<()> {
    let nats = nats.map(|address| Wanted { part: "nats-server", address, flag: "--nats-port" });
    let api = Wanted { part: "the API", address: api, flag: "--port" };
    let wanted: Vec<Wanted> = nats.into_iter().chain([api]).collect();
    ports::check(&wanted).map_err(|taken| Hinted::new(taken, "--random-ports takes free ones").into())
}

fn exposure((part, address): (&str, Option<SocketAddr>)) -> Option<String> {
    let ip = address?.ip();
    let text =
        format!("{part} listens on {ip} without TLS: whoever is on the way reads passwords, commands and output");
    (!ip.is_loopback()).then_some(text)
}

/// An empty variable counts as unset, as everywhere.
fn url(args: &ExternalArgs) -> Option<&str> {
    args.nats_url.as_deref().filter(|url| !url.is_empty())
}

fn external(args: ExternalArgs) -> anyhow::Result<BrokerPlan> {
    if args.nats_nkey.is_some() && args.nats_creds.is_some() {
        bail!(
            "an nkey (--nats-nkey or NATS_NKEY) and credentials (--nats-creds or NATS_CREDS) are both given; give one"
        );
    }
    let url = url(&args).context("there is no NATS server to use")?.to_owned();
    Ok(BrokerPlan::External(url, args))
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_the_given_one_or_a_free_one_or_the_usual_one() {
        assert_eq!(port(Some(7), 8001, true), 7);
        assert_eq!(port(None, 8001, true), 0);
        assert_eq!(port(None, 8001, false), 8001);
    }
}
