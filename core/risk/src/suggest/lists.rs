//! Commands behind each other.

use ogent_protocol::verdict::SuggestionKind::{Safer, Sturdier};
use rable::{ListItem, ListOperator, Node, NodeKind};

use super::call::Call;
use super::line::{Draft, Edit, Line};

const WHY: &str = "where the folder cannot be entered, what follows does not happen in another one";

/// A command of a list, and what stands behind it.
pub(super) struct Item<'a> {
    pub(super) node: &'a Node,
    operator: Option<ListOperator>,
}

/// The commands of a list; the parser gives `a; b; c` as a list of a list and a command.
pub(super) fn flat(items: &[ListItem]) -> Vec<Item<'_>> {
    let mut all = Vec::new();
    for item in items {
        match &item.command.kind {
            NodeKind::List { items } => {
                all.extend(flat(items));
                if let Some(last) = all.last_mut() {
                    last.operator = item.operator;
                }
            }
            _ => all.push(Item { node: &item.command, operator: item.operator }),
        }
    }
    all
}

/// `cd folder; command` goes on even where there is no such folder.
pub(super) fn drafts<'a>(line: &Line<'a>, items: &[Item<'a>], drafts: &mut Vec<Draft>) {
    for rest in (0..items.len()).filter_map(|from| items.get(from..)) {
        if let [Item { node, operator: Some(ListOperator::Semi) }, next, more @ ..] = rest {
            between(line, node, next.node, !more.is_empty(), drafts);
        }
    }
}

/// The same, where the commands stand on lines of their own.
pub(super) fn between_lines<'a>(line: &Line<'a>, nodes: &'a [Node], drafts: &mut Vec<Draft>) {
    for rest in (0..nodes.len()).filter_map(|from| nodes.get(from..)) {
        if let [first, next, more @ ..] = rest {
            between(line, first, next, !more.is_empty(), drafts);
        }
    }
}

fn between<'a>(line: &Line<'a>, first: &'a Node, next: &'a Node, more: bool, drafts: &mut Vec<Draft>) {
    if !Call::new(line, first).is_some_and(|call| call.name == "cd" && !call.args.is_empty() && call.prefix.is_empty())
    {
        return;
    }
    let ((_, end), (start, _)) = (line.range(first), line.range(next));
    // Nothing but what separates the two may stand between them: no comment, no text of a here-document.
    if !line.slice(end, start).chars().all(|char| char.is_whitespace() || char == ';') {
        return;
    }
    let harmful = Call::new(line, next)
        .is_some_and(|call| call.is(&["rm", "mv", "find", "git", "chmod", "chown", "tar", "make", "rsync"]));
    let kind = if harmful { Safer } else { Sturdier };
    // With `&&`, what stands further behind would happen all the same.
    let joint = if more { " || exit 1; " } else { " && " };
    drafts.push(Draft::new(kind, WHY, vec![Edit::replace(end..start, joint)]));
}
