//! Reads awk programs: what they pipe to and from, what they write, what they call.

mod lex;
mod operand;
mod output;

use std::collections::{HashMap, HashSet};

use super::findings::Findings;
use super::value::Value;
use lex::Token;

/// Words of the language after which something new begins, behind a parenthesis if there is one.
const CONTROL: &[&str] =
    &["if", "while", "for", "switch", "else", "do", "return", "case", "exit", "delete", "function", "func", "default"];

/// Parentheses deeper than this are not followed.
const DEEPEST: usize = 48;

/// Says what an awk program does.
pub(super) fn scan(code: &str, found: &mut Findings) {
    let Some(tokens) = lex::tokens(code) else { return found.opaque() };
    let functions = tokens.windows(2).filter_map(|pair| match pair {
        [Token::Name(word), Token::Call(name) | Token::Name(name)] if word == "function" || word == "func" => {
            Some(name)
        }
        _ => None,
    });
    // A variable may be set behind the place that uses it, so the values are collected first.
    let mut names = HashMap::new();
    for last in [false, true] {
        let mut scratch = Findings::default();
        let functions = functions.clone().cloned().collect();
        let found = if last { &mut *found } else { &mut scratch };
        let mut awk = Awk { tokens: &tokens, at: 0, names, functions, depth: 0, found };
        awk.program();
        names = awk.names;
    }
}

/// Follows the tokens of a program.
struct Awk<'a> {
    tokens: &'a [Token],
    at: usize,
    names: HashMap<String, Value>,
    functions: HashSet<String>,
    depth: usize,
    found: &'a mut Findings,
}

impl Awk<'_> {
    fn program(&mut self) {
        while self.at < self.tokens.len() {
            let before = self.at;
            if !self.output_statement() && !self.function() {
                self.expression(false);
            }
            if self.at == before {
                self.at += 1;
            }
        }
    }

    /// The head of a function: nobody knows what its parameters are. Says whether there was one.
    fn function(&mut self) -> bool {
        if !self.sees_word("function") && !self.sees_word("func") {
            return false;
        }
        self.at += 2;
        while let Some(Token::Op("(" | ",") | Token::Name(_)) = self.peek() {
            if let Some(Token::Name(name)) = self.peek() {
                self.assign(Some(name.clone()), &Value::Unknown);
            }
            self.at += 1;
        }
        true
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn sees(&self, operator: &str) -> bool {
        matches!(self.peek(), Some(Token::Op(next)) if *next == operator)
    }

    fn eat(&mut self, operator: &str) -> bool {
        let seen = self.sees(operator);
        self.at += usize::from(seen);
        seen
    }

    fn sees_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(name) | Token::Call(name)) if name == word)
    }

    /// An expression up to what cannot belong to it; its value is that of its last run of texts.
    fn expression(&mut self, prints: bool) -> Value {
        if self.depth >= DEEPEST {
            self.found.opaque();
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.run(prints);
        self.depth -= 1;
        value
    }

    fn run(&mut self, prints: bool) -> Value {
        let mut value: Option<Value> = None;
        let mut last: Option<String> = None;
        let mut compared = false;
        while let Some(token) = self.peek() {
            match token {
                Token::Op("|" | "|&") => {
                    let both_ways = self.sees("|&");
                    self.at += 1;
                    if !self.sees_word("getline") {
                        self.at -= 1;
                        if !prints {
                            self.found.opaque();
                        }
                        break;
                    }
                    self.at += 1;
                    self.getline_variable();
                    self.reads_from(&value.take().unwrap_or_default(), both_ways);
                    value = Some(Value::Unknown);
                }
                Token::Op(">" | ">>") if prints => break,
                Token::Op("=" | "+=" | "-=" | "*=" | "/=" | "%=" | "^=" | "**=") => {
                    let plain = self.eat("=");
                    self.at += usize::from(!plain);
                    let assigned = self.expression(prints);
                    let assigned = if plain { assigned } else { Value::Unknown };
                    self.assign(last.take(), &assigned);
                    value = Some(assigned);
                }
                Token::Op("?") => {
                    self.at += 1;
                    let one = self.expression(prints);
                    self.eat(":");
                    value = Some(one.or(&self.expression(prints)));
                }
                Token::Op("++" | "--") => {
                    self.at += 1;
                    self.assign(last.take(), &Value::Unknown);
                }
                Token::Op("+" | "-" | "*" | "/" | "%" | "^" | "**") if value.is_some() => {
                    self.at += 1;
                    last = None;
                    self.operand();
                    value = value.map(|text| text.concat(&Value::Unknown));
                }
                Token::Op("<" | "<=" | "==" | "!=" | ">" | ">=" | "~" | "!~" | "&&" | "||") => {
                    self.at += 1;
                    (value, last, compared) = (None, None, true);
                }
                Token::Name(name) if name == "in" => {
                    self.at += 1;
                    self.assign(last.take(), &Value::Unknown);
                    (value, last, compared) = (None, None, true);
                }
                Token::End if compared && value.is_none() => self.at += 1,
                Token::Op(")" | "]" | "}" | "{" | "," | ":") | Token::End => break,
                Token::Name(name) | Token::Call(name) if output::is_output(name) => break,
                Token::Name(name) | Token::Call(name) if CONTROL.contains(&name.as_str()) => {
                    self.at += 1;
                    if self.eat("(") {
                        self.values(")");
                    }
                    (value, last, compared) = (None, None, false);
                }
                _ => {
                    let before = self.at;
                    let (next, name) = self.operand();
                    if self.at == before {
                        break;
                    }
                    last = name;
                    value = Some(value.map_or(next.clone(), |text| text.concat(&next)));
                }
            }
        }
        if compared { Value::Unknown } else { value.unwrap_or_default() }
    }
}
