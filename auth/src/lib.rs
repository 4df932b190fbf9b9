//! FlyMQ's authentication exchanges, the client's and the broker's side, without any I/O.
//!
//! | module | holds |
//! | --- | --- |
//! | [`hash`] | what SCRAM hashes with |
//! | [`password`] | passwords that do not show, and what a broker stores instead of one |
//! | [`scram`] | SCRAM-SHA-256 (RFC 5802, RFC 7677), with channel binding; a client's side with SHA-512, too |
//! | [`plain`] | PLAIN (RFC 4616) |
//!
//! ```
//! use flymq_auth::{Password, Verifier, scram};
//!
//! let password = Password::new("pencil");
//! let stored = Verifier::generate(&password, 15_000)?; // what the broker keeps
//!
//! let client = scram::Client::new("ada", None);
//! let first = scram::ClientFirst::parse(client.first().as_bytes())?;
//! let server = scram::Server::answer(first, &stored, b"nonce of the connection", None)?;
//! let reply = client.reply(server.first().as_bytes(), b"nonce of the connection")?;
//! let keys = password.derive(reply.salt(), reply.iterations())?;
//! let (last, expected) = reply.prove(&keys);
//! let verdict = server.finish(last.as_bytes())?;
//! expected.check(verdict.as_bytes())?; // the broker knows the password's keys too
//! # Ok::<(), flymq_auth::AuthError>(())
//! ```

#![forbid(unsafe_code)]

pub mod hash;
pub mod password;
pub mod plain;
pub mod scram;

pub use hash::Hash;
pub use password::{Keys, Password, Verifier};
pub use sha2::{Sha256, Sha512};

/// Why an exchange did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A message is not what the mechanism defines, or does not belong to this exchange.
    #[error("{0}")]
    Exchange(&'static str),
    /// The proof, or the server's signature, does not come from the password's keys.
    #[error("the {0} does not match")]
    Mismatch(&'static str),
    /// A user name or password holds characters that are not allowed.
    #[error("{0} holds characters that are not allowed (RFC 4013)")]
    Prohibited(&'static str),
    /// The iteration count is out of bounds.
    #[error("{0} iterations are outside of {MIN_ITERATIONS} to {MAX_ITERATIONS}")]
    Iterations(u32),
}

/// The fewest iterations that RFC 7677 allows, and so a client takes.
pub const MIN_ITERATIONS: u32 = 4096;
/// The most iterations that a client is made to work.
pub const MAX_ITERATIONS: u32 = 1_000_000;
/// How many iterations stretch a password unless configured otherwise.
pub const DEFAULT_ITERATIONS: u32 = 50_000;
/// The longest message of an exchange, in bytes.
pub const MAX_MESSAGE: usize = 4096;
