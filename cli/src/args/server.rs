//! Which broker to talk to, and how.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::BoolishValueParser;
use flymq_core::{Config, Error, Pem, TlsVersion};

/// Which broker to talk to, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerOptions {
    /// Broker to talk to: host:port, several with commas between, or a flymq:// or flymqs:// URL
    #[arg(
        short,
        long,
        global = true,
        env = "FLYMQ_BOOTSTRAP_SERVERS",
        default_value = "localhost:9092",
        value_parser = address
    )]
    pub address: String,
    /// User to log in as. Its password is FLYMQ_PASSWORD, or is asked for
    #[arg(short, long, global = true, env = "FLYMQ_USERNAME")]
    pub user: Option<String>,
    /// File whose first line is the user's password
    #[arg(short = 'P', long, global = true, env = "FLYMQ_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Send the password itself even over a connection that others may read; of a broker: take it
    #[arg(long, global = true)]
    pub allow_plain_without_tls: bool,
    /// Secure the connection by TLS, as flymqs:// does
    #[arg(long, global = true, env = "FLYMQ_TLS_ENABLED", value_parser = BoolishValueParser::new(), help_heading = TLS)]
    pub tls_enabled: bool,
    /// Whom to trust in place of the operating system's certificate authorities (PEM)
    #[arg(long, global = true, env = "FLYMQ_TLS_CA_FILE", value_name = "FILE", help_heading = TLS)]
    pub tls_ca_file: Option<PathBuf>,
    /// The name that the broker's certificate must have, if not the host connected to
    #[arg(long, global = true, env = "FLYMQ_TLS_SERVER_NAME", value_name = "NAME", help_heading = TLS)]
    pub tls_server_name: Option<String>,
    /// Client certificate, for brokers that ask for one (PEM)
    #[arg(long, global = true, env = "FLYMQ_TLS_CERT_FILE", value_name = "FILE", help_heading = TLS)]
    pub tls_cert_file: Option<PathBuf>,
    /// Private key of the client certificate (PEM)
    #[arg(long, global = true, env = "FLYMQ_TLS_KEY_FILE", value_name = "FILE", help_heading = TLS)]
    pub tls_key_file: Option<PathBuf>,
    /// The lowest version of TLS to speak, also for `flymq broker`; default 1.2
    #[arg(long, global = true, env = "FLYMQ_TLS_MIN_VERSION", value_name = "VERSION", help_heading = TLS)]
    pub tls_min_version: Option<TlsVersionArg>,
    /// Take any certificate: anyone on the way can then read and change everything
    #[arg(long, global = true, env = "FLYMQ_TLS_INSECURE_SKIP_VERIFY", value_parser = BoolishValueParser::new(), help_heading = TLS)]
    pub tls_insecure_skip_verify: bool,
}

const TLS: &str = "TLS";

/// A version of TLS.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TlsVersionArg {
    /// TLS 1.2
    #[value(name = "1.2")]
    V1_2,
    /// TLS 1.3
    #[value(name = "1.3")]
    V1_3,
}

impl ServerOptions {
    /// The client's options: those of the URL, and over them those of the command line.
    pub fn config(&self) -> Result<Config, Error> {
        let mut config = Config::parse(&self.address)?;
        let tls = &mut config.tls;
        tls.enabled |= self.tls_enabled;
        tls.insecure_skip_verify |= self.tls_insecure_skip_verify;
        let file = |path: &Option<PathBuf>| path.clone().map(Pem::File);
        tls.ca = file(&self.tls_ca_file).or(tls.ca.take());
        tls.cert = file(&self.tls_cert_file).or(tls.cert.take());
        tls.key = file(&self.tls_key_file).or(tls.key.take());
        tls.server_name = self.tls_server_name.clone().or(tls.server_name.take());
        match self.tls_min_version {
            Some(TlsVersionArg::V1_2) => tls.min_version = TlsVersion::V1_2,
            Some(TlsVersionArg::V1_3) => tls.min_version = TlsVersion::V1_3,
            None => {}
        }
        Ok(config)
    }
}

fn address(text: &str) -> Result<String, String> {
    Config::parse(text).map(|_| text.to_owned()).map_err(|e| e.message().to_owned())
}
