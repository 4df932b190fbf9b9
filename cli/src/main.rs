//! The `flymq` command; see the library.

fn main() -> std::process::ExitCode {
    flymq_cli::run(std::env::args_os())
}
