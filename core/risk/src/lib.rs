//! What a command would do, before it runs: a line of shell becomes effects, and effects become a verdict. No I/O.

pub mod context;
pub mod policy;
mod rules;

use ogent_protocol::{Program, Verdict};

pub use context::{Context, Inventory};
pub use policy::{LabelRule, Policy, PolicyError, Reach};

/// Judges a command. Never fails and never panics: what cannot be understood is told in the verdict, and makes it worse.
#[must_use]
pub fn judge(program: &Program, context: &Context) -> Verdict {
    let _ = (program, context);
    Verdict::default()
}
