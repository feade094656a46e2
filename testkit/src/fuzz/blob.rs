//! Bytes that are usually text, in both encodings.

use ogent_protocol::Blob;
use serde_json::Value;

/// Bytes, as a command may print them and as somebody may have written them down.
pub fn blob(data: &[u8]) {
    is_kept(&Blob::from(data.to_vec()));
    let read = [
        serde_json::from_slice::<Blob>(data).ok(),
        rmp_serde::from_slice::<Blob>(data).ok(),
        serde_json::from_slice::<Value>(data).ok().and_then(|value| serde_json::from_value(value).ok()),
    ];
    for blob in read.into_iter().flatten() {
        assert!(blob.len() <= data.len(), "{} bytes were made of {}", blob.len(), data.len());
        is_kept(&blob);
    }
}

fn is_kept(blob: &Blob) {
    let json = serde_json::to_vec(blob).unwrap();
    assert!(json.len() <= 6 * blob.len() + r#"{"base64":""}"#.len() + 2);
    assert_eq!(&serde_json::from_slice::<Blob>(&json).unwrap(), blob);
    let is_text = std::str::from_utf8(blob.as_bytes()).is_ok();
    assert_eq!(json.starts_with(b"\""), is_text, "text is text, and nothing else is");
    let pack = rmp_serde::to_vec_named(blob).unwrap();
    assert!(pack.len() <= blob.len() + 5);
    assert_eq!(&rmp_serde::from_slice::<Blob>(&pack).unwrap(), blob);
    // What a command prints may be a secret.
    assert_eq!(format!("{blob:?}"), format!("Blob({} bytes)", blob.len()));
}
