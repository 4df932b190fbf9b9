//! The broker's side.

use base64::Engine as _;
use subtle::ConstantTimeEq;

use super::message::{Attributes, nonce, text, unescape};
use super::{BASE64, ChannelBinding, decode, nonce_of_connection, xor};
use crate::AuthError;
use crate::password::{KEY_LEN, Verifier, hmac, sha256};

/// What the client says of channel binding.
#[derive(Debug, PartialEq, Eq)]
enum Flag {
    /// It cannot.
    None,
    /// It could, but believes that the server cannot.
    NotOffered,
    /// It does, with this kind of binding.
    Bound(String),
}

/// `client-first-message`, read.
#[derive(Debug)]
pub struct ClientFirst {
    user: String,
    nonce: String,
    flag: Flag,
    gs2: String,
    bare: String,
}

impl ClientFirst {
    /// Reads the message.
    ///
    /// # Errors
    ///
    /// If it is ill-formed, wants an extension, or would act for another user.
    pub fn parse(message: &[u8]) -> Result<Self, AuthError> {
        let message = text(message)?;
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(acting), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(AuthError::Exchange("the message ends early"));
        };
        let gs2 = message[..message.len() - bare.len()].to_owned();
        let flag = match flag {
            "n" => Flag::None,
            "y" => Flag::NotOffered,
            other => match other.strip_prefix("p=") {
                Some(kind) => Flag::Bound(kind.to_owned()),
                None => return Err(AuthError::Exchange("the channel binding flag is none")),
            },
        };
        let mut attributes = Attributes::new(bare);
        let user = unescape(attributes.expect('n')?)?;
        let nonce = nonce(attributes.expect('r')?)?.to_owned();
        attributes.finish()?;
        if user.is_empty() {
            return Err(AuthError::Exchange("the user name is empty"));
        }
        let acting = match acting {
            "" => None,
            acting => Some(unescape(acting.strip_prefix("a=").unwrap_or_default())?),
        };
        if acting.is_some_and(|acting| acting != user) {
            return Err(AuthError::Exchange("acting for another user is not supported"));
        }
        Ok(Self { user, nonce, flag, gs2, bare: bare.to_owned() })
    }

    /// Who wants to log in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether the client binds the channel, which the mechanism's `-PLUS` form asks for.
    pub fn binds_channel(&self) -> bool {
        matches!(self.flag, Flag::Bound(_))
    }
}

/// An exchange that waits for the client's proof.
#[derive(Debug)]
pub struct Server {
    verifier: Verifier,
    nonce: String,
    /// What `c=` has to be.
    bound: String,
    client_first_bare: String,
    server_first: String,
}

impl Server {
    /// Answers the client's first message with `verifier`'s salt. `challenge` is the nonce of the
    /// connection; `binding` that of its TLS, if there is one.
    ///
    /// # Errors
    ///
    /// If the client binds another channel than there is, or believes that none can be bound
    /// although one can: then somebody in between has hidden the offer.
    pub fn answer(
        first: ClientFirst,
        verifier: &Verifier,
        challenge: &[u8],
        binding: Option<&ChannelBinding>,
    ) -> Result<Self, AuthError> {
        let fresh: [u8; 18] = rand::random();
        let suffix = nonce_of_connection(challenge) + &BASE64.encode(fresh);
        Self::with_nonce(first, verifier, &suffix, binding)
    }

    pub(super) fn with_nonce(
        first: ClientFirst,
        verifier: &Verifier,
        suffix: &str,
        binding: Option<&ChannelBinding>,
    ) -> Result<Self, AuthError> {
        let data: &[u8] = match (&first.flag, binding) {
            (Flag::None, _) | (Flag::NotOffered, None) => &[],
            (Flag::NotOffered, Some(_)) => {
                return Err(AuthError::Exchange("channel binding was offered, but did not arrive"));
            }
            (Flag::Bound(kind), Some(binding)) if kind == binding.kind => &binding.data,
            (Flag::Bound(_), _) => {
                return Err(AuthError::Exchange("this channel has no binding of that kind"));
            }
        };
        let nonce = format!("{}{suffix}", first.nonce);
        let server_first =
            format!("r={nonce},s={},i={}", BASE64.encode(&verifier.salt), verifier.iterations);
        Ok(Self {
            verifier: verifier.clone(),
            nonce,
            bound: BASE64.encode([first.gs2.as_bytes(), data].concat()),
            client_first_bare: first.bare,
            server_first,
        })
    }

    /// `server-first-message`.
    pub fn first(&self) -> &str {
        &self.server_first
    }

    /// Checks `client-final-message` and returns `server-final-message`. An exchange can be finished
    /// once, so that a proof cannot be tried again.
    ///
    /// # Errors
    ///
    /// If the message does not belong to this exchange, or its proof does not match.
    pub fn finish(self, client_final: &[u8]) -> Result<String, AuthError> {
        let message = text(client_final)?;
        let (without_proof, proof) =
            message.rsplit_once(",p=").ok_or(AuthError::Exchange("the proof is missing"))?;
        let mut attributes = Attributes::new(without_proof);
        let (bound, nonce) = (attributes.expect('c')?, attributes.expect('r')?);
        attributes.finish()?;
        if nonce != self.nonce {
            return Err(AuthError::Exchange("the nonce does not belong to this exchange"));
        }
        if !bool::from(bound.as_bytes().ct_eq(self.bound.as_bytes())) {
            return Err(AuthError::Exchange("the channel binding does not match"));
        }
        let proof: [u8; KEY_LEN] = decode(proof)?
            .try_into()
            .map_err(|_| AuthError::Exchange("the proof is not of a digest's length"))?;
        let signed = format!("{},{},{without_proof}", self.client_first_bare, self.server_first);
        let signature = hmac(&self.verifier.stored_key, &[signed.as_bytes()]);
        let client_key = xor(&proof, &signature);
        if !bool::from(sha256(&client_key).ct_eq(&self.verifier.stored_key)) {
            return Err(AuthError::Mismatch("proof"));
        }
        let signature = hmac(&self.verifier.server_key, &[signed.as_bytes()]);
        Ok(format!("v={}", BASE64.encode(signature)))
    }
}

#[cfg(test)]
mod tests;
