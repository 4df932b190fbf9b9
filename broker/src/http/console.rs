//! The console's page, and who may have it.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::{Response, StatusCode};

use super::routes::{Answer, response};

/// The page may use what comes from here and nothing else, and nobody may put it into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Path, type and content of what the page is made of, as `npm run build` in `console/` leaves it.
const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("../../../console/dist/index.html")),
    (
        "/console.js",
        "text/javascript; charset=utf-8",
        include_str!("../../../console/dist/console.js"),
    ),
    ("/console.css", "text/css; charset=utf-8", include_str!("../../../console/dist/console.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../../../console/dist/icon.svg")),
];

/// How the console is served.
#[derive(Clone, Debug)]
pub struct Console {
    /// Whether the broker has users, who have to log in here too.
    pub has_users: bool,
    /// The name that the operator gave the broker.
    pub host: Option<String>,
}

impl Console {
    /// Whether a request that names `host` is one to this broker. A page from elsewhere can have its
    /// own name resolved to this broker's address, and the browser then lets it read what is here. Such
    /// a name is never an address, nor one of the operator's. Whoever has to log in is safe from that:
    /// the other page does not know the password.
    pub fn takes_host(&self, host: Option<&str>) -> bool {
        if self.has_users {
            return true;
        }
        let Some(host) = host else { return false };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        match inner {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                name.eq_ignore_ascii_case("localhost")
                    || name.parse::<std::net::Ipv4Addr>().is_ok()
                    || self.host.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// A part of the page.
pub fn file(path: &str) -> Option<Response<Answer>> {
    let (_, kind, content) = FILES.iter().find(|(name, _, _)| *name == path)?;
    let mut response = response(StatusCode::OK, kind, *content);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_can_have_resolved_are_refused() {
        let console = Console { has_users: false, host: Some("Broker.example".into()) };
        for host in [
            "localhost",
            "LOCALHOST:9644",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:9644",
            "192.0.2.7:9644",
            "broker.example",
            "broker.example:80",
        ] {
            assert!(console.takes_host(Some(host)), "{host}");
        }
        for host in [
            "",
            ":80",
            "evil.example",
            "evil.example:9644",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::1",
            "::1]",
            "[evil]",
            "127.0.0.1:80:80",
            "127.1",
            "localhost:port",
            "broker.example.evil",
        ] {
            assert!(!console.takes_host(Some(host)), "{host}");
        }
        assert!(!console.takes_host(None));
        let guarded = Console { has_users: true, host: None };
        assert!(guarded.takes_host(Some("behind.a.proxy")) && guarded.takes_host(None));
    }
}
