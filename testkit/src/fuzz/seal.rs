//! Signatures: the headers that anybody may put beside a message.

use ogent_protocol::signature::{CERTIFICATE, SIGNATURE, SIGNER, Seal};

/// Three lines: signature, signer, certificate; a line that is missing is a header that is missing.
pub fn seal(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let Ok(Some(seal)) = Seal::parse(lines.next(), lines.next(), lines.next()) else { return };
    let headers = seal.headers();
    let find = |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let again = Seal::parse(find(SIGNATURE), find(SIGNER), find(CERTIFICATE));
    assert_eq!(again, Ok(Some(seal)), "another seal than was read");
    // One signature has one spelling: nobody can store it twice as two.
    assert_eq!(find(SIGNATURE), text.split('\n').next());
}
