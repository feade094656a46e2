//! Receives HTTP answers, gives documents or errors.

use ogent_protocol::rest::Problem;
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::error::ClientError;

/// Largest document that is read: a page of a hundred commands with lines and environments of 64 KiB has 13 MB.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

/// How much of an error that is not ours is read, and how much of it is shown.
const MAX_ERROR_BYTES: usize = 64 * 1024;
const SHOWN_CHARACTERS: usize = 200;

/// The answer, if it is not an error.
///
/// # Errors
/// The problem that it describes otherwise.
pub async fn accepted(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = whole(response, MAX_ERROR_BYTES).await.unwrap_or_default();
    if let Ok(problem) = serde_json::from_slice::<Problem>(&body) {
        return Err(ClientError::Refused(Box::new(problem)));
    }
    let text = String::from_utf8_lossy(&body).trim().chars().take(SHOWN_CHARACTERS).collect();
    Err(ClientError::Foreign { status, text })
}

/// The document that the answer holds.
///
/// # Errors
/// When it breaks off, is too large, or is not of that type.
pub async fn json<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let body = whole(response, MAX_DOCUMENT_BYTES).await?;
    serde_json::from_slice(&body).map_err(ClientError::Answer)
}

/// The next piece of an answer that is a stream of bytes; `None` at its end.
///
/// # Errors
/// When it breaks off.
pub async fn chunk(response: &mut Response) -> Result<Option<impl AsRef<[u8]> + use<>>, ClientError> {
    response.chunk().await.map_err(|error| ClientError::broken(&error))
}

async fn whole(mut response: Response, max: usize) -> Result<Vec<u8>, ClientError> {
    let mut body = Vec::new();
    while let Some(piece) = chunk(&mut response).await? {
        let piece = piece.as_ref();
        if body.len() + piece.len() > max {
            return Err(ClientError::TooLarge(max));
        }
        body.extend_from_slice(piece);
    }
    Ok(body)
}
