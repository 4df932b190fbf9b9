//! Options of `flymq certs`.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Make a certificate authority, and certificates for a broker on this machine and a client
    Dev(DevCerts),
}

/// Options of `flymq certs dev`.
#[derive(Debug, clap::Args)]
pub struct DevCerts {
    /// Folder for the files; created if missing, and none of them may be there
    pub dir: PathBuf,
    /// A further name or IP address of the broker, besides localhost, 127.0.0.1 and ::1; may be repeated
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
}
