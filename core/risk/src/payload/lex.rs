//! Cuts a program into tokens: one reader for all languages, with the quotes and comments of each.

mod heredoc;
mod number;
mod perl;
mod quote;
mod ruby;
mod script;
mod variable;

use super::reader::{Reader, is_word, is_word_start};
use super::token::{Lexeme, Piece, Token};
use super::{Language, UNKNOWN};
use heredoc::Heredoc;

pub(super) use quote::{balanced, closing};

const OPERATORS: &[&str] = &[
    "<<<", "===", "!==", "**=", "...", "<=>", "||=", "&&=", "??=", "//=", ">>>", "?->", "->", "=>", "::", "==", "!=",
    "<=", ">=", "+=", "-=", "*=", "/=", ".=", "%=", "|=", "&=", "^=", "~=", "??", "?.", "&.", "||", "&&", "<<", ">>",
    "=~", "!~", "++", "--", "**", ":=", "..", "{", "}", "(", ")", "[", "]", ",", "+", "-", "*", "/", "%", "^", "!",
    ">", "<", "|", "?", ":", "~", "$", "=", "@", "&", ".", "\\", "#", "`",
];

/// Words after which no value has been, so that what follows begins one.
const BEFORE_VALUES: &[&str] = &[
    "return", "if", "elsif", "elif", "unless", "while", "until", "and", "or", "not", "in", "of", "when", "case",
    "then", "do", "else", "typeof", "void", "delete", "new", "throw", "yield", "await", "print", "puts", "echo", "say",
    "split", "grep", "map", "join", "push", "unshift", "x", "eq", "ne", "lt", "gt", "cmp", "xor", "unlink", "die",
    "warn", "system", "exec", "p", "printf", "for", "foreach", "my", "our", "local", "lc", "uc", "defined", "scalar",
    "chomp", "eval", "sort", "reverse", "keys", "values", "open", "require", "raise", "begin", "length", "sprintf",
];

/// A program in tokens, and whether all of it could be cut.
pub(super) struct Tokens {
    pub(super) lexemes: Vec<Lexeme>,
    pub(super) complete: bool,
}

/// Cuts a program into its tokens.
pub(super) fn tokens(language: Language, code: &str) -> Tokens {
    let mut lexer = Lexer::over(language, code);
    let complete = lexer.run().is_some();
    Tokens { lexemes: lexer.out, complete }
}

struct Lexer<'a> {
    language: Language,
    reader: Reader<'a>,
    out: Vec<Lexeme>,
    spaced: bool,
    /// Which are open.
    brackets: Vec<char>,
    /// Whose text begins with the next line.
    heredocs: Vec<Heredoc>,
}

impl<'a> Lexer<'a> {
    fn over(language: Language, code: &'a str) -> Self {
        Lexer {
            language,
            reader: Reader::new(code),
            out: Vec::new(),
            spaced: true,
            brackets: Vec::new(),
            heredocs: Vec::new(),
        }
    }

    fn run(&mut self) -> Option<()> {
        if self.reader.sees("#!") {
            self.reader.line();
        }
        while let Some(char) = self.reader.peek() {
            if self.blank(char)? {
                continue;
            }
            self.token(char)?;
        }
        Some(())
    }

    fn is(&self, languages: &[Language]) -> bool {
        languages.contains(&self.language)
    }

    fn push(&mut self, token: Token) {
        self.out.push(Lexeme { token, spaced: self.spaced });
        self.spaced = false;
    }

    fn last(&self) -> Option<&Token> {
        self.out.last().map(|lexeme| &lexeme.token)
    }

    /// White space and comments. Says whether there was some.
    fn blank(&mut self, char: char) -> Option<bool> {
        let seen = match char {
            '\n' => {
                self.newline();
                true
            }
            _ if char.is_whitespace() => {
                self.reader.bump();
                true
            }
            '\\' if self.reader.eat("\\\n") || self.reader.eat("\\\r\n") => true,
            _ => self.comment()?,
        };
        self.spaced |= seen;
        Some(seen)
    }

    fn newline(&mut self) {
        self.reader.bump();
        for heredoc in std::mem::take(&mut self.heredocs) {
            self.heredoc_text(&heredoc);
        }
        let ends = self.is(&[Language::Python, Language::Ruby, Language::Node, Language::Other])
            && !matches!(self.brackets.last(), Some('(' | '['))
            && !self.continues();
        if ends {
            self.push(Token::End);
        }
    }

    /// Whether the line before or the next one shows that a statement goes on.
    fn continues(&self) -> bool {
        let open = match self.last() {
            Some(Token::Op(operator)) => !matches!(*operator, ")" | "]" | "}" | "++" | "--" | ":" | "!" | "?"),
            Some(Token::End) | None => true,
            _ => false,
        };
        let mut ahead = self.reader;
        ahead.take_while(|char| matches!(char, ' ' | '\t'));
        let chained = ahead.sees(".") || ahead.sees("?.") || ahead.sees("&.");
        open || chained && !ahead.sees("..")
    }

    fn comment(&mut self) -> Option<bool> {
        let line: &[&str] = match self.language {
            Language::Python | Language::Perl | Language::Ruby => &["#"],
            Language::Php => &["#", "//"],
            Language::Lua => &["--"],
            Language::Node | Language::Other => &["//"],
            _ => &[],
        };
        if self.language == Language::Lua && self.reader.sees("--[") {
            let mut ahead = self.reader;
            ahead.eat("--");
            if script::long_bracket(&mut ahead)?.is_some() {
                self.reader = ahead;
                return Some(true);
            }
        }
        if self.is(&[Language::Php, Language::Node, Language::Other]) && self.reader.eat("/*") {
            self.reader.until("*/")?;
            return Some(true);
        }
        if self.is(&[Language::Ruby, Language::Perl]) && self.at_line_start() && self.reader.sees("=begin") {
            let end = if self.language == Language::Ruby { "\n=end" } else { "\n=cut" };
            self.reader.until(end)?;
            self.reader.line();
            return Some(true);
        }
        let seen = line.iter().any(|mark| self.reader.sees(mark));
        if seen {
            self.reader.line();
        }
        Some(seen)
    }

    fn at_line_start(&self) -> bool {
        matches!(self.last(), None | Some(Token::End) | Some(Token::Op(";" | "}")))
    }

    /// Whether what comes next stands behind a value, and so cannot begin one.
    fn after_value(&self) -> bool {
        match self.last() {
            Some(Token::Word(word)) if word.starts_with(['$', '@', '%']) => true,
            Some(Token::Word(word)) => !BEFORE_VALUES.contains(&word.as_str()),
            Some(Token::Op(operator)) => matches!(*operator, ")" | "]" | "}" | "++" | "--"),
            Some(Token::End) | None => false,
            Some(_) => true,
        }
    }

    fn token(&mut self, char: char) -> Option<()> {
        if char == UNKNOWN {
            self.reader.bump();
            self.push(Token::Unknown);
            return Some(());
        }
        if self.quote(char)? || self.variable(char)? {
            return Some(());
        }
        if char == ';' {
            self.reader.bump();
            self.push(Token::End);
            return Some(());
        }
        let decimal = char == '.' && self.reader.second().is_some_and(|next| next.is_ascii_digit());
        if char.is_ascii_digit() || decimal && !self.after_value() {
            let number = number::number(&mut self.reader);
            self.push(number);
            return Some(());
        }
        if is_word_start(char) {
            return self.word();
        }
        self.operator()
    }

    fn word(&mut self) -> Option<()> {
        let node = self.language == Language::Node;
        let mut word = self.reader.take_while(|char| is_word(char) || node && char == '$').to_owned();
        match self.language {
            Language::Perl => return self.perl_word(word),
            Language::Ruby => self.ruby_suffix(&mut word),
            _ => {}
        }
        self.push(Token::Word(word));
        Some(())
    }

    fn operator(&mut self) -> Option<()> {
        let operator = *OPERATORS.iter().find(|operator| self.reader.eat(operator))?;
        match operator.chars().next() {
            Some(open @ ('(' | '[' | '{')) => self.brackets.push(open),
            Some(')' | ']' | '}') => drop(self.brackets.pop()),
            _ => {}
        }
        self.push(Token::Op(operator));
        Some(())
    }

    /// Strings, regular expressions and their like. Says whether there was one.
    fn quote(&mut self, char: char) -> Option<bool> {
        match self.language {
            Language::Python => self.python_quote(char),
            Language::Perl => self.perl_quote(char),
            Language::Ruby => self.ruby_quote(char),
            Language::Node => self.node_quote(char),
            Language::Php => self.php_quote(char),
            Language::Lua => self.lua_quote(char),
            _ => self.other_quote(char),
        }
    }

    fn pieces(&mut self, pieces: Vec<Piece>) -> Option<bool> {
        self.push(Token::Text(pieces));
        Some(true)
    }
}
