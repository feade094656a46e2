//! Receives the parts as they start, says which of them died, and stops them in the order in which they need each
//! other.

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::broker;
use super::child::Child;
use super::data_dir::DataDir;
use super::parts::{AGENT_LOG, AnalystTask, GatewayTask, RegistrarTask};
use super::ready::log_end;
use super::signals::Signals;

/// The agent gives its commands 5 s between asking and making them end, and then has to report it.
const AGENT_GRACE: Duration = Duration::from_secs(15);

/// nats-server takes milliseconds; with much to write down, longer.
const SERVER_GRACE: Duration = Duration::from_secs(5);

/// What runs now.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    /// nats-server, where it is ours.
    pub(crate) server: Option<Child>,
    /// The gateway.
    pub(crate) gateway: Option<GatewayTask>,
    /// The analyst.
    pub(crate) analyst: Option<AnalystTask>,
    /// The registrar, where the server is ours.
    pub(crate) registrar: Option<RegistrarTask>,
    /// The agent.
    pub(crate) agent: Option<Child>,
}

/// A part that ended although nobody told it to.
#[derive(Debug)]
pub(crate) enum Death {
    /// nats-server.
    Server(ExitStatus),
    /// The gateway, and how.
    Gateway(String),
    /// The analyst, and how.
    Analyst(String),
    /// The registrar, and how.
    Registrar(String),
    /// The agent.
    Agent(ExitStatus),
}

// === impl Stack ===

impl Stack {
    /// Waits until a part ends that should not.
    pub(crate) async fn death(&mut self) -> Death {
        tokio::select! {
            status = end(&mut self.server) => Death::Server(status),
            status = end(&mut self.agent) => Death::Agent(status),
            how = gateway_end(&mut self.gateway) => Death::Gateway(how),
            how = analyst_end(&mut self.analyst) => Death::Analyst(how),
            how = registrar_end(&mut self.registrar) => Death::Registrar(how),
        }
    }

    /// Stops everything in order; a signal meanwhile means at once. Says whether all ended by themselves.
    pub(crate) async fn stop(&mut self, signals: &mut Signals) -> Result<(), Signal> {
        let outcome = tokio::select! {
            () = self.stop_in_order() => Ok(()),
            signal = signals.next() => Err(signal),
        };
        self.kill();
        outcome
    }

    /// The agent first: what its commands did still goes through the others. Then the gateway, which asks the analyst. The
    /// broker last, because all others report to it to the end.
    async fn stop_in_order(&mut self) {
        stop_child("the agent", &mut self.agent, AGENT_GRACE).await;
        if let Some(gateway) = &mut self.gateway {
            gateway.stop().await;
        }
        if let Some(analyst) = &mut self.analyst {
            analyst.stop().await;
        }
        if let Some(registrar) = &mut self.registrar {
            registrar.stop().await;
        }
        stop_child("nats-server", &mut self.server, SERVER_GRACE).await;
    }

    /// Ends whatever still runs.
    fn kill(&mut self) {
        // Dropping does it.
        *self = Self::default();
    }
}

// === impl Death ===

impl Death {
    /// For people: what happened, and the end of the part's log.
    pub(crate) fn describe(&self, data: &DataDir) -> String {
        match self {
            Self::Server(status) => format!("nats-server died ({status}){}", log_end(&data.join(broker::LOG))),
            Self::Agent(status) => format!("the agent died ({status}){}", log_end(&data.join(AGENT_LOG))),
            Self::Gateway(how) => format!("the gateway {how}"),
            Self::Analyst(how) => format!("the analyst {how}"),
            Self::Registrar(how) => format!("the registrar {how}"),
        }
    }
}

async fn end(child: &mut Option<Child>) -> ExitStatus {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}

async fn gateway_end(gateway: &mut Option<GatewayTask>) -> String {
    match gateway {
        Some(gateway) => gateway.ended().await,
        None => std::future::pending().await,
    }
}

async fn analyst_end(analyst: &mut Option<AnalystTask>) -> String {
    match analyst {
        Some(analyst) => analyst.ended().await,
        None => std::future::pending().await,
    }
}

async fn registrar_end(registrar: &mut Option<RegistrarTask>) -> String {
    match registrar {
        Some(registrar) => registrar.ended().await,
        None => std::future::pending().await,
    }
}

async fn stop_child(name: &str, child: &mut Option<Child>, grace: Duration) {
    if let Some(child) = child
        && !child.stop(grace).await
    {
        tracing::warn!("{name} did not stop within {} s and was killed", grace.as_secs());
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn sh(script: &str) -> Option<Child> {
        Some(Child::part(Command::new("/bin/sh").args(["-c", script])).unwrap())
    }

    #[tokio::test]
    async fn the_part_that_died_is_named() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(&root.path().join("data")).unwrap();
        std::fs::write(data.join(broker::LOG), "disk full\n").unwrap();
        let mut stack = Stack { server: sh("exit 3"), agent: sh("exec sleep 60"), ..Stack::default() };
        let text = stack.death().await.describe(&data);
        assert!(text.starts_with("nats-server died (exit status: 3)") && text.contains("disk full"), "{text}");
        stack.stop(&mut Signals::listen().unwrap()).await.unwrap();
        assert!(stack.agent.is_none());
    }
}
