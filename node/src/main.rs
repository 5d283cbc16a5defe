//! The `peerage` daemon and command line.

fn main() -> std::process::ExitCode {
    peerage::cli::main()
}
