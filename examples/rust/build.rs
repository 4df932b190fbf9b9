//! Makes a function of every Rust block in docs/rust.md, for `tests/guide.rs` to run.

use std::fmt::Write;
use std::path::Path;

const PAGE: &str = "../../docs/rust.md";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={PAGE}");
    let page = std::fs::read_to_string(PAGE)?;
    let blocks = page.split("```rust\n").skip(1);
    let blocks: Vec<_> = blocks.filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    let mut code = String::new();
    for (number, block) in blocks.iter().enumerate() {
        writeln!(code, "async fn block_{number}(client: &Client) -> anyhow::Result<()> {{")?;
        writeln!(code, "{block}Ok(())\n}}")?;
    }
    writeln!(code, "async fn run_blocks(client: &Client) -> anyhow::Result<usize> {{")?;
    for number in 0..blocks.len() {
        writeln!(code, "block_{number}(client).await?;")?;
    }
    writeln!(code, "Ok({})\n}}", blocks.len())?;
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("guide.rs"), code)?;
    Ok(())
}
