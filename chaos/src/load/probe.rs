//! Receives a gateway and an agent, asks for quick commands until one runs through.

use std::time::Duration;

use ogent_protocol::{AgentId, Outcome};
use tokio::time::{Instant, sleep};

use super::Client;
use super::answer::Answer;
use super::ask::Doubts;
use super::wish::Wish;
use crate::evidence::{Behaviour, Way};

const PAUSE: Duration = Duration::from_millis(200);
/// After so long a probe that was not taken is given up, and another one is tried.
const START_WITHIN: Duration = Duration::from_secs(15);
/// And one that was taken.
const END_WITHIN: Duration = Duration::from_secs(30);

// === impl Client ===

impl Client {
    /// How long it took until a quick command had succeeded; `None` when none did within `limit`.
    pub(super) async fn probe(&self, gateway: usize, agent: &AgentId, limit: Duration) -> Option<Duration> {
        let began = Instant::now();
        while began.elapsed() < limit {
            if self.probe_once(gateway, agent, began + limit).await {
                return Some(began.elapsed());
            }
            sleep(PAUSE).await;
        }
        None
    }

    /// One command, asked for as often as it takes; always at this gateway.
    async fn probe_once(&self, gateway: usize, agent: &AgentId, limit: Instant) -> bool {
        let order = self.order(Wish {
            nonce: self.probe_name(),
            agent: agent.clone(),
            way: Way::Rest { gateway },
            behaviour: Behaviour::Quick { code: 0 },
            timeout: Duration::from_secs(10),
            start_within: Some(START_WITHIN),
            max_output_bytes: None,
            wait: 1,
            cancel_after: None,
            is_followed: false,
            is_doubled: false,
        });
        let began = Instant::now();
        let (mut taken, mut doubts, mut tries) = (false, Doubts::default(), 0);
        loop {
            tries += 1;
            let asked = Instant::now();
            match self.gateways.execute(gateway, &order).await {
                Answer::Taken { command, outcome } => {
                    if !taken {
                        self.book.accepted(&order.wish, &command, outcome, asked.elapsed(), tries);
                    }
                    taken = true;
                    if outcome.is_some() {
                        self.book.ended(&command);
                        return outcome == Some(Outcome::Succeeded);
                    }
                }
                // Unlike others, a probe asks on after a refusal: its wish is to run, not to be told.
                answer => {
                    let _ = doubts.see(answer);
                }
            }
            let patience = if taken { END_WITHIN } else { START_WITHIN };
            if Instant::now() >= limit.min(began + patience) {
                break;
            }
            sleep(PAUSE).await;
        }
        if !taken {
            self.settle(&order, doubts);
        }
        false
    }
}
