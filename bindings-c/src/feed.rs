//! A queue fed by a consumer: one event at a time, the next once the application is done with it.

use std::sync::Arc;
use std::time::Duration;

use flymq_core::{ErrorCode, Event, SharedConsumer};
use tokio::sync::oneshot;

use crate::event::flymq_event;
use crate::message::flymq_batch;
use crate::queue::Queue;

/// How long a look at the consumer lasts.
const LOOK: Duration = Duration::from_secs(60);
/// How long to wait after an error, which may come again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Until the consumer or the queue is closed.
pub async fn run(consumer: Arc<SharedConsumer>, queue: Arc<Queue>, tag: usize, max_records: usize) {
    loop {
        let (event, fatal) = match consumer.poll_event(max_records, LOOK).await {
            Ok(None) => continue,
            Ok(Some(Event::Records(messages))) => {
                (flymq_event::records(tag, flymq_batch::new(messages)), false)
            }
            Ok(Some(Event::Rebalance(change))) => (flymq_event::rebalance(tag, &change), false),
            Err(error) => {
                tokio::time::sleep(PAUSE).await;
                let fatal = error.is_fatal();
                // The application has closed the consumer, and knows.
                if error.code() == Some(ErrorCode::Closed) && consumer.borrow().await.is_err() {
                    return;
                }
                (flymq_event::failure(tag, error), fatal)
            }
        };
        let (done, freed) = oneshot::channel();
        if !queue.push(event.telling(done)) || fatal {
            return;
        }
        // Nothing is ever sent: the other end goes with the event.
        let _ = freed.await;
    }
}
