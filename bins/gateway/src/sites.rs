//! Receives origins that browsers name, gives back whether they are the gateway's own or allowed ones.

/// Whose pages may do what.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    /// The origin of the gateway's own pages, where that is known.
    own: Option<String>,
    /// Whether the gateway speaks TLS itself.
    encrypted: bool,
    allowed: Vec<String>,
}

// === impl Sites ===

impl Sites {
    /// `own` and `allowed` are in small letters.
    pub(crate) fn new(own: Option<String>, encrypted: bool, allowed: Vec<String>) -> Self {
        Self { own, encrypted, allowed }
    }

    /// Whether the gateway speaks TLS itself.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether pages of this origin may ask, with a token of their own.
    pub(crate) fn is_allowed(&self, origin: &str) -> bool {
        // `null` is what a sandboxed page and a file say: it is nobody's.
        origin != "null" && self.allowed.iter().any(|allowed| *allowed == origin)
    }

    /// Whether pages of this origin are the gateway's own, which is asked as `host`.
    pub(crate) fn is_own(&self, origin: &str, host: Option<&str>) -> bool {
        if let Some(own) = &self.own {
            return own == origin;
        }
        // Whether there is a proxy that speaks TLS is not known, so without it either scheme is the gateway's own.
        let plain = origin.strip_prefix("http://").filter(|_| !self.encrypted);
        let authority = origin.strip_prefix("https://").or(plain);
        authority.zip(host).is_some_and(|(authority, host)| !host.is_empty() && authority.eq_ignore_ascii_case(host))
    }
}
