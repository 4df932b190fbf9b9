//! A proxy between gateways and a Kafka node that knows its frames, and loses an answer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub struct KafkaCutter {
    /// Where gateways find the cluster, and nothing but this way to it.
    pub address: String,
    plan: Arc<Mutex<Vec<i16>>>,
    task: JoinHandle<()>,
}

impl KafkaCutter {
    /// `None` where there is no cluster with a listener for it; see tools/kafka/security.py.
    pub async fn start() -> Option<Self> {
        let secrets = PathBuf::from(std::env::var("KAFKA_SECRETS").ok()?);
        let read = |name: &str| std::fs::read_to_string(secrets.join(name)).unwrap();
        let (target, address) = (read("PROXIED.address"), read("PROXY.address"));
        let listener = TcpListener::bind(&address).await.unwrap();
        let plan = Arc::new(Mutex::new(Vec::new()));
        let cuts = plan.clone();
        let task = tokio::spawn(async move {
            loop {
                let (gateway, _) = listener.accept().await.unwrap();
                tokio::spawn(relay(gateway, target.clone(), cuts.clone()));
            }
        });
        Some(Self { address, plan, task })
    }

    /// Cuts the connection once, when the answer to the next request of this API key comes.
    pub fn cut(&self, api: i16) {
        self.plan.lock().unwrap().push(api);
    }

    /// Whether all cuts were made.
    pub fn is_done(&self) -> bool {
        self.plan.lock().unwrap().is_empty()
    }
}

impl Drop for KafkaCutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(gateway: TcpStream, target: String, plan: Arc<Mutex<Vec<i16>>>) {
    let Ok(node) = TcpStream::connect(&target).await else { return };
    let (mut gateway_in, mut gateway_out) = gateway.into_split();
    let (mut node_in, mut node_out) = node.into_split();
    // The correlation of the request at whose answer the connection is cut.
    let doomed = Mutex::new(None);
    let requests = async {
        while let Some(frame) = next_frame(&mut gateway_in).await {
            let api = i16::from_be_bytes([frame[4], frame[5]]);
            if is_planned(&plan, api) {
                *doomed.lock().unwrap() = Some(frame[8..12].to_vec());
            }
            if node_out.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        while let Some(frame) = next_frame(&mut node_in).await {
            let cut = doomed.lock().unwrap().as_deref() == Some(&frame[4..8]);
            if cut || gateway_out.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
    }
}

fn is_planned(plan: &Mutex<Vec<i16>>, api: i16) -> bool {
    let mut plan = plan.lock().unwrap();
    let at = plan.iter().position(|&planned| planned == api);
    at.is_some_and(|at| plan.remove(at) == api)
}

/// The next frame, with its length before it.
async fn next_frame(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let length = from.read_u32().await.ok()?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.resize(4 + length as usize, 0);
    from.read_exact(&mut frame[4..]).await.ok()?;
    Some(frame)
}
