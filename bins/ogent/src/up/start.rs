//! Receives the plan, starts one part after the other, and gives what is needed to use them.

use std::net::SocketAddr;
use std::time::Duration;

use ogent_analyst::{AdvisorConfig, AnalystConfig};
use ogent_broker::permissions::Role;
use ogent_gateway::{GatewayConfig, JwtConfig, User, mint_token};
use ogent_protocol::AgentId;
use ogent_risk::Policy;
use ogent_runtime::Secret;

use super::access::Access;
use super::args::ExternalArgs;
use super::broker::{self, CONFIG, Server, reachable};
use super::data_dir::DataDir;
use super::identities::Identities;
use super::leftovers::Running;
use super::parts::{AGENT_STATE, Agent, AnalystTask, GatewayTask, RegistrarTask};
use super::ready::step;
use super::secrets::AdminPassword;
use super::stack::Stack;
use crate::client::{Client, GatewayUrl};

/// nats-server reads its whole store before it listens; an old history may be long.
const SERVER_WITHIN: Duration = Duration::from_secs(60);
/// The broker is there: what takes longer than this for a handful of requests does not come any more.
const SETUP_WITHIN: Duration = Duration::from_secs(20);
const GATEWAY_WITHIN: Duration = Duration::from_secs(20);
const ANALYST_WITHIN: Duration = Duration::from_secs(20);
const REGISTRAR_WITHIN: Duration = Duration::from_secs(20);
const AGENT_WITHIN: Duration = Duration::from_secs(20);

/// The name that the gateway gives to its first user.
pub(crate) const ADMIN: &str = "admin";

/// Everything that is known before anything is started.
pub(crate) struct Plan {
    /// The broker.
    pub(crate) broker: BrokerPlan,
    /// Where the API listens.
    pub(crate) listen: SocketAddr,
    /// How tokens are made.
    pub(crate) jwt: JwtConfig,
    /// How long the token for the user's program is good.
    pub(crate) program_token_ttl: Duration,
    /// The admin's password.
    pub(crate) admin: AdminPassword,
    /// What the parts connect and sign with.
    pub(crate) identities: Identities,
    /// The model that explains verdicts, if there is one.
    pub(crate) advisor: Option<AdvisorConfig>,
    /// What may run, and who may let it.
    pub(crate) gate: GatePlan,
    /// The agent, if one is started.
    pub(crate) agent: Option<Agent>,
}

/// What may run, and who may let it.
pub(crate) struct GatePlan {
    /// What runs, what somebody has to approve, and what is refused.
    pub(crate) policy: Policy,
    /// How long a command waits for its approval.
    pub(crate) approval_window: Duration,
    /// Who may log in beside the admin.
    pub(crate) users: Vec<User>,
}

/// Requests a second of one user: on one's own machine, only something that runs wild comes near.
const API_RATE: u32 = 10_000;

/// Which broker it is.
pub(crate) enum BrokerPlan {
    /// Our own.
    Own(Server),
    /// One that runs already, and where.
    External(String, ExternalArgs),
}

/// What is needed to use what runs.
pub(crate) struct Ready {
    /// Where the API is.
    pub(crate) api_url: String,
    /// The way to the broker.
    pub(crate) access: Access,
    /// The model that explains verdicts, if there is one.
    pub(crate) model: Option<String>,
    /// The local agent, if there is one.
    pub(crate) agent: Option<AgentId>,
    /// An access token of an admin.
    pub(crate) token: Secret,
    /// Where the admin's password is from.
    pub(crate) admin: AdminPassword,
}

/// Starts everything. What has been started stands in `stack`, also when a later step fails.
pub(crate) async fn start(stack: &mut Stack, plan: Plan, data: &DataDir) -> anyhow::Result<Ready> {
    let mut running = Running::default();
    let Plan { broker, listen, jwt, program_token_ttl, admin, identities, advisor, gate, agent } = plan;
    let access = match broker {
        BrokerPlan::External(url, args) => Access::to_external(url, args),
        BrokerPlan::Own(server) => {
            if identities.adopt(data)? {
                tracing::warn!("the history of an earlier version of ogent was taken over");
            }
            let child = stack.server.insert(server.spawn(data, &identities)?);
            running.add(data, "nats-server", child.pid(), &data.join(CONFIG).to_string_lossy())?;
            let url = step("the start of nats-server", SERVER_WITHIN, server.url(data, child)).await?;
            Access::to_own(url, identities)
        }
    };
    step("the set-up of streams in NATS", SETUP_WITHIN, broker::prepare(&access)).await?;
    // Before the gateway, which asks it.
    let model = advisor.as_ref().map(|advisor| advisor.model.clone());
    let config = AnalystConfig { broker: access.options(&Role::Analyst), advisor };
    stack.analyst = Some(step("the start of the analyst", ANALYST_WITHIN, AnalystTask::start(config)).await?);
    // Where the server is another's, we have no keys that could let a machine in.
    if let Some(config) = access.registrar()? {
        let starting = RegistrarTask::start(config);
        stack.registrar = Some(step("the start of the registrar", REGISTRAR_WITHIN, starting).await?);
    }
    let token = mint_token(&JwtConfig { access_ttl: program_token_ttl, ..jwt.clone() }, ADMIN)?;
    let (signer, trust) = access.signing()?;
    let config = GatewayConfig {
        listen,
        broker: access.options(&Role::Gateway),
        jwt,
        admin_password: admin.secret.clone(),
        allowed_origins: Vec::new(),
        policy: gate.policy,
        approval_window: gate.approval_window,
        users: gate.users,
        signer,
        trust,
        web: ogent_gateway::WebConfig::default(),
        trusted_proxies: Vec::new(),
        api_rate: API_RATE,
    };
    let gateway = step("the start of the gateway", GATEWAY_WITHIN, GatewayTask::start(config)).await?;
    let api_url = api_url(gateway.address());
    stack.gateway = Some(gateway);
    let client = Client::new(api_url.parse::<GatewayUrl>()?, Some(token.clone()))?;
    step("the first request to the gateway", GATEWAY_WITHIN, async { Ok(client.agents().await?) }).await?;
    if let Some(agent) = &agent {
        let child = stack.agent.insert(agent.spawn(data, &access)?);
        running.add(data, "the agent", child.pid(), &data.join(AGENT_STATE).to_string_lossy())?;
        step("the start of the agent", AGENT_WITHIN, agent.online(data, child, &client)).await?;
    }
    Ok(Ready { api_url, access, model, agent: agent.map(|agent| agent.id), token, admin })
}

fn api_url(address: SocketAddr) -> String {
    format!("http://{}", SocketAddr::new(reachable(address.ip()), address.port()))
}
