//! Receives a line of shell, gives lines that do the same better, or show first what it would do.
//!
//! Each is made on the syntax tree, by replacing ranges of the line. Whether it is really better is not decided here: the line is
//! judged again, and only what is not worse is offered.

mod call;
mod discard;
mod download;
mod find;
mod line;
mod lists;
mod overwrite;
mod pipes;
mod previews;
mod processes;
mod quotes;
mod rights;
mod scan;
mod sturdy;

use ogent_protocol::verdict::{Suggestion, SuggestionKind};
use ogent_protocol::{Program, RiskLevel};
use rable::{Node, NodeKind};

use crate::context::Context;
use crate::syntax;
use call::Call;
use line::{Draft, Line};

/// Longer lines are scripts, which nobody wants as one suggestion.
const LONGEST: usize = 4096;

/// More suggestions are no help.
const MOST: usize = 8;

/// Substitutions in substitutions are looked at up to this depth.
const DEEPEST: usize = 3;

/// A line that may be better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// In what way.
    pub(crate) kind: SuggestionKind,
    /// The whole line.
    pub(crate) command: String,
    /// Why.
    pub(crate) why: String,
}

/// Suggestions that a verdict tells.
const OFFERED: usize = 5;

/// Lines that are better than `line`, which has that level: a preview has to be less bad, the rest not worse.
pub(crate) fn offered(line: &str, context: &Context, level: RiskLevel) -> Vec<Suggestion> {
    let judged = candidates(line).into_iter().filter_map(|candidate| {
        let Candidate { kind, command, why } = candidate;
        let found = crate::judge(&Program::Shell(command.clone()), context);
        let lower = found.level < level;
        let better = match kind {
            // Of two ways to lose everything, none is safer.
            SuggestionKind::Safer if level == RiskLevel::Critical => lower,
            SuggestionKind::Preview => lower,
            SuggestionKind::Safer | SuggestionKind::Sturdier | SuggestionKind::Faster => found.level <= level,
        };
        (better && found.syntax_error.is_none() && command != line).then_some(Suggestion {
            kind,
            command,
            why,
            level: found.level,
        })
    });
    judged.take(OFFERED).collect()
}

/// Lines that may be better than `line`; the safer ones first.
pub(crate) fn candidates(line: &str) -> Vec<Candidate> {
    let mut found = of_line(line, 0);
    found.sort_by_key(|candidate| rank(candidate.kind));
    found
}

fn rank(kind: SuggestionKind) -> u8 {
    match kind {
        SuggestionKind::Safer => 0,
        SuggestionKind::Preview => 1,
        SuggestionKind::Sturdier => 2,
        SuggestionKind::Faster => 3,
    }
}

fn of_line(text: &str, depth: usize) -> Vec<Candidate> {
    if text.len() > LONGEST || depth > DEEPEST {
        return Vec::new();
    }
    let Ok(nodes) = syntax::parse(text) else { return Vec::new() };
    let line = Line::new(text);
    let mut drafts = Vec::new();
    let mut inner = Vec::new();
    for node in &nodes {
        visit(&line, node, true, &mut drafts);
        if inner.len() < MOST {
            inner.extend(substituted(&line, node, depth));
        }
    }
    lists::between_lines(&line, &nodes, &mut drafts);
    line::join_previews(&mut drafts);
    drafts.sort_by_key(|draft| rank(draft.kind));
    let mut found: Vec<Candidate> = Vec::new();
    for candidate in drafts.into_iter().filter_map(|draft| line.apply(draft)).chain(inner) {
        if found.len() >= MOST {
            break;
        }
        let candidate = if depth == 0 { faster_still(candidate) } else { candidate };
        let new = candidate.command != text && found.iter().all(|other| other.command != candidate.command);
        if new && syntax::parse(&candidate.command).is_ok() {
            found.push(candidate);
        }
    }
    found
}

/// What is faster in one way can often be made faster in another: `cat f | grep x | wc -l` becomes `grep -c x f`.
fn faster_still(candidate: Candidate) -> Candidate {
    if candidate.kind != SuggestionKind::Faster {
        return candidate;
    }
    let next = of_line(&candidate.command, DEEPEST).into_iter().find(|next| next.kind == SuggestionKind::Faster);
    match next {
        Some(next) => Candidate { why: format!("{}; {}", candidate.why, next.why), ..next },
        None => candidate,
    }
}

/// Looks at a node and at all below it. `alone` says that nothing else reads what it prints.
fn visit<'a>(line: &Line<'a>, node: &'a Node, alone: bool, drafts: &mut Vec<Draft>) {
    match &node.kind {
        NodeKind::Command { .. } => {
            if let Some(call) = Call::new(line, node) {
                command(&call, alone, drafts);
            }
        }
        NodeKind::Pipeline { commands, .. } => {
            let calls: Vec<Option<Call<'a>>> = commands.iter().map(|command| Call::new(line, command)).collect();
            pipes::drafts(line, commands, &calls, drafts);
            download::drafts(line, node, &calls, drafts);
            processes::piped(line, node, &calls, drafts);
            commands.iter().for_each(|command| visit(line, command, false, drafts));
        }
        NodeKind::List { items } => {
            let items = lists::flat(items);
            lists::drafts(line, &items, drafts);
            items.iter().for_each(|item| visit(line, item.node, alone, drafts));
        }
        NodeKind::For { var, words, body, .. } => {
            sturdy::loop_over_ls(line, node, var, words.as_deref().unwrap_or_default(), drafts);
            visit(line, body, alone, drafts);
        }
        NodeKind::If { condition, then_body, else_body, .. } => {
            visit(line, condition, alone, drafts);
            visit(line, then_body, alone, drafts);
            else_body.iter().for_each(|body| visit(line, body, alone, drafts));
        }
        NodeKind::While { condition, body, .. } | NodeKind::Until { condition, body, .. } => {
            visit(line, condition, alone, drafts);
            visit(line, body, alone, drafts);
        }
        NodeKind::Function { body, .. }
        | NodeKind::Subshell { body, .. }
        | NodeKind::BraceGroup { body, .. }
        | NodeKind::ForArith { body, .. } => visit(line, body, alone, drafts),
        NodeKind::Negation { pipeline } | NodeKind::Time { pipeline, .. } => visit(line, pipeline, alone, drafts),
        NodeKind::Case { patterns, .. } => {
            patterns
                .iter()
                .filter_map(|pattern| pattern.body.as_ref())
                .for_each(|body| visit(line, body, alone, drafts));
        }
        _ => {}
    }
}

/// Everything about one command.
fn command(call: &Call<'_>, alone: bool, drafts: &mut Vec<Draft>) {
    quotes::drafts(call, drafts);
    discard::drafts(call, drafts);
    overwrite::drafts(call, alone, drafts);
    rights::drafts(call, drafts);
    processes::drafts(call, drafts);
    find::drafts(call, drafts);
    download::substituted(call, drafts);
    previews::drafts(call, drafts);
    sturdy::drafts(call, drafts);
}

/// Candidates for what stands in `$(…)`, in the whole line.
fn substituted(line: &Line<'_>, node: &Node, depth: usize) -> Vec<Candidate> {
    let (start, end) = line.range(node);
    let mut found = Vec::new();
    // In a here-document or a comment, what looks like a substitution may be none.
    if ["<<", " #", "\n#"].iter().any(|mark| line.slice(start, end).contains(mark)) {
        return found;
    }
    for part in scan::parts(line.slice(start, end)) {
        if found.len() >= MOST {
            break;
        }
        let scan::Part::Substitution { inner, .. } = part else { continue };
        let (from, to) = (start + inner.start, start + inner.end);
        for candidate in of_line(line.slice(from, to), depth + 1) {
            // A preview of a part would hand something else to the rest.
            if candidate.kind != SuggestionKind::Preview {
                let command = format!("{}{}{}", line.slice(0, from), candidate.command, line.slice(to, line.len()));
                found.push(Candidate { command, ..candidate });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
