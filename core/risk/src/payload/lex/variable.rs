//! Variables with a sigil.

use super::Lexer;
use crate::payload::Language;
use crate::payload::reader::{is_word, is_word_start};
use crate::payload::token::Token;

/// The characters that follow `$` in the names of Perl's and Ruby's own variables.
const SPECIAL: &str = "_&`'+!@/\\,;.<>()[]^:~=-%|?\"0*";

impl Lexer<'_> {
    /// `$x`, `@x`, `%x`. Says whether there was one.
    pub(super) fn variable(&mut self, char: char) -> Option<bool> {
        match (self.language, char) {
            (Language::Php, '$') => Some(self.php_variable()),
            // PHP's `@` only keeps quiet.
            (Language::Php, '@') => {
                self.reader.bump();
                Some(true)
            }
            (Language::Ruby, '$' | '@') => Some(self.ruby_variable(char)),
            (Language::Perl, '$') => Some(self.perl_scalar()),
            (Language::Perl, '@' | '%' | '&') => Some(self.perl_other(char)),
            _ => Some(false),
        }
    }

    fn named(&mut self, sigil: &str) -> bool {
        let name = self.reader.take_while(|char| is_word(char) || char == ':').trim_end_matches(':');
        self.push(Token::Word(format!("{sigil}{name}")));
        true
    }

    fn php_variable(&mut self) -> bool {
        self.reader.bump();
        if self.reader.peek().is_some_and(is_word_start) {
            let name = self.reader.word();
            self.push(Token::Word(format!("${name}")));
        } else {
            // A variable whose name is put together; the expression in braces is read behind it.
            self.push(Token::Word("$$".to_owned()));
            if self.reader.eat("$") {
                self.reader.word();
            }
        }
        true
    }

    fn ruby_variable(&mut self, char: char) -> bool {
        self.reader.bump();
        self.reader.eat("@");
        if self.reader.peek().is_some_and(is_word) {
            let name = self.reader.take_while(is_word);
            self.push(Token::Word(format!("{char}{name}")));
        } else if char == '$' {
            self.reader.bump();
            self.push(Token::Unknown);
        }
        true
    }

    fn perl_scalar(&mut self) -> bool {
        self.reader.bump();
        if self.reader.eat("#")
            && !self.reader.sees("{")
            && !self.reader.sees("$")
            && !super::script::word_follows(&self.reader)
        {
            self.push(Token::Unknown);
            return true;
        }
        let dereferenced = self.reader.sees("$")
            && self.reader.second().is_some_and(|char| is_word(char) || matches!(char, '{' | '$'));
        self.reader.take_while(|char| dereferenced && char == '$');
        match self.reader.peek() {
            Some(char) if is_word(char) || char == ':' && self.reader.sees("::") => {
                let sigil = if dereferenced { "$$" } else { "$" };
                return self.named(sigil);
            }
            // `${name}` is a variable; in `${ code }` the braces are read as code.
            Some('{') => {
                let mut ahead = self.reader;
                ahead.bump();
                ahead.eat("^");
                let name = ahead.word();
                if !name.is_empty() && ahead.eat("}") {
                    self.reader = ahead;
                    self.push(Token::Word(format!("${name}")));
                } else {
                    self.push(Token::Word("$$".to_owned()));
                }
            }
            Some('$') => {
                self.reader.bump();
                self.push(Token::Unknown);
            }
            Some(char) if SPECIAL.contains(char) => {
                self.reader.bump();
                if char == '^' {
                    self.reader.take_while(|char| char.is_ascii_uppercase());
                }
                self.push(Token::Word(format!("${char}")));
            }
            _ => self.push(Token::Unknown),
        }
        true
    }

    fn perl_other(&mut self, sigil: char) -> bool {
        let next = self.reader.second();
        let begins = next.is_some_and(|char| is_word_start(char) || matches!(char, '{' | '$') || char == ':');
        let special = match sigil {
            '@' => next.is_some_and(|char| matches!(char, '-' | '+' | '_')),
            '%' => next.is_some_and(|char| matches!(char, '+' | '-' | '!' | '^')),
            _ => false,
        };
        if sigil != '@' && self.after_value() || !begins && !special {
            return false;
        }
        self.reader.bump();
        match next {
            // `&name(…)` is a call, `&$code(…)` one too: the sigil says nothing more. `&{…}(…)` calls what is named.
            Some('{') if sigil == '&' => self.push(Token::Word("&".to_owned())),
            _ if sigil == '&' => {}
            Some('{') => self.push(Token::Word(format!("{sigil}{sigil}"))),
            Some('$') => {
                self.reader.take_while(|char| char == '$');
                let name = self.reader.word();
                self.push(Token::Word(format!("{sigil}${name}")));
                if name.is_empty() && !self.reader.sees("{") {
                    return false;
                }
            }
            _ if special => {
                self.reader.bump();
                self.push(Token::Unknown);
            }
            _ => return self.named(&sigil.to_string()),
        }
        true
    }
}
