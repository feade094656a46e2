//! When a request is sent again. Every request of this client may be: it reads, or it names what it makes.

use std::time::Duration;

use super::error::ClientError;

/// Pauses between attempts: a gateway that restarts behind a proxy, or a broker that elects a leader, is back by then.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// Makes the attempt, and again a few times while what is wrong may pass.
///
/// # Errors
/// The last attempt's.
pub async fn patiently<T, F>(attempt: impl Fn() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    for pause in PAUSES {
        match attempt().await {
            Err(error) if is_worth_another(&error) => tokio::time::sleep(pause).await,
            outcome => return outcome,
        }
    }
    attempt().await
}

/// Where nobody listens or nobody answers, the user should hear it now and not after minutes.
fn is_worth_another(error: &ClientError) -> bool {
    error.is_passing() && !matches!(error, ClientError::Unreachable { .. } | ClientError::Silent(_))
}
