//! Receives an order and a gateway, asks it once over HTTP, gives what that has shown.

use std::time::Duration;

use ogent_protocol::CommandId;
use ogent_protocol::rest::{CommandView, TokenResponse};
use reqwest::{Client, Response};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::answer::Answer;
use super::wish::{Order, USER};

/// A part that is stopped takes connections and says nothing.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long any answer may take, beside what the gateway is asked to wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// All gateways, as one user sees them.
pub(super) struct Gateways {
    http: Client,
    password: String,
    each: Vec<Gateway>,
}

struct Gateway {
    url: String,
    /// Held while somebody logs in: a hundred at once would be refused.
    token: Mutex<Option<String>>,
}

// === impl Gateways ===

impl Gateways {
    pub(super) fn new(urls: &[String], password: &str) -> reqwest::Result<Self> {
        let http = Client::builder().no_proxy().connect_timeout(CONNECT_WITHIN).build()?;
        let each = urls.iter().map(|url| Gateway { url: url.clone(), token: Mutex::new(None) }).collect();
        Ok(Self { http, password: password.to_owned(), each })
    }

    pub(super) fn count(&self) -> usize {
        self.each.len()
    }

    pub(super) fn url(&self, at: usize) -> &str {
        &self.each[at % self.each.len()].url
    }

    /// A token, from a login if there is none but `stale`.
    pub(super) async fn token(&self, at: usize, stale: Option<&str>) -> Result<String, String> {
        let gateway = &self.each[at % self.each.len()];
        let mut token = gateway.token.lock().await;
        if let Some(good) = token.as_deref().filter(|have| Some(*have) != stale) {
            return Ok(good.to_owned());
        }
        let form = [("username", USER), ("password", &self.password)];
        let request = self.http.post(format!("{}/token", gateway.url)).form(&form).timeout(ANSWER_WITHIN);
        let response = request.send().await.and_then(Response::error_for_status);
        let answer = response.map_err(|error| words(&error))?.json::<TokenResponse>().await;
        let fresh = answer.map_err(|error| words(&error))?.access_token;
        *token = Some(fresh.clone());
        Ok(fresh)
    }

    /// Asks for a command, once; twice where the token had ended.
    pub(super) async fn execute(&self, at: usize, order: &Order) -> Answer {
        let mut stale = None;
        loop {
            let token = match self.token(at, stale.as_deref()).await {
                Ok(token) => token,
                Err(problem) => return Answer::NotSent(format!("no login: {problem}")),
            };
            match self.execute_as(&token, at, order).await {
                Answer::LoggedOut if stale.is_none() => stale = Some(token),
                Answer::LoggedOut => return Answer::NotSent("a new token is refused".to_owned()),
                answer => return answer,
            }
        }
    }

    async fn execute_as(&self, token: &str, at: usize, order: &Order) -> Answer {
        let wish = &order.wish;
        let request = self
            .http
            .post(format!("{}/agents/{}/execute", self.url(at), wish.agent))
            .query(&[("wait", wish.wait)])
            .bearer_auth(token)
            .header("Idempotency-Key", &wish.nonce)
            .timeout(ANSWER_WITHIN + Duration::from_secs(wish.wait.into()))
            .json(&order.request());
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                match response.bytes().await {
                    Ok(body) => Answer::of_http(status, &body),
                    Err(error) => Answer::Unsure(format!("{status}, then {}", words(&error))),
                }
            }
            Err(error) if error.is_connect() => Answer::NotSent(words(&error)),
            Err(error) => Answer::Unsure(words(&error)),
        }
    }

    /// Asks to cancel a command; the status, 0 for none.
    pub(super) async fn cancel(&self, at: usize, command: &CommandId) -> u16 {
        let url = format!("{}/commands/{command}/cancel", self.url(at));
        let sent = self.with_token(at, |token| self.http.post(&url).bearer_auth(token).timeout(ANSWER_WITHIN)).await;
        sent.map_or(0, |response| response.status().as_u16())
    }

    /// What a gateway says of a command; the status when it is not 200, 0 for silence.
    pub(super) async fn show(&self, at: usize, command: &CommandId) -> Result<CommandView, u16> {
        let url = format!("{}/commands/{command}", self.url(at));
        let sent = self.with_token(at, |token| self.http.get(&url).bearer_auth(token).timeout(ANSWER_WITHIN)).await;
        let response = sent.map_err(|_| 0_u16)?;
        match response.status().as_u16() {
            200 => response.json().await.map_err(|_| 0),
            status => Err(status),
        }
    }

    /// Opens the events of a command, behind `after`; `None` when that did not work.
    pub(super) async fn events(&self, at: usize, command: &CommandId, after: Option<u64>) -> Option<Response> {
        let url = format!("{}/commands/{command}/events", self.url(at));
        let build = |token: &str| {
            let request = self.http.get(&url).bearer_auth(token);
            match after {
                Some(after) => request.header("Last-Event-ID", after),
                None => request,
            }
        };
        // No time-out of the request's own: that would end the stream, too.
        let response = timeout(ANSWER_WITHIN, self.with_token(at, build)).await.ok()?.ok()?;
        (response.status().as_u16() == 200).then_some(response)
    }

    async fn with_token(&self, at: usize, build: impl Fn(&str) -> reqwest::RequestBuilder) -> Result<Response, String> {
        let token = self.token(at, None).await?;
        let response = build(&token).send().await.map_err(|error| words(&error))?;
        if response.status().as_u16() != 401 {
            return Ok(response);
        }
        let token = self.token(at, Some(&token)).await?;
        build(&token).send().await.map_err(|error| words(&error))
    }
}

/// An error with its causes, which hold what matters.
fn words(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
