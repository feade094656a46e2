//! `ogent-chaos`: one run against real parts, or a look at what an earlier one left.

use std::process::ExitCode;

fn main() -> ExitCode {
    ogent_chaos::cli::main()
}
