//! The `flymq` command.

fn main() {}
