//! Faults of processes: ended, stopped, doubled, with a wrong clock.

use std::time::Duration;

use tokio::time::sleep;

use super::{Done, Nemesis};
use crate::evidence::now;
use crate::plan::Part;

impl Nemesis {
    pub(super) async fn kill(&self, part: Part, lasts: Duration) -> Result<Done, String> {
        let from = now();
        self.stage.kill(part);
        sleep(lasts).await;
        self.start(part)?;
        Ok(Done::new(from, 1))
    }

    pub(super) async fn crash(&self, agent: usize, lasts: Duration) -> Result<Done, String> {
        let from = now();
        let processes = self.stage.crash(agent);
        sleep(lasts).await;
        self.start(Part::Agent(agent))?;
        Ok(Done::new(from, processes))
    }

    pub(super) async fn pause(&self, part: Part, lasts: Duration) -> Result<Done, String> {
        let from = now();
        self.stage.pause(part);
        sleep(lasts).await;
        self.stage.resume(part);
        Ok(Done::new(from, 1))
    }

    /// A clone that is killed takes what it has claimed with it, and only a new life of the agent can tell that these
    /// commands are lost: so the agent is killed, too, and starts again.
    pub(super) async fn double(&self, agent: usize, killed: bool, lasts: Duration) -> Result<Done, String> {
        let from = now();
        self.start(Part::Clone(agent))?;
        sleep(lasts).await;
        if killed {
            self.stage.kill(Part::Clone(agent));
            self.stage.kill(Part::Agent(agent));
            self.start(Part::Agent(agent))?;
        } else {
            self.stage.stop(Part::Clone(agent)).await;
        }
        Ok(Done::new(from, 1))
    }

    pub(super) async fn misset(&self, part: Part, by: i64, lasts: Duration) -> Result<Done, String> {
        let from = now();
        self.stage.set_clock(part, by)?;
        sleep(lasts).await;
        self.stage.set_clock(part, 0)?;
        // There and back.
        Ok(Done::new(from, 2))
    }

    pub(super) fn start(&self, part: Part) -> Result<(), String> {
        self.stage.start(part).map_err(|error| format!("{part} cannot be started: {error}"))
    }
}
