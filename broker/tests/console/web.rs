//! A broker with a console, and an HTTP client that keeps its connection.

use flymq_broker::{Broker, Config};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::common;

pub async fn start(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = common::config(dir.path());
    config.http_listen = Some("127.0.0.1:0".parse().unwrap());
    config.console = true;
    change(&mut config);
    (dir, Broker::start(config).await.unwrap())
}

/// What was answered: status, head in lower case, and body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }

    /// Status, and the name of the error.
    pub fn error(&self) -> (u16, String) {
        (self.status, self.json()["name"].as_str().unwrap().to_owned())
    }
}

pub struct Web {
    stream: BufReader<TcpStream>,
    /// Lines that go with every request.
    pub headers: String,
}

impl Web {
    pub async fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.http_addr().unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), headers: String::new() }
    }

    pub async fn log_in(broker: &Broker, user: &str, password: &str) -> Self {
        let mut web = Self::connect(broker).await;
        web.set_user(user, password);
        web
    }

    pub fn set_user(&mut self, user: &str, password: &str) {
        use base64::Engine as _;
        let encoded =
            base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.headers = format!("Authorization: Basic {encoded}\r\n");
    }

    /// Asks for a path, of this broker by its address.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "Host: 127.0.0.1\r\n").await
    }

    pub async fn ask(&mut self, method: &str, path: &str, headers: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\n{headers}{}\r\n", self.headers);
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).await.unwrap();
            assert!(read > 0, "the connection was closed: {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        if method != "HEAD" {
            self.stream.read_exact(&mut body).await.unwrap();
        }
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// The answer of a call that succeeds.
    pub async fn call(&mut self, call: &str) -> Value {
        let answer = self.get(&format!("/api/v1/{call}")).await;
        assert_eq!(answer.status, 200, "{call}: {}", answer.body);
        answer.json()
    }

    /// Status and error of a call that does not.
    pub async fn refused(&mut self, call: &str) -> (u16, String) {
        self.get(&format!("/api/v1/{call}")).await.error()
    }

    /// Whether the broker has closed the connection.
    pub async fn is_closed(&mut self) -> bool {
        matches!(self.stream.read_u8().await, Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof)
    }
}
