//! Everything that the nemesis can do, as data.

use std::fmt;
use std::time::Duration;

/// Agents on the stage: `agent-0` and on.
pub const AGENTS: usize = 5;

/// Gateways on the stage.
pub const GATEWAYS: usize = 2;

/// A process on the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// A nats-server.
    Broker(usize),
    /// A gateway.
    Gateway(usize),
    /// An agent.
    Agent(usize),
    /// A second process with the id and the key of that agent.
    Clone(usize),
}

/// Who is not heard on a connection that works in one direction only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silenced {
    /// The broker hears nothing of the part.
    Part,
    /// The part hears nothing of the broker.
    Broker,
}

/// What happens to messages on their way to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    /// They do not arrive.
    Drop,
    /// They arrive twice.
    Double,
    /// Two change places.
    Swap,
    /// They arrive once more after this time.
    Replay(Duration),
}

/// One kind of fault and whom it meets.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// `kill -9`; started again at the end.
    Kill(Part),
    /// The agent and all that it runs end at once, like a machine whose power is cut; started again at the end.
    Crash(usize),
    /// SIGSTOP; SIGCONT at the end.
    Pause(Part),
    /// Nothing passes between the part and the broker; connections stay.
    Cut(Part),
    /// In one direction nothing passes.
    HalfOpen(Part, Silenced),
    /// Everything takes longer.
    Slow(Part, Duration),
    /// So many bytes a second and no more.
    Trickle(Part, u32),
    /// Connections are reset at once, new ones too.
    Refuse(Part),
    /// Connections are reset every second; new ones work.
    Reset(Part),
    /// Every so-manieth acknowledgement of the broker does not arrive; what it acknowledges was stored.
    LoseAcks(Part, u32),
    /// Every so-manieth message to an agent fares like this.
    Deliveries(usize, Twist, u32),
    /// The network interface of the agent's namespace is down.
    LinkDown(usize),
    /// A clone of the agent; with `killed` both end by `kill -9`, and the agent is started again.
    Clone {
        /// Whose.
        agent: usize,
        /// How the clone ends.
        killed: bool,
    },
    /// Somebody with an operator's key publishes old intents again.
    Rogue,
    /// Clients that take one byte a second, and one that stops reading.
    SlowReaders,
    /// The broker starts with its store as it was so long before.
    SetBack(Duration),
    /// The broker's disk is full.
    FullDisk,
    /// The clock of a part is wrong by so many seconds.
    Clock(Part, i64),
}

// === impl Part ===

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(n) => write!(f, "broker-{n}"),
            Self::Gateway(n) => write!(f, "gateway-{n}"),
            Self::Agent(n) => write!(f, "agent-{n}"),
            Self::Clone(n) => write!(f, "clone-{n}"),
        }
    }
}

impl Part {
    fn what(self) -> &'static str {
        match self {
            Self::Broker(_) => "broker",
            Self::Gateway(_) => "gateway",
            Self::Agent(_) => "agent",
            Self::Clone(_) => "clone",
        }
    }
}

// === impl Fault ===

impl Fault {
    /// One word or two, the same for all of a kind.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Kill(part) => format!("kill {}", part.what()),
            Self::Crash(_) => "crash agent's machine".to_owned(),
            Self::Pause(part) => format!("pause {}", part.what()),
            Self::Cut(part) => format!("cut off {}", part.what()),
            Self::HalfOpen(part, _) => format!("half-open {}", part.what()),
            Self::Slow(part, _) => format!("slow {}", part.what()),
            Self::Trickle(part, _) => format!("trickle {}", part.what()),
            Self::Refuse(part) => format!("refuse {}", part.what()),
            Self::Reset(part) => format!("reset {}", part.what()),
            Self::LoseAcks(part, _) => format!("lose acks of {}", part.what()),
            Self::Deliveries(_, Twist::Drop, _) => "drop deliveries".to_owned(),
            Self::Deliveries(_, Twist::Double, _) => "double deliveries".to_owned(),
            Self::Deliveries(_, Twist::Swap, _) => "swap deliveries".to_owned(),
            Self::Deliveries(_, Twist::Replay(_), _) => "replay deliveries".to_owned(),
            Self::LinkDown(_) => "link down".to_owned(),
            Self::Clone { killed: false, .. } => "clone".to_owned(),
            Self::Clone { killed: true, .. } => "clone, killed".to_owned(),
            Self::Rogue => "rogue publisher".to_owned(),
            Self::SlowReaders => "slow readers".to_owned(),
            Self::SetBack(_) => "set back store".to_owned(),
            Self::FullDisk => "full disk".to_owned(),
            Self::Clock(part, _) => format!("clock of {}", part.what()),
        }
    }

    /// Whom it meets, for the report.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        match self {
            Self::Kill(part)
            | Self::Pause(part)
            | Self::Cut(part)
            | Self::HalfOpen(part, _)
            | Self::Slow(part, _)
            | Self::Trickle(part, _)
            | Self::Refuse(part)
            | Self::Reset(part)
            | Self::LoseAcks(part, _)
            | Self::Clock(part, _) => vec![*part],
            Self::Crash(agent) | Self::Deliveries(agent, ..) | Self::LinkDown(agent) => vec![Part::Agent(*agent)],
            Self::Clone { agent, .. } => vec![Part::Agent(*agent), Part::Clone(*agent)],
            Self::Rogue => (0..AGENTS).map(Part::Agent).collect(),
            Self::SlowReaders => (0..GATEWAYS).map(Part::Gateway).collect(),
            Self::SetBack(_) | Self::FullDisk => vec![Part::Broker(0)],
        }
    }

    /// Agents that can lose what they run by it: whose process ends, whose claims another life ends, or whose
    /// events the broker forgets.
    #[must_use]
    pub fn can_lose(&self) -> Vec<usize> {
        match self {
            Self::Kill(Part::Agent(agent) | Part::Clone(agent)) | Self::Crash(agent) | Self::Clone { agent, .. } => {
                vec![*agent]
            }
            Self::SetBack(_) => (0..AGENTS).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind())?;
        match self {
            Self::Rogue | Self::SlowReaders | Self::FullDisk => return Ok(()),
            Self::SetBack(by) => return write!(f, " by {:.1} s", by.as_secs_f64()),
            _ => {}
        }
        write!(f, ": {}", self.parts()[0])?;
        match self {
            Self::HalfOpen(_, Silenced::Part) => write!(f, ", the part is not heard"),
            Self::HalfOpen(_, Silenced::Broker) => write!(f, ", the broker is not heard"),
            Self::Slow(_, delay) => write!(f, ", by {} ms", delay.as_millis()),
            Self::Trickle(_, bytes) => write!(f, ", {bytes} B/s"),
            Self::LoseAcks(_, every) | Self::Deliveries(_, Twist::Drop | Twist::Double | Twist::Swap, every) => {
                write!(f, ", every {every}.")
            }
            Self::Deliveries(_, Twist::Replay(after), every) => {
                write!(f, ", every {every}., {} s later", after.as_secs())
            }
            Self::Clock(_, by) => write!(f, ", by {by} s"),
            _ => Ok(()),
        }
    }
}
