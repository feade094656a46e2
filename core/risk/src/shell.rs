//! Follows the shell's own part of a command: lists, loops, variables, redirections, builtins.

mod arithmetic;
mod builtin;
mod expand;
mod guard;
mod param;
mod redirect;
pub(crate) mod scope;
mod simple;
mod walk;

pub(crate) use simple::raw_words;
