//! The program `ogent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ogent::cli::main()
}
