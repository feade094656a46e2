//! What lies between a part and the brokers: proxies that several faults may disturb at once.

use std::net::SocketAddr;
use std::sync::Mutex;

use ogent_testkit::{Link, Proxy, Rule};

/// The way of one part to every broker.
pub struct Wire {
    proxies: Vec<Proxy>,
    disturbed: Mutex<Disturbed>,
}

/// Faults by their number, so that each can be taken away without touching another.
#[derive(Default)]
struct Disturbed {
    links: Vec<(usize, Link)>,
    rules: Vec<(usize, Vec<Rule>)>,
}

// === impl Wire ===

impl Wire {
    /// Proxies to these brokers, which listen at the same address of this machine as `near`.
    pub(super) async fn new(near: SocketAddr, brokers: &[SocketAddr]) -> Self {
        let mut proxies = Vec::new();
        for broker in brokers {
            proxies.push(Proxy::listen(near, *broker).await);
        }
        Self { proxies, disturbed: Mutex::default() }
    }

    /// What the part connects to.
    #[must_use]
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.proxies.iter().map(|proxy| format!("nats://{}", proxy.address())).collect();
        urls.join(",")
    }

    /// Changes the connection, until [`Wire::heal`]; the latest change is the one that holds.
    pub fn disturb(&self, fault: usize, link: Link) {
        let mut disturbed = self.disturbed.lock().unwrap();
        disturbed.links.push((fault, link));
        self.apply(&disturbed);
    }

    /// Changes what is said, until [`Wire::heal`].
    pub fn twist(&self, fault: usize, rules: Vec<Rule>) {
        let mut disturbed = self.disturbed.lock().unwrap();
        disturbed.rules.push((fault, rules));
        self.apply(&disturbed);
    }

    /// Takes away what this fault did.
    pub fn heal(&self, fault: usize) {
        let mut disturbed = self.disturbed.lock().unwrap();
        disturbed.links.retain(|(other, _)| *other != fault);
        disturbed.rules.retain(|(other, _)| *other != fault);
        self.apply(&disturbed);
    }

    /// Resets all connections; how many there were.
    pub fn reset(&self) -> u64 {
        self.proxies.iter().map(|proxy| proxy.reset() as u64).sum()
    }

    /// Messages that rules have changed so far.
    pub fn touched(&self) -> u64 {
        self.proxies.iter().map(Proxy::touched).sum()
    }

    fn apply(&self, disturbed: &Disturbed) {
        let link = disturbed.links.last().map_or(Link::Up, |(_, link)| link.clone());
        let rules: Vec<Rule> = disturbed.rules.iter().flat_map(|(_, rules)| rules.clone()).collect();
        for proxy in &self.proxies {
            proxy.set_link(link.clone());
            proxy.set_rules(rules.clone());
        }
    }
}
