//! What every command of a run is: see `ogent_chaos::witness`.

fn main() {
    std::process::exit(ogent_chaos::witness::run());
}
