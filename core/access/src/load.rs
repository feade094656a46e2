//! Receives the files of a policy, gives [`Policies`] that have passed every check, or what is wrong and in which line.

use std::collections::HashSet;
use std::str::FromStr as _;

use cedar_policy::{PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use crate::bounds::{self, MAX_BYTES, MAX_RULES};
use crate::decide::Policies;
use crate::shipped::SCHEMA;

/// Longest name of a rule.
const MAX_ID_BYTES: usize = 100;
/// So much of what Cedar says is shown.
const MAX_PROBLEM_BYTES: usize = 1_000;
/// Cedar recurses over what a rule says; see [`bounds`]. Pages that are not touched cost nothing.
const STACK_BYTES: usize = 128 * 1024 * 1024;

/// A part of a policy with the name that errors call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name.
    pub name: String,
    /// What it says, in Cedar's language.
    pub text: String,
}

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name: `@id("…")`.
    pub id: String,
    /// What it means, in its author's words: `@doc("…")`.
    pub doc: Option<String>,
}

/// Why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", text(.file, *.line, .problem))]
pub struct PolicyError {
    /// Which file; empty where it is none alone.
    pub file: String,
    /// Which line, from 1; 0 where it is none alone.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

fn text(file: &str, line: usize, problem: &str) -> String {
    match (file.is_empty(), line) {
        (true, _) => problem.to_owned(),
        (false, 0) => format!("{file}: {problem}"),
        (false, line) => format!("{file}, line {line}: {problem}"),
    }
}

// === impl Policies ===

impl Policies {
    /// Reads a policy, and holds it to the schema. Takes some milliseconds, on a thread of its own.
    ///
    /// # Errors
    /// Names file, line and what is wrong with it.
    pub fn load(files: &[PolicyFile]) -> Result<Self, PolicyError> {
        for file in files {
            bounds::check(&file.text).map_err(|(line, problem)| error(&file.name, line, &problem))?;
        }
        if files.iter().map(|file| file.text.len()).sum::<usize>() > MAX_BYTES {
            return Err(error("", 0, &format!("the policy has more than {MAX_BYTES} bytes")));
        }
        let files = files.to_vec();
        let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK_BYTES);
        let loaded = thread.spawn(move || read(&files));
        let loaded = loaded.map_err(|cause| error("", 0, &format!("the policy cannot be read now: {cause}")))?;
        // A panic in the library ends that thread only, and is an error like any other.
        loaded.join().unwrap_or_else(|_| Err(error("", 0, "the policy cannot be understood")))
    }
}

fn read(files: &[PolicyFile]) -> Result<Policies, PolicyError> {
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA)
        .map_err(|cause| error("schema.cedarschema", 0, &format!("invariant violated: {cause}")))?;
    let mut all = PolicySet::new();
    let (mut rules, mut seen) = (Vec::new(), HashSet::new());
    for file in files {
        let set = parse(file)?;
        if set.templates().next().is_some() {
            return Err(error(&file.name, 0, "templates (?principal, ?resource) cannot be used"));
        }
        let mut named: Vec<_> = set.policies().collect();
        // Cedar numbers them as they stand in the file.
        named.sort_by_key(|policy| number(policy.id()));
        for policy in named {
            let Some(id) = policy.annotation("id") else {
                let line = line_of_unnamed(&file.text, number(policy.id()));
                return Err(error(&file.name, line, "a rule has no name: begin it with @id(\"…\")"));
            };
            let line = line_of(&file.text, id);
            let is_good =
                !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if !is_good || id.len() > MAX_ID_BYTES {
                return Err(error(
                    &file.name,
                    line,
                    &format!("the name {id:?} has other signs than A-Z, a-z, 0-9 and -_."),
                ));
            }
            if !seen.insert(id.to_owned()) {
                return Err(error(&file.name, line, &format!("the name {id:?} is there a second time")));
            }
            rules.push(Rule { id: id.to_owned(), doc: policy.annotation("doc").map(str::to_owned) });
            let renamed = policy.new_id(PolicyId::new(id));
            all.add(renamed).map_err(|cause| error(&file.name, line, &cause.to_string()))?;
        }
    }
    if rules.len() > MAX_RULES {
        return Err(error("", 0, &format!("the policy has more than {MAX_RULES} rules")));
    }
    validate(&all, &schema, files)?;
    Policies::of(all, &schema, rules).map_err(|problem| error("", 0, &problem))
}

fn parse(file: &PolicyFile) -> Result<PolicySet, PolicyError> {
    PolicySet::from_str(&file.text).map_err(|errors| {
        let line = offset(&errors).map_or(0, |offset| line_at(&file.text, offset));
        error(&file.name, line, &words(&errors))
    })
}

/// Strictly: what the schema does not have, and what could not be evaluated, is refused.
fn validate(all: &PolicySet, schema: &Schema, files: &[PolicyFile]) -> Result<(), PolicyError> {
    let result = Validator::new(schema.clone()).validate(all, ValidationMode::Strict);
    let Some(first) = result.validation_errors().next() else { return Ok(()) };
    let id = first.policy_id().to_string();
    let (file, named) = place(files, &id);
    // The name of a rule stands where it begins; what is wrong with it may stand further down.
    let line = offset(first).zip(file).map_or(named, |(offset, file)| line_at(&file.text, offset));
    let name = file.map_or("", |file| &file.name);
    Err(error(name, line, &format!("rule {id:?}: {}", without_id(&words(first), &id))))
}

/// Cedar begins with the name of the rule, which stands there already.
fn without_id(problem: &str, id: &str) -> String {
    problem.strip_prefix(&format!("for policy `{id}`, ")).unwrap_or(problem).to_owned()
}

fn place<'a>(files: &'a [PolicyFile], id: &str) -> (Option<&'a PolicyFile>, usize) {
    let found = files.iter().find_map(|file| match line_of(&file.text, id) {
        0 => None,
        line => Some((Some(file), line)),
    });
    found.unwrap_or((None, 0))
}

/// Where in the text Cedar points to.
fn offset(error: &dyn Diagnostic) -> Option<usize> {
    Some(error.labels()?.next()?.offset())
}

/// What Cedar says, with what it says beside that.
fn words(error: &dyn Diagnostic) -> String {
    let label = error.labels().and_then(|mut labels| labels.next()).and_then(|label| label.label().map(str::to_owned));
    let help = error.help().map(|help| help.to_string());
    let beside = [label, help].into_iter().flatten().filter(|text| !text.is_empty());
    beside.fold(error.to_string(), |text, more| format!("{text}; {more}"))
}

fn number(id: &PolicyId) -> usize {
    let id: &str = id.as_ref();
    id.trim_start_matches("policy").parse().unwrap_or(usize::MAX)
}

/// The line in which a rule is named; 0 where that is not found.
fn line_of(text: &str, id: &str) -> usize {
    let wanted = format!("\"{id}\"");
    text.lines().position(|line| line.contains("@id") && line.contains(&wanted)).map_or(0, |at| at + 1)
}

/// The line in which the rule of that number begins, by the ends of those before it.
fn line_of_unnamed(text: &str, number: usize) -> usize {
    let mut rules = 0;
    for (at, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if rules == number && !code.trim().is_empty() {
            return at + 1;
        }
        rules += code.matches(';').count();
    }
    0
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or_default();
    1 + before.matches('\n').count()
}

fn error(file: &str, line: usize, problem: &str) -> PolicyError {
    let mut problem = problem.to_owned();
    problem.truncate(problem.floor_char_boundary(MAX_PROBLEM_BYTES));
    PolicyError { file: file.to_owned(), line, problem }
}
