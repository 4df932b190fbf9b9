//! Deliveries on their way to the event queue: a lane for each partition, since its records are
//! stored in order, so that no partition waits for another.

use std::collections::{HashMap, VecDeque};
use std::ffi::CString;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use flymq_core::{Delivery, Error, ErrorCode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::flymq_event;
use crate::host::Host;
use crate::queue::Queue;
use crate::text::c_string;

/// How many deliveries a lane takes up at a time.
const AT_A_TIME: usize = 1_000;

type Waiting = (Delivery, usize);

/// The lanes of a producer, by topic and partition.
pub struct Lanes {
    queue: Arc<Queue>,
    topics: RwLock<HashMap<String, Vec<Option<UnboundedSender<Waiting>>>>>,
}

impl Lanes {
    pub fn new(queue: Arc<Queue>) -> Self {
        Self { queue, topics: RwLock::default() }
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Has an event queued once the delivery is done.
    pub fn track(&self, host: &Host, topic: &str, delivery: Delivery, tag: usize) {
        let partition = delivery.partition() as usize;
        let waiting = (delivery, tag);
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let lane = topics.get(topic).and_then(|lanes| lanes.get(partition)?.as_ref());
        let waiting = match lane {
            None => waiting,
            Some(lane) => match lane.send(waiting) {
                Ok(()) => return,
                Err(ended) => ended.0,
            },
        };
        drop(topics);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let lanes = topics.entry(topic.to_owned()).or_default();
        if lanes.len() <= partition {
            lanes.resize(partition + 1, None);
        }
        let lane = lanes[partition].get_or_insert_with(|| {
            let (sender, incoming) = unbounded_channel();
            let topic = Arc::new(c_string(topic));
            let waiting = VecDeque::new();
            host.spawn(Lane { topic, incoming, waiting, queue: self.queue.clone() }.run());
            sender
        });
        if let Err(ended) = lane.send(waiting) {
            // The client's threads have ended.
            let (_, tag) = ended.0;
            self.queue.push([given_up(tag, &Arc::new(c_string(topic)))]);
        }
    }
}

fn given_up(tag: usize, topic: &Arc<CString>) -> flymq_event {
    let message = "the client was closed before the record was stored";
    let error = Error::new(ErrorCode::Closed, "send", message);
    flymq_event::delivery(tag, topic.clone(), Err(error))
}

struct Lane {
    topic: Arc<CString>,
    incoming: UnboundedReceiver<Waiting>,
    waiting: VecDeque<Waiting>,
    queue: Arc<Queue>,
}

impl Lane {
    async fn run(mut self) {
        let mut taken = Vec::new();
        while self.incoming.recv_many(&mut taken, AT_A_TIME).await > 0 {
            self.waiting.extend(taken.drain(..));
            while !self.waiting.is_empty() {
                // The first may have to be waited for; then others are done with it.
                let first = &mut self.waiting[0].0;
                let _ = poll_fn(|context| Pin::new(&mut *first).poll(context)).await;
                // Taken out of here first: a queue that is closed takes none.
                let done = std::iter::from_fn(|| {
                    let (delivery, tag) = self.waiting.front()?;
                    let result = delivery.try_result()?;
                    let event = flymq_event::delivery(*tag, self.topic.clone(), result);
                    self.waiting.pop_front();
                    Some(event)
                });
                let done: Vec<_> = done.collect();
                self.queue.push(done);
            }
        }
    }
}

/// Whatever is waited for when the client's threads end gets its event too.
impl Drop for Lane {
    fn drop(&mut self) {
        self.incoming.close();
        let incoming = std::iter::from_fn(|| self.incoming.try_recv().ok());
        let left: Vec<_> = self.waiting.drain(..).chain(incoming).collect();
        let result = |(delivery, tag): Waiting| match delivery.try_result() {
            Some(result) => flymq_event::delivery(tag, self.topic.clone(), result),
            None => given_up(tag, &self.topic),
        };
        self.queue.push(left.into_iter().map(result));
    }
}
