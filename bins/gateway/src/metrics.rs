//! Receives counts and times from every module, gives them to `GET /metrics` in Prometheus' text form.
//!
//! No metric has a label that grows with agents, commands or users: a fleet must not become a million time series.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use ogent_broker::Usage;

const BUILD_INFO: &str = "ogent_build_info";
const HTTP_SECONDS: &str = "ogent_http_request_duration_seconds";
const EXEC_TOTAL: &str = "ogent_exec_total";
const EXEC_SECONDS: &str = "ogent_exec_duration_seconds";
const EXEC_INFLIGHT: &str = "ogent_exec_inflight";
const WAITERS_SHED: &str = "ogent_exec_unwaited_total";
const VERDICTS: &str = "ogent_verdicts_total";
const JUDGE_SECONDS: &str = "ogent_judge_duration_seconds";
const APPROVALS: &str = "ogent_approval_events_total";
const APPROVALS_OPEN: &str = "ogent_approvals_open";
const STREAMS: &str = "ogent_streams";
const AGENTS: &str = "ogent_agents";
const RECONNECTS: &str = "ogent_nats_reconnects_total";
const PUBLISH_ERRORS: &str = "ogent_jetstream_publish_errors_total";
const LEDGER_BYTES: &str = "ogent_ledger_bytes";
const LEDGER_LIMIT: &str = "ogent_ledger_limit_bytes";

/// From a short command, judged (10 µs), to one with everything in it (5 ms).
const JUDGE_BUCKETS: [f64; 8] = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.005];

/// From a short command over REST (2 ms) to the longest wait (60 s).
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// How often samples that nobody fetches are folded into their histograms, so that they take no more memory.
pub(crate) const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What is only known at the moment of asking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Snapshot {
    /// Agents with a fresh heartbeat.
    pub(crate) online: usize,
    /// Agents without one.
    pub(crate) offline: usize,
    /// Reconnects to the broker since the start.
    pub(crate) reconnects: u64,
}

/// The metrics of this process.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

/// Counts something as under way until it is dropped.
pub(crate) struct InFlight {
    gauge: metrics::Gauge,
}

// === impl Metrics ===

impl Metrics {
    /// The recorder of this process, installed by the first call: one process may hold several gateways.
    #[must_use]
    pub(crate) fn install() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
            let judging = Matcher::Full(JUDGE_SECONDS.to_owned());
            let builder =
                builder.set_buckets_for_metric(judging, &JUDGE_BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another part of this process has its own metrics; /metrics stays empty");
            }
            describe();
            handle
        });
        Self { handle: handle.clone() }
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub(crate) fn render(&self, now: Snapshot) -> String {
        gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        gauge!(AGENTS, "state" => "online").set(approximate(now.online));
        gauge!(AGENTS, "state" => "offline").set(approximate(now.offline));
        counter!(RECONNECTS).absolute(now.reconnects);
        self.handle.render()
    }

    /// Folds samples into their histograms.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

// === impl InFlight ===

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.decrement(1.0);
    }
}

/// An HTTP request was answered. `route` is the route's pattern, never the path.
pub(crate) fn answered(method: &'static str, route: String, status: u16, took: Duration) {
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    histogram!(HTTP_SECONDS, &labels).record(took);
}

/// A command ended while its request waited for it.
pub(crate) fn ended(outcome: &'static str, took: Duration) {
    counter!(EXEC_TOTAL, "outcome" => outcome).increment(1);
    histogram!(EXEC_SECONDS).record(took);
}

/// A request for a command was answered before the command ended.
pub(crate) fn left_pending() {
    counter!(EXEC_TOTAL, "outcome" => "pending").increment(1);
}

/// A command was judged, and policy has decided.
pub(crate) fn judged(level: &'static str, decision: &'static str, took: Duration) {
    counter!(VERDICTS, "level" => level, "decision" => decision).increment(1);
    histogram!(JUDGE_SECONDS).record(took);
}

/// Something happened to a proposal: `ogent.approval.proposed` and the like.
pub(crate) fn decided(event: &'static str) {
    let event = event.rsplit('.').next().unwrap_or(event);
    counter!(APPROVALS, "event" => event).increment(1);
}

/// So many proposals wait for a decision.
pub(crate) fn open_proposals(count: usize) {
    gauge!(APPROVALS_OPEN).set(approximate(count));
}

/// A request should have waited, but too many did already.
pub(crate) fn unwaited() {
    counter!(WAITERS_SHED).increment(1);
}

/// How full the three streams of the ledger are.
pub(crate) fn ledger(usage: Usage) {
    let streams = [("COMMANDS", usage.commands), ("RESULTS", usage.results), ("APPROVALS", usage.approvals)];
    for (stream, (used, limit)) in streams {
        gauge!(LEDGER_BYTES, "stream" => stream).set(used as f64);
        gauge!(LEDGER_LIMIT, "stream" => stream).set(limit as f64);
    }
}

/// The broker did not take a command.
pub(crate) fn publish_failed() {
    counter!(PUBLISH_ERRORS).increment(1);
}

/// A request waits for an outcome.
#[must_use]
pub(crate) fn waiting() -> InFlight {
    in_flight(gauge!(EXEC_INFLIGHT))
}

/// A stream (`sse`, `ws`, or the WebSocket of a `stranger`) is open.
#[must_use]
pub(crate) fn streaming(kind: &'static str) -> InFlight {
    in_flight(gauge!(STREAMS, "kind" => kind))
}

fn in_flight(gauge: metrics::Gauge) -> InFlight {
    gauge.increment(1.0);
    InFlight { gauge }
}

/// Gauges are floats; a fleet is far below the 2^53 up to which that is exact.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn approximate(count: usize) -> f64 {
    count as f64
}

fn describe() {
    describe_gauge!(BUILD_INFO, "Always 1; its label is the version.");
    describe_histogram!(HTTP_SECONDS, "Time until the head of an answer was ready.");
    describe_counter!(EXEC_TOTAL, "Commands asked for over REST, by outcome; pending if answered before the end.");
    describe_histogram!(EXEC_SECONDS, "Time from the request for a command to its end, where the request waited.");
    describe_gauge!(EXEC_INFLIGHT, "Requests that wait for an outcome.");
    describe_counter!(WAITERS_SHED, "Requests answered at once because too many waited already.");
    describe_counter!(VERDICTS, "Commands judged before they were sent, by level and by what policy said.");
    describe_histogram!(JUDGE_SECONDS, "Time that judging a command took.");
    describe_counter!(APPROVALS, "Events of proposals that this gateway wrote, by kind; blocked: refused by policy.");
    describe_gauge!(APPROVALS_OPEN, "Commands that wait for their approval.");
    describe_gauge!(STREAMS, "Open SSE and WebSocket connections; kind stranger: WebSockets that have yet to log in.");
    describe_gauge!(AGENTS, "Agents that the directory knows.");
    describe_counter!(RECONNECTS, "Reconnects to the broker.");
    describe_gauge!(LEDGER_BYTES, "Bytes that a stream of the ledger holds.");
    describe_gauge!(LEDGER_LIMIT, "Bytes that a stream of the ledger may hold.");
    describe_counter!(PUBLISH_ERRORS, "Commands that the broker did not take.");
}
