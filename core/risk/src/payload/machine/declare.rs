//! Words that name something: imports, functions, loops.

use ogent_protocol::verdict::EffectKind;

use super::{Machine, Target};
use crate::payload::Language;
use crate::payload::token::{Cursor, Token};
use crate::payload::value::Value;

impl Machine<'_> {
    /// Reads a declaration, if `word`, which comes next, begins one. What it names is noted.
    pub(super) fn declaration(&mut self, cursor: &mut Cursor<'_>, word: &str) -> bool {
        match (self.language, word) {
            (_, "catch") => self.caught(cursor),
            (Language::Python, "import") => self.python_import(cursor),
            (Language::Python, "from") => self.python_from(cursor),
            (Language::Python | Language::Ruby, "def")
            | (Language::Node | Language::Php | Language::Lua, "function")
            | (Language::Php, "fn")
            | (Language::Perl, "sub") => self.function(cursor),
            (Language::Python, "lambda") => self.lambda(cursor),
            (Language::Python, "as") => self.renamed(cursor),
            (Language::Python | Language::Ruby | Language::Lua, "for") => self.for_in(cursor),
            (Language::Perl, "for" | "foreach") => self.perl_for(cursor),
            (Language::Php, "foreach") => self.php_for(cursor),
            (Language::Node, "for") => self.node_for(cursor),
            (Language::Node, "const" | "let" | "var") => self.destructured(cursor),
            (Language::Node, "import") => self.node_import(cursor),
            (Language::Perl, "use" | "no" | "require") => self.perl_use(cursor),
            (Language::Perl, "do") => self.perl_do(cursor),
            (Language::Ruby, "do") => self.ruby_do(cursor),
            (_, "class" | "module" | "package" | "namespace") if !self.is(&[Language::Lua, Language::Other]) => {
                named(cursor)
            }
            _ => false,
        }
    }

    /// `catch (error)`.
    fn caught(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let mut ahead = *cursor;
        ahead.bump();
        if !ahead.eat("(") {
            return false;
        }
        self.parameters(&mut ahead, ")");
        *cursor = ahead;
        true
    }

    /// The head of a function, and its body where braces enclose that.
    fn function(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let arrow = cursor.word() == Some("fn");
        cursor.bump();
        self.branches = true;
        while matches!(cursor.peek(), Some(Token::Word(_) | Token::Op("*" | "&" | "." | ":" | "::"))) {
            cursor.bump();
            if cursor.spaced() && self.language == Language::Ruby {
                break;
            }
        }
        if cursor.eat("(") {
            self.parameters(cursor, ")");
        } else if self.language == Language::Ruby {
            while let Some(name) = cursor.word() {
                self.forget(name);
                cursor.bump();
                cursor.eat(",");
            }
        }
        if self.language == Language::Php {
            if cursor.eat_word("use") && cursor.eat("(") {
                self.arguments(cursor, ")");
            }
            if cursor.eat(":") {
                cursor.bump();
            }
        }
        if arrow && cursor.eat("=>") {
            self.expression(cursor);
        } else if cursor.eat("{") {
            self.block(cursor);
        }
        true
    }

    /// Parameters, with their types and what they are by default.
    pub(super) fn parameters(&mut self, cursor: &mut Cursor<'_>, end: &str) {
        while cursor.left() > 0 && !cursor.eat(end) {
            let before = cursor.left();
            match cursor.peek() {
                Some(Token::Word(name)) => {
                    self.forget(name);
                    cursor.bump();
                }
                Some(Token::Op("=" | ":")) => {
                    cursor.bump();
                    self.simple(cursor);
                }
                _ => cursor.bump(),
            }
            if cursor.left() == before {
                cursor.bump();
            }
        }
    }

    fn lambda(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        self.branches = true;
        while cursor.left() > 0 && !cursor.eat(":") {
            if let Some(name) = cursor.word() {
                self.forget(name);
            }
            cursor.bump();
            if cursor.eat("=") {
                self.simple(cursor);
            }
        }
        let value = self.expression(cursor);
        self.let_go(&value);
        true
    }

    /// `as name`, behind `with` and `except`.
    fn renamed(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        if let Some(name) = cursor.word() {
            self.forget(name);
            cursor.bump();
        }
        true
    }

    /// `for a, b in values`: a name has any of the values.
    fn for_in(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        self.branch("for");
        let mut names = Vec::new();
        while let Some(Token::Word(_) | Token::Op("," | "(" | ")" | "*")) = cursor.peek() {
            if cursor.eat_word("in") {
                break;
            }
            names.extend(cursor.word());
            cursor.bump();
        }
        let values = if cursor.eat("=") { Value::Unknown } else { self.simple(cursor).0 };
        self.each(&names, &values);
        true
    }

    fn each(&mut self, names: &[&str], values: &Value) {
        let item = match (names, values) {
            ([_], Value::List(items)) => {
                items.iter().skip(1).fold(items.first().cloned().unwrap_or_default(), |all, item| all.or(item))
            }
            _ => Value::Unknown,
        };
        for name in names {
            self.assign(&Target::Name((*name).to_owned()), &item);
        }
    }

    /// `for my $x (values)`.
    fn perl_for(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        self.branch("for");
        let _ = cursor.eat_word("my") || cursor.eat_word("our");
        let name = cursor.word().filter(|word| word.starts_with('$'));
        let Some(name) = name else {
            // `… for values` gives them to `$_`.
            let values = if cursor.sees("(") { self.operand(cursor).0 } else { self.simple(cursor).0 };
            self.each(&["$_"], &values);
            return true;
        };
        cursor.bump();
        let values = if cursor.eat("(") { Value::list(self.arguments(cursor, ")").flat(0)) } else { Value::Unknown };
        self.each(&[name], &values);
        true
    }

    /// `foreach (values as $key => $value)`.
    fn php_for(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        self.branch("foreach");
        cursor.eat("(");
        let values = self.simple(cursor).0;
        cursor.eat_word("as");
        let mut names = Vec::new();
        while cursor.left() > 0 && !cursor.eat(")") {
            names.extend(cursor.word());
            cursor.bump();
        }
        let last = names.pop().into_iter().collect::<Vec<_>>();
        self.each(&names, &Value::Unknown);
        self.each(&last, &values);
        true
    }

    /// `for (const x of values)`; the rest is read as usual.
    fn node_for(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let mut ahead = *cursor;
        ahead.bump();
        ahead.eat_word("await");
        ahead.eat("(");
        let _ = ahead.eat_word("const") || ahead.eat_word("let") || ahead.eat_word("var");
        let Some(name) = ahead.word() else { return false };
        ahead.bump();
        if !ahead.eat_word("of") && !ahead.eat_word("in") {
            return false;
        }
        self.branch("for");
        let values = self.simple(&mut ahead).0;
        self.each(&[name], &values);
        ahead.eat(")");
        *cursor = ahead;
        true
    }

    /// `do "file"`; a block is read as usual.
    fn perl_do(&mut self, cursor: &mut Cursor<'_>) -> bool {
        if !matches!(cursor.second(), Some(Token::Text(_) | Token::Word(_))) {
            return false;
        }
        cursor.bump();
        let file = self.operand(cursor).0;
        self.found.effect(EffectKind::Execute, &file, false);
        true
    }

    /// `do |x| …`.
    fn ruby_do(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        self.branches = true;
        self.block_parameters(cursor);
        true
    }

    /// `|x, y|` of a block in Ruby.
    pub(super) fn block_parameters(&mut self, cursor: &mut Cursor<'_>) {
        if self.language == Language::Ruby && cursor.eat("|") {
            self.branches = true;
            self.parameters(cursor, "|");
        }
    }
}

/// `class Name`: what it names was noted before.
fn named(cursor: &mut Cursor<'_>) -> bool {
    if !matches!(cursor.second(), Some(Token::Word(_))) {
        return false;
    }
    cursor.bump();
    cursor.bump();
    true
}
