//! PLAIN (RFC 4616): user name and password as they are. Only for connections that nobody can read.

use zeroize::Zeroizing;

use crate::{AuthError, MAX_MESSAGE, Password};

/// The client's one message.
pub fn message(user: &str, password: &Password) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([b"\0", user.as_bytes(), b"\0", password.reveal().as_bytes()].concat())
}

/// Reads the client's message: user name and password.
///
/// # Errors
///
/// For anything that is not byte 0, a name, byte 0 and a password. The name may also stand in front
/// of the first byte 0, where it has to be the same: nobody acts for another here.
pub fn parse(message: &[u8]) -> Result<(&str, Password), AuthError> {
    const ILL_FORMED: AuthError =
        AuthError::Exchange("PLAIN wants byte 0, user name, byte 0, password");
    if message.len() > MAX_MESSAGE {
        return Err(AuthError::Exchange("the message is too long"));
    }
    let text = std::str::from_utf8(message).map_err(|_| ILL_FORMED)?;
    let mut parts = text.split('\0');
    let (Some(acting), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ILL_FORMED);
    };
    if user.is_empty() || password.is_empty() {
        return Err(ILL_FORMED);
    }
    if !acting.is_empty() && acting != user {
        return Err(AuthError::Exchange("acting for another user is not supported"));
    }
    Ok((user, Password::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let (user, password) = parse(b"\0ada\0secret").unwrap();
        assert_eq!((user, password.reveal()), ("ada", "secret"));
        assert_eq!(parse(&message("ada", &Password::new("s"))).unwrap().0, "ada");
        assert!(parse(b"ada\0ada\0secret").is_ok());
        let bad: [&[u8]; 8] = [
            b"",
            b"\0",
            b"\0ada",
            b"\0ada\0",
            b"\0\0secret",
            b"\0a\0b\0c",
            b"root\0ada\0x",
            b"\0\xff\0x",
        ];
        for bad in bad {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&message("a", &Password::new("x".repeat(5000)))).is_err());
    }
}
