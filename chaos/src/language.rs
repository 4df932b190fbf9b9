//! Clients in several languages, which take the same arguments and say the same lines.

use std::path::PathBuf;

use crate::process::Process;

const PYTHON_CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/chaos_client.py");
const JAVA_CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/ChaosClient.java");

/// The languages that clients are started in, by turns: Rust, and those that are given.
#[derive(Clone, Default, clap::Args)]
pub struct Languages {
    /// A Python that has the package flymq, for clients in Python
    #[arg(long)]
    python: Option<PathBuf>,
    /// Class path with flymq-client and what it needs, for clients in Java
    #[arg(long, value_name = "CLASSPATH")]
    java: Option<String>,
}

impl Languages {
    /// Starts client `number` as `role`.
    pub fn start(
        &self,
        role: &str,
        addresses: &str,
        number: u32,
        seed: u64,
    ) -> anyhow::Result<Process> {
        let (number_text, seed) = (number.to_string(), seed.to_string());
        let arguments = [role, addresses, &number_text, &seed];
        let python = self.python.as_ref().map(|python| (python.as_os_str(), vec![PYTHON_CLIENT]));
        let java = self.java.as_deref();
        let java = java.map(|path| ("java".as_ref(), vec!["-cp", path, JAVA_CLIENT]));
        let others: Vec<_> = python.into_iter().chain(java).collect();
        match (number as usize % (1 + others.len())).checked_sub(1) {
            None => Process::start_this(&arguments),
            Some(index) => {
                let (program, first) = &others[index];
                Process::start(program, &[&first[..], &arguments].concat())
            }
        }
    }
}
