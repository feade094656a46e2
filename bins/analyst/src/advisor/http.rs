//! Receives a question as JSON, gives the bytes of the answer, within bounds.
//!
//! This is not ollama-rs' own way, because that one reads a body of any size into memory, has no deadline, and forgets
//! the status, by which a missing model is told from a busy server.

use std::time::Duration;

use ogent_runtime::Secret;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;

use super::AdvisorError;

/// The longest answer that is read: many times what an opinion may have, with all that stands around it.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A client of one address.
pub(super) struct Http {
    client: Client,
    url: Url,
    key: Option<Secret>,
}

/// The system lets no client be made, which for `https` needs its certificates.
#[derive(Debug, thiserror::Error)]
#[error("the client for the model's server cannot be made")]
pub(crate) struct ClientError(#[source] reqwest::Error);

// === impl Http ===

impl Http {
    pub(super) fn new(url: Url, key: Option<Secret>) -> Result<Self, ClientError> {
        let mut builder = Client::builder()
            .user_agent(concat!("ogent-analyst/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            // Commands and the key go where the configuration says, and nowhere else.
            .redirect(Policy::none());
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        if url.scheme() == "http" {
            // Reading the system's certificates takes time, and some containers have none.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self { client: builder.build().map_err(ClientError)?, url, key })
    }

    /// Sends the question and reads the answer.
    pub(super) async fn post(&self, question: &impl Serialize) -> Result<Vec<u8>, AdvisorError> {
        let body = serde_json::to_vec(question).map_err(|_| AdvisorError::Question)?;
        let mut request = self.client.post(self.url.clone()).header("Content-Type", "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let mut response = request.send().await.map_err(|error| match error.is_connect() {
            true => AdvisorError::Unreachable,
            false => AdvisorError::Cut,
        })?;
        check(response.status())?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| AdvisorError::Cut)? {
            if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(AdvisorError::TooLarge(MAX_ANSWER_BYTES));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

fn check(status: StatusCode) -> Result<(), AdvisorError> {
    match status.as_u16() {
        200..=299 => Ok(()),
        code @ (401 | 403) => Err(AdvisorError::Denied(code)),
        404 => Err(AdvisorError::NoModel),
        code @ (429 | 503) => Err(AdvisorError::Busy(code)),
        code => Err(AdvisorError::Status(code)),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    async fn post(url: &str) -> Result<Vec<u8>, AdvisorError> {
        Http::new(url.parse().unwrap(), Some(Secret::new("key".to_owned()))).unwrap().post(&"question").await
    }

    #[tokio::test]
    async fn encrypted_servers_can_be_asked() {
        // A port that nobody listens on: the client could be made, and has tried.
        assert_eq!(post("https://127.0.0.1:1/api/chat").await, Err(AdvisorError::Unreachable));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // Whoever follows it comes here again, until it gives up: with another error.
                let head = format!("HTTP/1.1 307 X\r\nLocation: http://{address}/again\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
            }
        });
        assert_eq!(post(&format!("http://{address}/")).await, Err(AdvisorError::Status(307)));
    }

    #[test]
    fn this_machine_is_asked_without_a_proxy() {
        let is = |url: &str| is_loopback(&url.parse().unwrap());
        assert!(is("http://localhost:1") && is("http://127.0.0.2") && is("http://[::1]:11434"));
        assert!(!is("http://localhost.example.org") && !is("http://10.0.0.1") && !is("https://[::2]"));
    }
}
