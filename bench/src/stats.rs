//! Times, and what they come to.

use std::time::{Duration, Instant};

use futures::StreamExt as _;

/// What one way to do a thing costs, done one after another.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    /// Half of the times were shorter, in milliseconds.
    pub p50: f64,
    /// 99 of 100 times were shorter, in milliseconds.
    pub p99: f64,
}

/// Does a thing `count` times, one after another.
pub async fn latency(count: usize, mut work: impl AsyncFnMut()) -> Latency {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        work().await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |share: f64| millis(times[((times.len() - 1) as f64 * share) as usize]);
    Latency { p50: at(0.5), p99: at(0.99) }
}

/// Does a thing `count` times, `width` at once, and says how often a second.
pub async fn rate<F: Future<Output = ()>>(count: usize, width: usize, work: impl Fn() -> F) -> f64 {
    let start = Instant::now();
    futures::stream::iter(0..count).for_each_concurrent(width, |_| work()).await;
    count as f64 / start.elapsed().as_secs_f64()
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
