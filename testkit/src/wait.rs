//! Waits for a condition, not for a time.

use std::time::{Duration, Instant};

/// Asks again and again until `condition` gives something; gives up, naming `what`, after `limit`.
///
/// # Panics
/// When the condition does not come true in time.
pub async fn wait_until<T>(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
