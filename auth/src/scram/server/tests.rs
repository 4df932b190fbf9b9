use super::*;
use crate::scram::Client;
use crate::{MIN_ITERATIONS, Password};

const CHALLENGE: &[u8] = b"0123456789";

fn stored(password: &str) -> Verifier {
    Verifier::generate(&Password::new(password), MIN_ITERATIONS).unwrap()
}

/// The exchange up to the client's last message.
fn exchange(
    client: Client,
    password: &str,
    verifier: &Verifier,
    binding: Option<&ChannelBinding>,
) -> Result<(Server, String, crate::scram::Expected), AuthError> {
    let first = ClientFirst::parse(client.first().as_bytes())?;
    let server = Server::answer(first, verifier, CHALLENGE, binding)?;
    let reply = client.reply(server.first().as_bytes(), CHALLENGE)?;
    let keys = Password::new(password).derive(reply.salt(), reply.iterations())?;
    let (last, expected) = reply.prove(&keys);
    Ok((server, last, expected))
}

fn tls(kind: &'static str, data: &[u8]) -> ChannelBinding {
    ChannelBinding { kind, data: data.to_vec() }
}

/// RFC 7677, section 3.
#[test]
fn the_rfcs_exchange() {
    let salt = decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let keys = Password::new("pencil").derive(&salt, 4096).unwrap();
    let client = Client::with_nonce("user", None, "rOprNGfwEbeRWgbNEkqO".into());
    assert_eq!(client.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let first = ClientFirst::parse(client.first().as_bytes()).unwrap();
    let suffix = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let server = Server::with_nonce(first, &keys.verifier(&salt, 4096), suffix, None).unwrap();
    assert_eq!(
        server.first(),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let reply = client.reply(server.first().as_bytes(), b"").unwrap();
    let (last, expected) = reply.prove(&keys);
    assert_eq!(
        last,
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    let verdict = server.finish(last.as_bytes()).unwrap();
    assert_eq!(verdict, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    expected.check(verdict.as_bytes()).unwrap();
}

#[test]
fn a_wrong_password_is_found_out() {
    let verifier = stored("right");
    let (server, last, _) = exchange(Client::new("a", None), "wrong", &verifier, None).unwrap();
    assert_eq!(server.finish(last.as_bytes()), Err(AuthError::Mismatch("proof")));
}

#[test]
fn a_proof_of_another_exchange_is_worthless() {
    let verifier = stored("p");
    let (_, stolen, _) = exchange(Client::new("a", None), "p", &verifier, None).unwrap();
    let (server, own, _) = exchange(Client::new("a", None), "p", &verifier, None).unwrap();
    assert!(matches!(server.finish(stolen.as_bytes()), Err(AuthError::Exchange(_))));
    // Nor does the stolen proof fit this exchange's nonce.
    let (server, _, _) = exchange(Client::new("a", None), "p", &verifier, None).unwrap();
    let nonce = server.first().split(',').next().unwrap();
    let proof = own.rsplit_once(",p=").unwrap().1;
    let mixed = format!("c=biws,{nonce},p={proof}");
    assert_eq!(server.finish(mixed.as_bytes()), Err(AuthError::Mismatch("proof")));
}

#[test]
fn the_client_finds_out_a_server_that_knows_no_keys() {
    let (_, _, expected) = exchange(Client::new("a", None), "p", &stored("p"), None).unwrap();
    let lies =
        ["v=AAAA", "v=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "e=no", "", "v=!"];
    for lie in lies {
        assert!(expected.check(lie.as_bytes()).is_err(), "{lie}");
    }
}

#[test]
fn the_nonce_belongs_to_exchange_and_connection() {
    let reply = |message: &str, challenge: &[u8]| {
        Client::with_nonce("a", None, "mine".into()).reply(message.as_bytes(), challenge)
    };
    assert!(reply("r=mineeHg=fresh,s=c2FsdA==,i=4096", b"x").is_err());
    let good = format!("r=mine{}fresh", nonce_of_connection(b"xx"));
    assert!(reply(&format!("{good},s=c2FsdA==,i=4096"), b"xx").is_ok());
    for bad in [
        "r=mine,s=c2FsdA==,i=4096".to_owned(),
        format!("r=mine{},s=c2FsdA==,i=4096", nonce_of_connection(b"xx")),
        format!("{good},s=c2FsdA==,i=4095"),
        format!("{good},s=c2FsdA==,i=1000001"),
        format!("{good},s=c2FsdA==,i=x"),
        format!("{good},s=,i=4096"),
        format!("{good},i=4096,s=c2FsdA=="),
        format!("m=x,{good},s=c2FsdA==,i=4096"),
        format!("{good},s=c2FsdA==,i=4096,m=x"),
    ] {
        assert!(reply(&bad, b"xx").is_err(), "{bad}");
    }
}

#[test]
fn channels_are_bound() {
    let verifier = stored("p");
    let here = tls("tls-exporter", b"here");
    let (server, last, expected) =
        exchange(Client::new("a", Some(&here)), "p", &verifier, Some(&here)).unwrap();
    expected.check(server.finish(last.as_bytes()).unwrap().as_bytes()).unwrap();
    // Relayed to a server that sees another connection.
    let there = tls("tls-exporter", b"there");
    let (server, last, _) =
        exchange(Client::new("a", Some(&here)), "p", &verifier, Some(&there)).unwrap();
    assert!(server.finish(last.as_bytes()).is_err());
    // Another kind, none at all, and an offer that did not reach the client.
    let other = tls("tls-server-end-point", b"here");
    for (client, server) in [
        (Client::new("a", Some(&here)), Some(&other)),
        (Client::new("a", Some(&here)), None),
        (Client::new("a", None).binding_not_offered(), Some(&here)),
    ] {
        assert!(exchange(client, "p", &verifier, server).is_err());
    }
    let (server, last, _) =
        exchange(Client::new("a", None).binding_not_offered(), "p", &verifier, None).unwrap();
    assert!(server.finish(last.as_bytes()).is_ok());
    let (server, last, _) = exchange(Client::new("a", None), "p", &verifier, Some(&here)).unwrap();
    assert!(server.finish(last.as_bytes()).is_ok());
    // Somebody in between turns "could" into "cannot": the header is part of what is proved.
    let (server, last, _) = exchange(Client::new("a", None), "p", &verifier, None).unwrap();
    let forged = last.replacen("c=biws", "c=eSws", 1);
    assert!(server.finish(forged.as_bytes()).is_err());
}

#[test]
fn first_messages() {
    let first = |text: &str| ClientFirst::parse(text.as_bytes());
    let good = first("n,a=x=2Cy,n=x=2Cy,r=abc,e=1").unwrap();
    assert_eq!((good.user(), good.nonce.as_str(), good.binds_channel()), ("x,y", "abc", false));
    assert!(first("p=tls-exporter,,n=a,r=b").unwrap().binds_channel());
    for bad in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=a",
        "n,,r=b,n=a",
        "n,,n=,r=b",
        "n,,n=a,r=",
        "x,,n=a,r=b",
        "n,a=root,n=a,r=b",
        "n,root,n=a,r=b",
        "n,,m=x,n=a,r=b",
        "n,,n=a,r=b,m=x",
        "n,,n=a,r=\u{e9}",
        "n,,n=a\0,r=b",
        "n,,n=a=,r=b",
        "n,,n=a,r=b,x",
    ] {
        assert!(first(bad).is_err(), "{bad}");
    }
    assert!(first(&format!("n,,n=a,r={}", "x".repeat(257))).is_err());
    assert!(first(&format!("n,,n={},r=b", "x".repeat(5000))).is_err());
}

#[test]
fn last_messages() {
    let verifier = stored("p");
    for damage in [
        (|m: &str| m.replace(",p=", ",q=")) as fn(&str) -> String,
        |m| m.replacen("c=biws,", "", 1),
        |m| m.replacen("c=biws", "c=biw", 1),
        |m| format!("{m}AAAA"),
        |m| m.split(",p=").next().unwrap().to_owned(),
        |m| m.replacen(",r=", ",r=x", 1),
        |m| m.replacen(",p=", ",m=x,p=", 1),
        |m| m.replacen(",p=", ",p=x,p=", 1),
        |_| String::new(),
    ] {
        let (server, last, _) = exchange(Client::new("a", None), "p", &verifier, None).unwrap();
        assert!(server.finish(damage(&last).as_bytes()).is_err(), "{}", damage(&last));
    }
}
