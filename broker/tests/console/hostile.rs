//! Pages from elsewhere, and requests that nobody means well with.

use flymq_broker::{Broker, Config, ErrorCode};

use crate::common::Client;
use crate::web::{Web, start};

const API: &str = "/api/v1/overview";

#[tokio::test]
async fn there_is_no_console_unless_it_is_asked_for() {
    let (_dir, broker) = start(|config| config.console = false).await;
    assert_eq!(broker.console_url(), None);
    let mut web = Web::connect(&broker).await;
    for path in [API, "/console.js", "/api/v1/records?topic=t"] {
        assert_eq!(web.get(path).await.status, 404, "{path}");
    }
    assert!(!web.get("/").await.body.contains("<html"));

    let dir = tempfile::tempdir().unwrap();
    let config = Config { console: true, http_listen: None, ..crate::common::config(dir.path()) };
    let error = Broker::start(config).await.err().expect("a refusal");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn the_page_can_load_nothing_from_elsewhere_and_stands_in_no_frame() {
    let (_dir, broker) = start(|_| {}).await;
    let mut web = Web::connect(&broker).await;
    assert_eq!(broker.console_url(), Some(format!("http://{}/", broker.http_addr().unwrap())));
    let mut total = 0;
    for (path, kind) in [
        ("/", "text/html"),
        ("/console.js", "text/javascript"),
        ("/console.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = web.get(path).await;
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{}", answer.head);
        for protection in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(answer.head.contains(protection), "{path}: {}", answer.head);
        }
        assert!(!answer.head.contains("unsafe-"), "{}", answer.head);
        assert!(!answer.body.contains("https://") && !answer.body.contains("//cdn"), "{path}");
        total += answer.body.len();
    }
    assert!(total < 150 << 10, "the page has {total} bytes");
    let api = web.get(API).await;
    for protection in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(api.head.contains(protection), "{protection}: {}", api.head);
    }
    assert!(!api.head.contains("access-control-allow"), "{}", api.head);
}

#[tokio::test]
async fn a_name_that_was_resolved_to_this_broker_by_somebody_else_is_refused() {
    let (_dir, broker) =
        start(|config| config.advertised_host = Some("broker.example".into())).await;
    let mut web = Web::connect(&broker).await;
    for path in ["/", "/console.js", API] {
        for (host, status) in [
            ("127.0.0.1:9644", 200),
            ("localhost", 200),
            ("broker.example:80", 200),
            ("evil.example", 421),
            ("evil.example:9644", 421),
            ("127.0.0.1.evil.example", 421),
        ] {
            let answer = web.ask("GET", path, &format!("Host: {host}\r\n")).await;
            assert_eq!(answer.status, status, "{path} {host}");
        }
    }
    // A proxy's way to ask, where the name in the path counts.
    let absolute = format!("http://evil.example{API}");
    assert_eq!(web.ask("GET", &absolute, "Host: 127.0.0.1\r\n").await.status, 421);
    // Others who watch the broker go by whatever name they know it by.
    let live = web.ask("GET", "/health/live", "Host: evil.example\r\n").await;
    assert_eq!(live.status, 200);
}

#[tokio::test]
async fn pages_from_elsewhere_may_not_ask_and_nothing_can_be_changed() {
    let (_dir, broker) = start(|_| {}).await;
    let mut web = Web::connect(&broker).await;
    let cross = "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n";
    assert_eq!(web.ask("GET", API, cross).await.error(), (400, "INVALID_REQUEST".into()));
    assert_eq!(web.ask("GET", "/", cross).await.status, 200, "a link to the page is one");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = web.ask(method, API, "Host: 127.0.0.1\r\n").await;
        assert_eq!(answer.status, 405, "{method}");
    }
    assert_eq!(web.ask("HEAD", API, "Host: 127.0.0.1\r\n").await.status, 200);
}

#[tokio::test]
async fn whatever_is_asked_for_is_answered() {
    let (_dir, broker) = start(|_| {}).await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    client.create("wide", 65, &[]).await;
    let mut web = Web::connect(&broker).await;
    let invalid = [
        "records",
        "records?topic=t&limit=0",
        "records?topic=t&limit=501",
        "records?topic=t&limit=-1",
        "records?topic=t&limit=99999999999999999999",
        "records?topic=t&max_value_bytes=1048577",
        "records?topic=t&from=1",
        "records?topic=t&partition=0&from=-1",
        "records?topic=t&partition=0&from=1&before=2",
        "records?topic=t&partition=x",
        "records?topic=t&topic=t",
        "records?topic=t&uncommitted=perhaps",
        "records?topic=wide",
        "topic?nome=t",
        "group?name=",
    ];
    for call in invalid {
        let (status, _) = web.refused(call).await;
        assert!(status == 400 || (call == "group?name=" && status == 404), "{call}: {status}");
    }
    let missing = [
        "",
        "nothing",
        "overview/",
        "records?topic=t&partition=1",
        "records?topic=nothing",
        "topic?name=%00",
        "topic?name=../../etc/passwd",
        "group?name=%FF%FE",
        "%2e%2e/metrics",
        "topic?name=%3Cscript%3E",
    ];
    for call in missing {
        let answer = web.get(&format!("/api/v1/{call}")).await;
        let (status, _) = answer.error();
        assert!(status == 404 || status == 400, "{call}: {status}");
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    }
    let long = format!("topic?name={}", "x".repeat(10_000));
    let answer = web.get(&format!("/api/v1/{long}")).await;
    assert!(answer.status >= 400 && answer.body.len() < 1000, "{}", answer.body.len());
    // What it was asked in between did no harm.
    web.call("records?topic=wide&partition=64").await;
}
