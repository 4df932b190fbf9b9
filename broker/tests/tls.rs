//! TLS as seen from the socket: versions, resumption, renewal, and those who mean ill.

mod common;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::certs::{Ca, Identity};
use common::{batch, config, create, fetch, produce};
use flymq_broker::{Broker, ErrorCode, Pem, TlsConfig, TlsVersion};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, Frame, FrameHeader, HEADER_LEN};
use flymq_protocol::messages::*;
use flymq_protocol::opcode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

async fn start(tls: Option<TlsConfig>) -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().unwrap();
    let config = flymq_broker::Config { tls, ..config(dir.path()) };
    let broker = Broker::start(config).await.unwrap();
    (dir, broker)
}

fn connector(ca: &Ca, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    connector: &TlsConnector,
    broker: &Broker,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(broker.local_addr()).await.unwrap();
    connector.connect("localhost".try_into().unwrap(), socket).await
}

async fn send<R: Request>(stream: &mut (impl AsyncWrite + Unpin), request: &R) {
    let frame = frame::encode(R::OPCODE as u8, 1, request).unwrap();
    stream.write_all(&frame.to_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Frame {
    let mut header = [0; HEADER_LEN];
    stream.read_exact(&mut header).await.unwrap();
    let header = FrameHeader::parse(&header, 32 << 20).unwrap();
    let mut payload = vec![0; header.length];
    stream.read_exact(&mut payload).await.unwrap();
    Frame::new(header.opcode, payload.into()).unwrap()
}

/// Greets the broker, which takes in what it has sent along.
async fn hello(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    send(stream, &HelloRequest::default()).await;
    assert_eq!(receive(stream).await.opcode, HelloRequest::OPCODE.response());
}

#[tokio::test]
async fn versions_and_resumption() {
    let ca = Ca::new("ca");
    let (_dir, broker) = start(Some(ca.server().broker())).await;
    for (version, expected) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let connector = connector(&ca, &[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut stream = connect(&connector, &broker).await.unwrap();
            hello(&mut stream).await;
            let (_, tls) = stream.get_ref();
            assert_eq!(
                (tls.protocol_version(), tls.handshake_kind()),
                (Some(expected), Some(kind))
            );
        }
    }
    let mut tls = ca.server().broker();
    tls.min_version = TlsVersion::V1_3;
    let (_dir, broker) = start(Some(tls)).await;
    let error = connect(&connector(&ca, &[&TLS12]), &broker).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    hello(&mut connect(&connector(&ca, &[&TLS13]), &broker).await.unwrap()).await;
}

#[tokio::test]
async fn one_side_without_tls_is_answered_at_once() {
    let ca = Ca::new("ca");
    let began = Instant::now();
    let (_dir, broker) = start(Some(ca.server().broker())).await;
    let mut stream = TcpStream::connect(broker.local_addr()).await.unwrap();
    send(&mut stream, &HelloRequest::default()).await;
    let frame = receive(&mut stream).await;
    assert_eq!((frame.opcode, frame.id), (opcode::ERROR, 0));
    let reply: ErrorReply = frame.decode().unwrap();
    assert_eq!(reply.code, ErrorCode::TlsRequired as u16);
    assert!(reply.message.contains("TLS"));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);

    let (_dir, broker) = start(None).await;
    let error = connect(&connector(&ca, &[&TLS13, &TLS12]), &broker).await.unwrap_err();
    assert!(error.to_string().contains("UnexpectedMessage"), "{error}");
    // Well below the time that a silent client is given.
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// The first of a broker's certificates.
fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn certificate(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap()
}

#[tokio::test]
async fn renewed_certificates_are_taken_up_and_connections_stay() {
    let ca = Ca::new("ca");
    let (old, new) = (ca.server(), ca.server());
    let files = tempfile::tempdir().unwrap();
    let (cert, key) = old.write(files.path());
    let mut tls = TlsConfig::new(Pem::File(cert), Pem::File(key));
    tls.reload_interval = Duration::from_millis(10);
    let (_dir, broker) = start(Some(tls)).await;
    let connector = connector(&ca, &[&TLS13]);
    let mut steady = connect(&connector, &broker).await.unwrap();
    hello(&mut steady).await;
    assert_eq!(shown(&steady), certificate(&old));
    // The key is replaced after the certificate: at times they do not fit, which harms nobody.
    new.write(files.path());
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        send(&mut steady, &PingRequest {}).await;
        assert_eq!(receive(&mut steady).await.opcode, PingRequest::OPCODE.response());
        let mut stream = connect(&connector, &broker).await.unwrap();
        hello(&mut stream).await;
        if shown(&stream) == certificate(&new) {
            break;
        }
        assert!(Instant::now() < deadline, "the new certificate was never shown");
    }
    send(&mut steady, &PingRequest {}).await;
    assert_eq!(receive(&mut steady).await.opcode, PingRequest::OPCODE.response());
}

#[tokio::test]
async fn a_client_that_reads_late_gets_all_to_the_last_byte() {
    const SIZE: usize = 8 << 20;
    let ca = Ca::new("ca");
    let (_dir, broker) = start(Some(ca.server().broker())).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8192).unwrap();
    let socket = socket.connect(broker.local_addr()).await.unwrap();
    let connector = connector(&ca, &[&TLS13]);
    let mut stream = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
    hello(&mut stream).await;
    send(&mut stream, &create("t", 1, &[("max_record_bytes", "16000000")])).await;
    assert_eq!(receive(&mut stream).await.opcode, CreateTopicRequest::OPCODE.response());
    send(&mut stream, &produce("t", 0, batch(&["x".repeat(SIZE).as_str()]))).await;
    assert_eq!(receive(&mut stream).await.opcode, ProduceRequest::OPCODE.response());
    // More than the sockets hold, so that the broker waits for this side until the end.
    for _ in 0..4 {
        send(&mut stream, &fetch("t", 0, 0)).await;
    }
    for _ in 0..4 {
        let read = tokio::time::timeout(Duration::from_secs(60), receive(&mut stream)).await;
        let response: FetchResponse = read.expect("the rest is not sent").decode().unwrap();
        assert!(response.topics[0].partitions[0].batches[0].records.len() > SIZE);
    }
}

#[tokio::test]
async fn half_handshakes_keep_nobody_out() {
    let ca = Ca::new("ca");
    let dir = tempfile::tempdir().unwrap();
    let config = flymq_broker::Config {
        tls: Some(ca.server().broker()),
        max_connections: 1,
        ..config(dir.path())
    };
    let broker = Broker::start(config).await.unwrap();
    let connector = connector(&ca, &[&TLS13]);
    let mut half = Vec::new();
    for i in 0..300 {
        let mut stream = TcpStream::connect(broker.local_addr()).await.unwrap();
        // Some say nothing, others begin and stop.
        if i % 2 == 0 {
            stream.write_all(&[0x16, 3, 1, 0, 200, 1]).await.unwrap();
        }
        half.push(stream);
    }
    hello(&mut connect(&connector, &broker).await.unwrap()).await;
    // The first have given way.
    let read = tokio::time::timeout(Duration::from_secs(10), half[1].read(&mut [0])).await;
    assert!(!matches!(read.expect("it is still there"), Ok(1..)));
    drop(half);
}

#[tokio::test]
async fn a_handshake_has_to_be_done_in_time() {
    let ca = Ca::new("ca");
    let dir = tempfile::tempdir().unwrap();
    let config = flymq_broker::Config {
        tls: Some(ca.server().broker()),
        io_timeout: Duration::from_millis(200),
        ..config(dir.path())
    };
    let broker = Broker::start(config).await.unwrap();
    for bytes in [&[][..], &[0x16], &[0x16, 3, 1, 0, 200, 1]] {
        let mut stream = TcpStream::connect(broker.local_addr()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut [0])).await;
        assert!(!matches!(read.expect("it is still there"), Ok(1..)), "{bytes:?}");
    }
}

#[tokio::test]
async fn too_many_connections_are_told_within_tls() {
    let ca = Ca::new("ca");
    let dir = tempfile::tempdir().unwrap();
    let tls = Some(ca.server().broker());
    let config = flymq_broker::Config { tls, max_connections: 1, ..config(dir.path()) };
    let broker = Broker::start(config).await.unwrap();
    let connector = connector(&ca, &[&TLS13]);
    let mut first = connect(&connector, &broker).await.unwrap();
    hello(&mut first).await;
    let frame = receive(&mut connect(&connector, &broker).await.unwrap()).await;
    let reply: ErrorReply = frame.decode().unwrap();
    assert_eq!(reply.code, ErrorCode::TooManyConnections as u16);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_told_at_the_start() {
    let ca = Ca::new("ca");
    let (one, other) = (ca.server(), ca.server());
    let good = one.broker();
    let no_ca = flymq_broker::ClientAuth::Required;
    for (bad, word) in [
        (TlsConfig { certificate: Pem::File("/nowhere/c.pem".into()), ..good.clone() }, "/nowhere"),
        (TlsConfig { certificate: Pem::Memory(b"x".to_vec()), ..good.clone() }, "certificate"),
        (TlsConfig { key: Pem::Memory(one.cert.clone().into()), ..good.clone() }, "key"),
        (TlsConfig { key: other.broker().key, ..good.clone() }, "cannot be used together"),
        (TlsConfig { client_auth: no_ca, ..good.clone() }, "CA"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let config = flymq_broker::Config { tls: Some(bad), ..config(dir.path()) };
        let error = Broker::start(config).await.err().expect("an error");
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert!(error.message.contains(word), "{word:?} is not in {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_gets_along_with_the_broker() {
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        eprintln!("openssl is not installed; nothing to compare with");
        return;
    }
    let ca = Ca::new("ca");
    let files = tempfile::tempdir().unwrap();
    let ca_file = files.path().join("ca.pem");
    std::fs::write(&ca_file, &ca.pem).unwrap();
    let (_dir, broker) = start(Some(ca.server().broker())).await;
    for version in ["-tls1_2", "-tls1_3"] {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", version, "-verify_return_error", "-servername", "localhost"])
            .args(["-verify_hostname", "localhost", "-connect"])
            .arg(broker.local_addr().to_string())
            .arg("-CAfile")
            .arg(&ca_file)
            .stdin(Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("Verify return code: 0 (ok)"), "{version}: {ran:?}");
    }
}

#[test]
fn the_data_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = runtime.block_on(Broker::start(config(&data))).unwrap();
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    runtime.block_on(broker.shutdown());
}

#[tokio::test]
async fn a_mechanism_says_what_is_bound() {
    let ca = Ca::new("ca");
    let dir = tempfile::tempdir().unwrap();
    let tls = Some(ca.server().broker());
    let auth = Some(flymq_broker::AuthConfig::default());
    let config = flymq_broker::Config { tls, auth, ..config(dir.path()) };
    let broker = Broker::start(config).await.unwrap();
    let mut stream = connect(&connector(&ca, &[&TLS13]), &broker).await.unwrap();
    hello(&mut stream).await;
    for (mechanism, first, agree) in [
        ("SCRAM-SHA-256", "n,,n=ada,r=abc", true),
        ("SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=ada,r=abc", true),
        ("SCRAM-SHA-256-PLUS", "n,,n=ada,r=abc", false),
        ("SCRAM-SHA-256", "p=tls-exporter,,n=ada,r=abc", false),
        // Binding was offered: whoever says that it was not has met someone in between.
        ("SCRAM-SHA-256", "y,,n=ada,r=abc", false),
    ] {
        let data = first.as_bytes().to_vec().into();
        send(&mut stream, &AuthRequest { mechanism: mechanism.into(), data }).await;
        let answer = receive(&mut stream).await;
        if agree {
            assert_eq!(answer.opcode, AuthRequest::OPCODE.response(), "{mechanism} {first}");
        } else {
            let error: ErrorReply = answer.decode().unwrap();
            assert_eq!(error.code, ErrorCode::AuthFailed as u16, "{mechanism} {first}");
        }
    }
}
