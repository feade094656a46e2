//! What is known about programs: data in `rules/`, read once.

mod schema;

pub(crate) use schema::{Does, File, Group, Program, Rule, Run, Selector};
