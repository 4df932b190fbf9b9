//! The authentication exchange, both sides: whatever the other side says, nobody gets in by it.

#![no_main]

use std::sync::LazyLock;

use flymq_auth::scram::{ChannelBinding, Client, ClientFirst, Server};
use flymq_auth::{MIN_ITERATIONS, Password, Verifier, plain};
use libfuzzer_sys::fuzz_target;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    Verifier::generate(&Password::new("a password that is not guessed"), MIN_ITERATIONS).unwrap()
});

// The first byte says whether the channel can be bound; messages have a byte 0 between them.
fuzz_target!(|bytes: &[u8]| {
    let Some((flags, messages)) = bytes.split_first() else { return };
    let mut messages = messages.splitn(3, |byte| *byte == 0);
    let (first, second) = (messages.next().unwrap_or(&[]), messages.next().unwrap_or(&[]));
    let binding = ChannelBinding { kind: "tls-exporter", data: b"channel".to_vec() };
    let binding = (flags & 1 == 1).then_some(&binding);

    let _ = plain::parse(bytes);
    if let Ok(first) = ClientFirst::parse(first) {
        assert!(!first.user().is_empty());
        if let Ok(server) = Server::answer(first, &VERIFIER, b"challenge", binding) {
            // The broker's nonce cannot be known, so its own is put into half of the messages.
            let nonce = server.first().split(',').next().unwrap_or_default().to_owned();
            let text = String::from_utf8_lossy(second);
            let last = if flags & 2 == 2 { text.replacen("r=", &nonce, 1) } else { text.into_owned() };
            assert!(server.finish(last.as_bytes()).is_err());
        }
    }

    let client = Client::new("ada", binding);
    let nonce = client.first().rsplit_once("r=").map(|(_, nonce)| nonce.to_owned()).unwrap();
    let text = String::from_utf8_lossy(first).replacen("r=", &format!("r={nonce}"), 1);
    if let Ok(reply) = client.reply(text.as_bytes(), b"challenge") {
        assert!(reply.iterations() >= MIN_ITERATIONS && !reply.salt().is_empty());
    }
});
