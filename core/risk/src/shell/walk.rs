//! Receives a syntax tree, follows it in the order in which a shell would, and gives what it prints.

use std::rc::Rc;

use ogent_protocol::verdict::{EffectKind, Provenance, Span};
use rable::{ListOperator, Node, NodeKind as K};

use crate::data::Data;
use crate::judge::{Judge, Pipe};
use crate::limits::MAX_ROUNDS;
use crate::report::Deed;
use crate::shell::scope::Value;
use crate::word::Word;

impl Judge<'_> {
    /// Follows commands one after the other.
    pub(crate) fn list(&mut self, nodes: &[Node], stdin: &Data) -> Data {
        nodes.iter().fold(Data::nothing(), |data, node| data.then(self.node(node, stdin)))
    }

    /// Follows one node.
    pub(crate) fn node(&mut self, node: &Node, stdin: &Data) -> Data {
        let span = self.span(node);
        match &node.kind {
            K::Command { assignments, words, redirects } => self.simple(assignments, words, redirects, span, stdin),
            K::Pipeline { commands, .. } => self.pipeline(commands, span, stdin),
            K::List { items } => {
                let mut data = Data::nothing();
                let mut after: Option<ListOperator> = None;
                for item in items {
                    let maybe = matches!(after, Some(ListOperator::Or | ListOperator::And));
                    let or = after == Some(ListOperator::Or);
                    self.branch += u32::from(maybe);
                    // Behind `cd x &&` the folder is known to be x.
                    let elsewhere = if after == Some(ListOperator::And) {
                        std::mem::take(&mut self.standpoint.others)
                    } else {
                        Vec::new()
                    };
                    let more = if item.operator == Some(ListOperator::Background) {
                        self.aside(|judge| judge.node(&item.command, stdin))
                    } else {
                        self.node(&item.command, stdin)
                    };
                    self.standpoint.others.extend(elsewhere);
                    // What stands behind `||` prints only where what stands before it did not.
                    data = if or && data.plain().is_some_and(|text| !text.is_empty()) { data } else { data.then(more) };
                    self.branch -= u32::from(maybe);
                    after = item.operator;
                }
                data
            }
            K::If { condition, then_body, else_body, redirects } => {
                self.redirected(redirects, span, stdin, |judge, stdin| {
                    let data = judge.node(condition, stdin);
                    judge.branch += 1;
                    let mut data = data.then(judge.node(then_body, stdin));
                    if let Some(other) = else_body {
                        data = data.then(judge.node(other, stdin));
                    }
                    judge.branch -= 1;
                    data
                })
            }
            K::While { condition, body, redirects } | K::Until { condition, body, redirects } => {
                self.redirected(redirects, span, stdin, |judge, stdin| {
                    let data = judge.node(condition, stdin);
                    judge.branch += 1;
                    let data = data.then(judge.node(body, stdin));
                    judge.branch -= 1;
                    judge.endless(condition, body, span);
                    data.changed()
                })
            }
            K::For { var, words, body, redirects } | K::Select { var, words, body, redirects } => {
                self.redirected(redirects, span, stdin, |judge, stdin| {
                    judge.each(var, words.as_deref(), body, span, stdin)
                })
            }
            K::ForArith { init, cond, incr, body, redirects } => {
                self.redirected(redirects, span, stdin, |judge, stdin| {
                    for text in [init, cond, incr] {
                        judge.arithmetic(text, span, stdin);
                        judge.assign_unknown(text, span);
                    }
                    judge.branch += 1;
                    let data = judge.node(body, stdin);
                    judge.branch -= 1;
                    data.changed()
                })
            }
            K::Case { word, patterns, redirects } => self.redirected(redirects, span, stdin, |judge, stdin| {
                judge.raw(word, stdin);
                judge.branch += 1;
                let bodies = patterns.iter().filter_map(|pattern| {
                    pattern.patterns.iter().for_each(|pattern| judge.raw(pattern, stdin));
                    pattern.body.as_ref().map(|body| judge.node(body, stdin))
                });
                let data = bodies.fold(Data::nothing(), Data::then);
                judge.branch -= 1;
                data
            }),
            K::Function { name, body } => {
                let frame = self.frame.clone();
                if self.branch > 0 {
                    self.scope.doubtful.push(name.clone());
                } else {
                    self.scope.doubtful.retain(|other| other != name);
                }
                self.scope.functions.insert(name.clone(), (Rc::new((**body).clone()), frame));
                Data::nothing()
            }
            K::Subshell { body, redirects } => {
                self.redirected(redirects, span, stdin, |judge, stdin| judge.aside(|judge| judge.node(body, stdin)))
            }
            K::BraceGroup { body, redirects } => {
                self.redirected(redirects, span, stdin, |judge, stdin| judge.node(body, stdin))
            }
            K::Coproc { command, .. } | K::Time { pipeline: command, .. } | K::Negation { pipeline: command } => {
                self.node(command, stdin)
            }
            K::ArithmeticCommand { raw_content, redirects, .. } => {
                self.redirected(redirects, span, stdin, |judge, stdin| {
                    judge.arithmetic(raw_content, span, stdin);
                    judge.assign_unknown(raw_content, span);
                    Data::nothing()
                })
            }
            K::ConditionalExpr { body, redirects } => self.redirected(redirects, span, stdin, |judge, stdin| {
                judge.condition(body, stdin);
                Data::nothing()
            }),
            _ => Data::nothing(),
        }
    }

    fn pipeline(&mut self, commands: &[Node], span: Span, stdin: &Data) -> Data {
        let outer = std::mem::take(&mut self.pipe);
        let mut data = stdin.clone();
        let Some(last) = commands.last() else { return data };
        for command in commands {
            data = match commands.len() {
                1 => self.node(command, &data),
                // Each has a shell of its own; but zsh and `lastpipe` keep what the last one sets.
                _ if std::ptr::eq(command, last) => {
                    self.branch += 1;
                    let data = self.node(command, &data);
                    self.branch -= 1;
                    data
                }
                _ => self.aside(|judge| judge.node(command, &data)),
            };
        }
        if self.pipe.shell && self.pipe.network && commands.len() > 1 {
            self.add(Deed::new(EffectKind::RemoteShell, span));
        }
        self.pipe = Pipe { shell: outer.shell, network: outer.network };
        data
    }

    fn each(&mut self, var: &str, words: Option<&[Node]>, body: &Node, span: Span, stdin: &Data) -> Data {
        let words: Vec<Word> = match words {
            None => self.scope.arguments.clone(),
            Some(words) => words.iter().flat_map(|word| self.words_of(word, stdin)).collect(),
        };
        let mut data = Data::nothing();
        for (round, word) in words.iter().enumerate() {
            // Numbers are all alike; other words may each mean something else.
            if round >= MAX_ROUNDS && word.text.bytes().all(|b| b.is_ascii_digit()) && word.holes.is_empty() {
                continue;
            }
            if !self.step(span) {
                break;
            }
            self.scope.set(var, Value::one(word.clone()), self.branch > 0);
            data = data.then(self.node(body, stdin));
        }
        if words.is_empty() {
            self.scope.set(var, Value::unknown(Provenance::Unknown, span), false);
            self.branch += 1;
            data = self.node(body, stdin);
            self.branch -= 1;
        }
        data
    }

    /// A loop that never ends and starts processes that are not waited for.
    fn endless(&mut self, condition: &Node, body: &Node, span: Span) {
        let always = condition.to_string();
        let is_endless = ["(command (word \"true\"))", "(command (word \":\"))"].contains(&always.as_str());
        if is_endless
            && has_background(body)
            && !body.to_string().contains("\"sleep\"")
            && !body.to_string().contains("\"wait\"")
        {
            self.add(Deed::new(EffectKind::ResourceExhaustion, span).because("starts processes without end"));
        }
    }

    fn words_of(&mut self, node: &Node, stdin: &Data) -> Vec<Word> {
        let span = self.span(node);
        match &node.kind {
            K::Word { value, .. } => self.expand(value, span, stdin),
            _ => Vec::new(),
        }
    }

    fn raw(&mut self, node: &Node, stdin: &Data) {
        let span = self.span(node);
        if let K::Word { value, .. } | K::CondTerm { value, .. } = &node.kind {
            self.expand_one(value, span, stdin);
        }
    }

    fn condition(&mut self, node: &Node, stdin: &Data) {
        match &node.kind {
            K::UnaryTest { operand, .. } => self.condition(operand, stdin),
            K::BinaryTest { left, right, .. } | K::CondAnd { left, right } | K::CondOr { left, right } => {
                self.condition(left, stdin);
                self.condition(right, stdin);
            }
            K::CondNot { operand } => self.condition(operand, stdin),
            K::CondParen { inner } => self.condition(inner, stdin),
            _ => self.raw(node, stdin),
        }
    }

    /// What arithmetic sets is a number that nobody knows.
    fn assign_unknown(&mut self, text: &str, span: Span) {
        let name: String = text.trim().chars().take_while(|c| *c == '_' || c.is_ascii_alphanumeric()).collect();
        if !name.is_empty() && text.contains(['=', '+', '-']) && !name.starts_with(|c: char| c.is_ascii_digit()) {
            self.scope.set(&name, Value::unknown(Provenance::Literal, span), true);
        }
    }
}

fn has_background(node: &Node) -> bool {
    match &node.kind {
        K::List { items } => {
            items.iter().any(|item| item.operator == Some(ListOperator::Background) || has_background(&item.command))
        }
        K::BraceGroup { body, .. } | K::Subshell { body, .. } => has_background(body),
        _ => false,
    }
}
