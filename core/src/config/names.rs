//! Options of a client by their names.

use flymq_auth::Password;

use super::{Config, Mechanism, read_password};
use crate::encryption::{Encryption, EncryptionKey, Keyring};
use crate::options::{Opt, Value, option, secret};
use crate::tls::{Pem, TlsVersion};

/// All options of a client. Their defaults are those of [`Config`], which a test compares.
pub(crate) const OPTIONS: &[Opt<Config>] = &[
    option("client_id", "flymq", "A name for the broker's logs.", |config, value| {
        Ok(Config { client_id: value.text().to_owned(), ..config })
    }),
    option(
        "transactional_id",
        "",
        "The name of the producer behind the client's own transactions; a random one if not set.",
        |config, value| Ok(Config { transactional_id: Some(value.text().to_owned()), ..config }),
    ),
    option(
        "hosts_file",
        "",
        "A file in the form of /etc/hosts, looked into for brokers' names before the system is asked.",
        |config, value| Ok(Config { hosts_file: Some(value.file()), ..config }),
    ),
    option(
        "metadata_max_age_ms",
        "300000",
        "How long the list of the cluster's brokers is taken for true; 0 to use the given addresses only.",
        |config, value| Ok(Config { metadata_max_age: value.millis()?, ..config }),
    ),
    option(
        "connect_timeout_ms",
        "10000",
        "How long making a connection may take.",
        |config, value| Ok(Config { connect_timeout: value.millis()?, ..config }),
    ),
    option(
        "request_timeout_ms",
        "30000",
        "How long a request may take, retries included.",
        |config, value| Ok(Config { request_timeout: value.millis()?, ..config }),
    ),
    option(
        "backoff_initial_ms",
        "50",
        "The first pause before trying again; doubled each time, with full jitter.",
        |config, value| Ok(Config { backoff_initial: value.millis()?, ..config }),
    ),
    option("backoff_max_ms", "2000", "The longest pause before trying again.", |config, value| {
        Ok(Config { backoff_max: value.millis()?, ..config })
    }),
    option(
        "max_response_bytes",
        "67108864",
        "The longest response that is taken, and what a batch may expand to.",
        |config, value| Ok(Config { max_response_bytes: value.bytes()?, ..config }),
    ),
    option("username", "", "Who to log in as; nobody if not set.", |config, value| {
        Ok(Config { username: Some(value.text().to_owned()), ..config })
    }),
    secret("password", "The user's password.", |config, value| {
        Ok(Config { password: Some(Password::new(value.text())), ..config })
    }),
    option(
        "password_file",
        "",
        "A file whose first line is the user's password.",
        |config, value| Ok(Config { password: Some(read_password(&value.file())?), ..config }),
    ),
    option(
        "sasl_mechanism",
        "auto",
        "How to log in: auto, SCRAM-SHA-256, PLAIN or EXTERNAL.",
        |config, value| Ok(Config { sasl_mechanism: value.text().parse::<Mechanism>()?, ..config }),
    ),
    option(
        "allow_plain_without_tls",
        "false",
        "Send the password itself even where others may read it, if the broker takes nothing else.",
        |config, value| Ok(Config { allow_plain_without_tls: value.switch()?, ..config }),
    ),
    option(
        "tls_enabled",
        "false",
        "Whether connections are secured by TLS.",
        |mut config, value| {
            config.tls.enabled = value.switch()?;
            Ok(config)
        },
    ),
    option(
        "tls_ca_file",
        "",
        "Whom to trust in place of the operating system's authorities: certificates in PEM form.",
        |config, value| Ok(with_pem(config, |tls| &mut tls.ca, Pem::File(value.file()))),
    ),
    option("tls_ca_pem", "", "As tls_ca_file, the text itself.", |config, value| {
        Ok(with_pem(config, |tls| &mut tls.ca, memory(value)))
    }),
    option(
        "tls_server_name",
        "",
        "The name that the broker's certificate must have, if not that of the host.",
        |mut config, value| {
            config.tls.server_name = Some(value.text().to_owned());
            Ok(config)
        },
    ),
    option(
        "tls_cert_file",
        "",
        "The client's certificate in PEM form, for brokers that ask for one.",
        |config, value| Ok(with_pem(config, |tls| &mut tls.cert, Pem::File(value.file()))),
    ),
    option("tls_cert_pem", "", "As tls_cert_file, the text itself.", |config, value| {
        Ok(with_pem(config, |tls| &mut tls.cert, memory(value)))
    }),
    option(
        "tls_key_file",
        "",
        "The private key of the client's certificate in PEM form, not encrypted.",
        |config, value| Ok(with_pem(config, |tls| &mut tls.key, Pem::File(value.file()))),
    ),
    secret("tls_key_pem", "As tls_key_file, the text itself.", |config, value| {
        Ok(with_pem(config, |tls| &mut tls.key, memory(value)))
    }),
    option(
        "tls_min_version",
        "1.2",
        "The lowest version of TLS that is spoken: 1.2 or 1.3.",
        |mut config, value| {
            config.tls.min_version = value.text().parse::<TlsVersion>()?;
            Ok(config)
        },
    ),
    option(
        "tls_insecure_skip_verify",
        "false",
        "Take any certificate of a broker, which secures nothing.",
        |mut config, value| {
            config.tls.insecure_skip_verify = value.switch()?;
            Ok(config)
        },
    ),
    secret(
        "encryption_key",
        "Encrypt and decrypt records with this key: 32 bytes as base64 or hex.",
        |config, value| Ok(encrypting(config, Keyring::new(EncryptionKey::parse(value.text())?))),
    ),
    secret(
        "encryption_keyring",
        "As encryption_key, with several keys: lines of ID:KEY, the one to encrypt with first.",
        |config, value| Ok(encrypting(config, Keyring::parse(value.text())?)),
    ),
    option(
        "encryption_keyring_file",
        "",
        "A file with what encryption_keyring takes, or with the 32 bytes of a key.",
        |config, value| Ok(encrypting(config, Keyring::from_file(value.file())?)),
    ),
    option(
        "encrypt_headers",
        "false",
        "Whether headers of records are encrypted too.",
        |config, value| Ok(Config { encrypt_headers: value.switch()?, ..config }),
    ),
    option(
        "refuse_plain",
        "false",
        "Whether records that are not encrypted are refused.",
        |config, value| Ok(Config { refuse_plain: value.switch()?, ..config }),
    ),
    option(
        "decrypt",
        "true",
        "Whether encrypted records are decrypted, or read as they are stored.",
        |config, value| Ok(Config { decrypt: value.switch()?, ..config }),
    ),
];

fn memory(value: Value<'_>) -> Pem {
    Pem::Memory(value.text().into())
}

fn with_pem(
    mut config: Config,
    slot: fn(&mut crate::tls::TlsConfig) -> &mut Option<Pem>,
    pem: Pem,
) -> Config {
    *slot(&mut config.tls) = Some(pem);
    config
}

fn encrypting(config: Config, keys: Keyring) -> Config {
    Config { encryption: Some(Encryption::new(keys)), ..config }
}
