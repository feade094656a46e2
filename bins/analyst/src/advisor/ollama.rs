//! Receives a question, asks Ollama (`/api/chat`) for an answer in the form of a schema.

use futures::future::{BoxFuture, FutureExt as _};
use ogent_runtime::Secret;
use ollama_rs::generation::chat::request::ChatMessageRequest;
use ollama_rs::generation::chat::{ChatMessage, ChatMessageResponse};
use ollama_rs::generation::parameters::{FormatType, ThinkType};
use ollama_rs::models::ModelOptions;
use reqwest::Url;

use super::http::{ClientError, Http};
use super::{Advisor, AdvisorError, Opinion, Question};

/// Tokens of an answer: an opinion needs some 300. Below 512, thinking models were seen to end before they say anything.
const MAX_TOKENS: i32 = 1024;
/// Tokens of question and answer together. Ollama's own default is smaller, and cuts the instructions off in silence.
const CONTEXT_TOKENS: u64 = 8192;

/// A model behind Ollama.
pub(crate) struct Ollama {
    http: Http,
    model: String,
}

// === impl Ollama ===

impl Ollama {
    /// The model of that name on the server at `base`.
    pub(crate) fn new(base: &Url, key: Option<Secret>, model: String) -> Result<Self, ClientError> {
        let mut url = base.clone();
        url.set_path(&format!("{}/api/chat", base.path().trim_end_matches('/')));
        Ok(Self { http: Http::new(url, key)?, model })
    }

    fn request(&self, question: &Question) -> Result<ChatMessageRequest, AdvisorError> {
        let format: FormatType = serde_json::from_value(question.schema()).map_err(|_| AdvisorError::Question)?;
        let messages =
            vec![ChatMessage::system(question.instructions().to_owned()), ChatMessage::user(question.data.clone())];
        let options = ModelOptions::default().temperature(0.0).seed(0).num_predict(MAX_TOKENS).num_ctx(CONTEXT_TOKENS);
        let mut request = ChatMessageRequest::new(self.model.clone(), messages);
        request.format = Some(format);
        request.options = Some(options);
        request.think = Some(ThinkType::False);
        Ok(request)
    }
}

impl Advisor for Ollama {
    fn model(&self) -> &str {
        &self.model
    }

    fn advise<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Opinion, AdvisorError>> {
        async move {
            let bytes = self.http.post(&self.request(question)?).await?;
            // An error that comes after the head of the answer has no status of its own: `{"error": …}`.
            let answer: ChatMessageResponse = serde_json::from_slice(&bytes).map_err(|_| AdvisorError::Reported)?;
            Ok(Opinion::read(&answer.message.content, &question.command, question.floor)?)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::{AnalysisRequest, Program, Verdict};

    #[test]
    fn a_question_says_all_that_ollama_must_know() {
        let ollama = Ollama::new(&"http://h:1/base".parse().unwrap(), None, "m".to_owned()).unwrap();
        let program = Program::Shell("ls".to_owned());
        let question = Question::new("m", &AnalysisRequest::default(), &program, &Verdict::default());
        let request = serde_json::to_value(ollama.request(&question).unwrap()).unwrap();
        // Both must be there and false: Ollama's own default of `stream` is true.
        assert_eq!((&request["stream"], &request["think"]), (&false.into(), &false.into()));
        assert_eq!(request["options"]["temperature"], 0.0);
        assert_eq!(request["format"], question.schema());
        assert!(request["options"]["num_predict"].as_i64().unwrap() >= 512);
        assert!(request["messages"][0]["content"].as_str().unwrap().contains("JSON"));
        assert_eq!(request["messages"][1]["content"], question.data);
    }
}
