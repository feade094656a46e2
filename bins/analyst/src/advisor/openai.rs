//! Receives a question, asks a server that speaks OpenAI's protocol (`/v1/chat/completions`): vLLM, llama.cpp, LiteLLM,
//! OpenAI itself.

use futures::future::{BoxFuture, FutureExt as _};
use ogent_runtime::Secret;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{ClientError, Http};
use super::{Advisor, AdvisorError, Opinion, Question, Unusable};

/// As many as with Ollama.
const MAX_TOKENS: u32 = 1024;

/// A model behind such a server.
pub(crate) struct OpenAi {
    http: Http,
    model: String,
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    /// Empty where the model refuses.
    content: Option<String>,
}

// === impl OpenAi ===

impl OpenAi {
    /// The model of that name on the server at `base`, with `/v1` at its end or without.
    pub(crate) fn new(base: &Url, key: Option<Secret>, model: String) -> Result<Self, ClientError> {
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path);
        let mut url = base.clone();
        url.set_path(&format!("{path}/v1/chat/completions"));
        Ok(Self { http: Http::new(url, key)?, model })
    }

    fn request(&self, question: &Question) -> Value {
        json!({
            "model": self.model,
            "messages": [
                {"role": "system", "content": question.instructions()},
                {"role": "user", "content": question.data}
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "opinion", "strict": true, "schema": question.schema()}
            },
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "stream": false
        })
    }
}

impl Advisor for OpenAi {
    fn model(&self) -> &str {
        &self.model
    }

    fn advise<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Opinion, AdvisorError>> {
        async move {
            let bytes = self.http.post(&self.request(question)).await?;
            let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| AdvisorError::Reported)?;
            let choice = answer.choices.into_iter().next().ok_or(Unusable::Empty)?;
            Ok(Opinion::read(&choice.message.content.unwrap_or_default(), &question.command, question.floor)?)
        }
        .boxed()
    }
}
