//! Generates the sources of Kotlin, Ruby and Swift from the library that `flymq-uniffi` is built to.
//!
//! `flymq-uniffi-bindgen LIBRARY` writes them; with `--check` behind it, it only says whether those that
//! are there are what it would write.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};
use uniffi_bindgen::{BindgenPaths, BindgenPathsLayer};

/// The folder of the crate that is described, with its `uniffi.toml`.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What is generated, and where it is kept.
const FILES: [(&str, &str); 5] = [
    ("io/flymq/kotlin/flymq.kt", "kotlin/src/main/kotlin/io/flymq/kotlin/flymq.kt"),
    ("flymq.rb", "ruby/lib/flymq/generated.rb"),
    ("FlyMQ.swift", "swift/Sources/FlyMQ/FlyMQ.swift"),
    ("FlyMQFFI.h", "swift/Sources/FlyMQFFI/include/FlyMQFFI.h"),
    ("FlyMQFFI.modulemap", "swift/Sources/FlyMQFFI/include/module.modulemap"),
];

/// Where crates are: there is only one.
struct Root;

impl BindgenPathsLayer for Root {
    fn get_crate_root(&self, _: &str) -> Option<Utf8PathBuf> {
        Some(ROOT.into())
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (library, check) = match &arguments[..] {
        [library] => (library, false),
        [library, flag] if flag == "--check" => (library, true),
        _ => bail!("usage: flymq-uniffi-bindgen LIBRARY [--check]"),
    };
    let folder = tempfile::tempdir()?;
    generate(library, folder.path())?;
    for (made, kept) in FILES {
        let kept = Path::new(ROOT).join(kept);
        let source = tidy(&folder.path().join(made))?;
        if !check {
            fs::create_dir_all(kept.parent().context("it lies in a folder")?)?;
            fs::write(&kept, source)?;
        } else if fs::read_to_string(&kept).ok().as_ref() != Some(&source) {
            bail!("{} is not what it is generated from: run make uniffi-generate", shown(&kept));
        }
    }
    Ok(())
}

fn generate(library: &str, folder: &Path) -> Result<()> {
    let mut paths = BindgenPaths::default();
    paths.add_layer(Root);
    let options = GenerateOptions {
        languages: vec![TargetLanguage::Kotlin, TargetLanguage::Ruby, TargetLanguage::Swift],
        source: library.into(),
        out_dir: folder.to_str().context("a folder has a name in UTF-8")?.into(),
        ..GenerateOptions::default()
    };
    generate_with_bindgen_paths(options, paths)
}

/// A generated source without the blanks that templates leave behind, and with messages of Kotlin's
/// exceptions that are what happened alone.
fn tidy(path: &Path) -> Result<String> {
    let source = fs::read_to_string(path).with_context(|| format!("no {}", path.display()))?;
    let source = source.replace("\"details=${", "\"${");
    let mut lines: Vec<&str> = source.lines().map(str::trim_end).collect();
    lines.dedup_by(|next, line| next.is_empty() && line.is_empty());
    Ok(lines.join("\n").trim().to_owned() + "\n")
}

fn shown(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    path.display().to_string()
}
