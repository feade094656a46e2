//! Sets what was measured against the floor.

/// What one round found.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Floor: starting a process, p50 and p99 in ms.
    pub spawn: (f64, f64),
    /// Floor: processes a second, eight at once.
    pub spawn_rate: f64,
    /// Floor: an acknowledged, synced publish, p50 and p99 in ms.
    pub publish: (f64, f64),
    /// Floor: a request and its answer, p50 and p99 in ms.
    pub request: (f64, f64),
    /// Floor: reading 10 MiB from a command, MB/s.
    pub output: f64,
    /// REST: one command, p50 and p99 in ms.
    pub rest: (f64, f64),
    /// REST: commands a second at 1, 8 and 64 at once.
    pub rest_rates: [f64; 3],
    /// REST: a command with 10 MiB of output, MB/s.
    pub rest_output: f64,
    /// NATS: one command, p50 and p99 in ms.
    pub wire: (f64, f64),
    /// NATS: commands a second at 1, 8 and 64 at once.
    pub wire_rates: [f64; 3],
}

// === impl Round ===

impl Round {
    /// The middle of several rounds, figure by figure.
    pub fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| crate::stats::median(rounds.iter().map(figure).collect());
        Self {
            spawn: (of(|r| r.spawn.0), of(|r| r.spawn.1)),
            spawn_rate: of(|r| r.spawn_rate),
            publish: (of(|r| r.publish.0), of(|r| r.publish.1)),
            request: (of(|r| r.request.0), of(|r| r.request.1)),
            output: of(|r| r.output),
            rest: (of(|r| r.rest.0), of(|r| r.rest.1)),
            rest_rates: [of(|r| r.rest_rates[0]), of(|r| r.rest_rates[1]), of(|r| r.rest_rates[2])],
            rest_output: of(|r| r.rest_output),
            wire: (of(|r| r.wire.0), of(|r| r.wire.1)),
            wire_rates: [of(|r| r.wire_rates[0]), of(|r| r.wire_rates[1]), of(|r| r.wire_rates[2])],
        }
    }

    /// Prints it.
    pub fn print(&self) {
        let floor = self.spawn.0 + 3.0 * self.publish.0;
        println!("floor                                          p50 ms    p99 ms");
        pair("start and wait for sh -c true", self.spawn, None);
        pair("JetStream publish, synced, acknowledged", self.publish, None);
        pair("NATS request and answer", self.request, None);
        println!("  = {:41}{floor:>9.2}", "one start + three publishes");
        number("start and wait, 8 at once", self.spawn_rate, "/s", None);
        number("10 MiB from a command", self.output, "MB/s", None);
        println!("\nOgent over REST                                p50 ms    p99 ms   against the floor");
        pair("execute `true`, waiting for its end", self.rest, Some(self.rest.0 / floor));
        self.rates(self.rest_rates);
        number("10 MiB of output, to the last byte", self.rest_output, "MB/s", Some(self.rest_output / self.output));
        println!("\nOgent over plain NATS                          p50 ms    p99 ms   against the floor");
        pair("request `true`, waiting for its end", self.wire, Some(self.wire.0 / floor));
        self.rates(self.wire_rates);
    }

    fn rates(&self, rates: [f64; 3]) {
        for (width, rate) in [1, 8, 64].into_iter().zip(rates) {
            number(&format!("commands, {width} at once"), rate, "/s", Some(rate / self.spawn_rate));
        }
    }
}

fn pair(what: &str, (p50, p99): (f64, f64), ratio: Option<f64>) {
    let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:>10.2}x"));
    println!("  {what:43}{p50:>9.2}{p99:>10.2}{ratio}");
}

fn number(what: &str, value: f64, unit: &str, ratio: Option<f64>) {
    let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:>11.2}x"));
    println!("  {what:43}{value:>9.0} {unit:<8}{ratio}");
}
