//! The words of a program in one of the languages that are read alike.

/// A word of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a word of the language, with its sigil.
    Word(String),
    /// A string.
    Text(Vec<Piece>),
    /// A command for a shell: backticks.
    Shell(Vec<Piece>),
    /// Words without quotes: `%w[a b]`.
    Words(Vec<String>),
    /// A number; none where it is no whole one, or too big.
    Number(Option<i64>),
    /// A regular expression, with the code in it.
    Regex(Vec<Piece>),
    /// A value that nobody knows.
    Unknown,
    /// An operator or a bracket.
    Op(&'static str),
    /// The end of a statement.
    End,
}

/// A piece of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands there, without escapes.
    Text(String),
    /// Code whose value stands there.
    Code(String),
}

/// A token, and whether there was white space before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) spaced: bool,
}

/// A place in a row of tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    lexemes: &'t [Lexeme],
}

// === impl Cursor ===

impl<'t> Cursor<'t> {
    pub(super) fn new(lexemes: &'t [Lexeme]) -> Self {
        Self { lexemes }
    }

    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.lexemes.len()
    }

    pub(super) fn peek(&self) -> Option<&'t Token> {
        self.lexemes.first().map(|lexeme| &lexeme.token)
    }

    pub(super) fn second(&self) -> Option<&'t Token> {
        self.lexemes.get(1).map(|lexeme| &lexeme.token)
    }

    /// Whether there is white space before the next.
    pub(super) fn spaced(&self) -> bool {
        self.lexemes.first().is_some_and(|lexeme| lexeme.spaced)
    }

    /// Whether there is white space after the next.
    pub(super) fn spaced_after(&self) -> bool {
        self.lexemes.get(1).is_some_and(|lexeme| lexeme.spaced)
    }

    pub(super) fn bump(&mut self) {
        self.lexemes = self.lexemes.get(1..).unwrap_or_default();
    }

    pub(super) fn sees(&self, operator: &str) -> bool {
        matches!(self.peek(), Some(Token::Op(next)) if *next == operator)
    }

    pub(super) fn eat(&mut self, operator: &str) -> bool {
        let seen = self.sees(operator);
        if seen {
            self.bump();
        }
        seen
    }

    pub(super) fn word(&self) -> Option<&'t str> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(super) fn eat_word(&mut self, wanted: &str) -> bool {
        let seen = self.word() == Some(wanted);
        if seen {
            self.bump();
        }
        seen
    }
}
