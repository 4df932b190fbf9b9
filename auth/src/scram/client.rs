//! The client's side.

use base64::Engine as _;
use subtle::ConstantTimeEq;

use super::message::{Attributes, escape, nonce, text};
use super::{BASE64, ChannelBinding, decode, nonce_of_connection, xor};
use crate::password::Keys;
use crate::{AuthError, Hash, MAX_ITERATIONS, MIN_ITERATIONS};

/// An exchange that is about to begin.
pub struct Client {
    /// The header that says whether the channel is bound, and the binding's bytes.
    gs2: String,
    binding: Vec<u8>,
    bare: String,
    nonce: String,
}

/// The server's challenge, read and found to belong to the exchange.
pub struct Reply {
    salt: Vec<u8>,
    iterations: u32,
    /// `client-first-message-bare`, `server-first-message` and the final message without its proof.
    signed: String,
    without_proof: String,
}

/// What the server's last message has to say.
pub struct Expected(Vec<u8>);

impl Client {
    /// Begins an exchange for a user, bound to the channel if a binding is given.
    pub fn new(user: &str, binding: Option<&ChannelBinding>) -> Self {
        let fresh: [u8; 18] = rand::random();
        Self::with_nonce(user, binding, BASE64.encode(fresh))
    }

    pub(super) fn with_nonce(user: &str, binding: Option<&ChannelBinding>, nonce: String) -> Self {
        let gs2 = match binding {
            Some(binding) => format!("p={},,", binding.kind),
            None => "n,,".to_owned(),
        };
        let bare = format!("n={},r={nonce}", escape(user));
        Self { gs2, binding: binding.map_or(Vec::new(), |b| b.data.clone()), bare, nonce }
    }

    /// Says that the channel could be bound but that the server did not offer it. A server that did
    /// offer it learns that somebody in between has hidden the offer.
    pub fn binding_not_offered(mut self) -> Self {
        self.gs2 = "y,,".to_owned();
        self.binding.clear();
        self
    }

    /// `client-first-message`.
    pub fn first(&self) -> String {
        format!("{}{}", self.gs2, self.bare)
    }

    /// Reads `server-first-message`. Its nonce has to begin with this exchange's own and with that
    /// of the connection's `challenge`.
    ///
    /// # Errors
    ///
    /// For a message that does not, or is ill-formed, or wants too little or too much work.
    pub fn reply(self, server_first: &[u8], challenge: &[u8]) -> Result<Reply, AuthError> {
        let server_first = text(server_first)?;
        let mut attributes = Attributes::new(server_first);
        let (full, salt, iterations) =
            (nonce(attributes.expect('r')?)?, attributes.expect('s')?, attributes.expect('i')?);
        attributes.finish()?;
        let fresh = full
            .strip_prefix(&self.nonce)
            .and_then(|rest| rest.strip_prefix(&nonce_of_connection(challenge)))
            .ok_or(AuthError::Exchange("the nonce does not belong to this connection"))?;
        if fresh.is_empty() {
            return Err(AuthError::Exchange("the server added nothing to the nonce"));
        }
        let salt = decode(salt)?;
        let iterations: u32 = iterations
            .parse()
            .map_err(|_| AuthError::Exchange("the iteration count is no number"))?;
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(AuthError::Iterations(iterations));
        }
        if salt.is_empty() {
            return Err(AuthError::Exchange("the salt is empty"));
        }
        let bound = BASE64.encode([self.gs2.as_bytes(), &self.binding].concat());
        let without_proof = format!("c={bound},r={full}");
        let signed = format!("{},{server_first},{without_proof}", self.bare);
        Ok(Reply { salt, iterations, signed, without_proof })
    }
}

impl Reply {
    /// The salt to derive keys with.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The iteration count to derive keys with.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// `client-final-message`, and what the server has to answer.
    pub fn prove<H: Hash>(&self, keys: &Keys<H>) -> (String, Expected) {
        let (client, server) = ((*keys.client).as_ref(), (*keys.server).as_ref());
        let signature = H::hmac(H::digest(client).as_ref(), &[self.signed.as_bytes()]);
        let proof = xor(client, signature.as_ref());
        let last = format!("{},p={}", self.without_proof, BASE64.encode(proof));
        let expected = H::hmac(server, &[self.signed.as_bytes()]);
        (last, Expected(expected.as_ref().to_vec()))
    }
}

impl Expected {
    /// Checks `server-final-message`: whether the server knows the password's keys.
    ///
    /// # Errors
    ///
    /// If it does not, or reports an error.
    pub fn check(&self, server_final: &[u8]) -> Result<(), AuthError> {
        let mut attributes = Attributes::new(text(server_final)?);
        let signature = decode(attributes.expect('v')?)?;
        attributes.finish()?;
        match bool::from(signature.ct_eq(&self.0)) {
            true => Ok(()),
            false => Err(AuthError::Mismatch("server's signature")),
        }
    }
}
