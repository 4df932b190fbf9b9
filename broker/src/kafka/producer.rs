//! Identities of producers. Kafka hands them out, and the client sends them with every batch, so that
//! any gateway may take a retry.

use std::sync::Arc;

use flymq_protocol::messages::InitProducerResponse;
use kafka_protocol::messages as kafka;

use super::Inner;
use super::errors::{self, Remedy};
use crate::Result;

/// Hands out an identity for idempotence.
pub async fn init(inner: Arc<Inner>, (): ()) -> Result<InitProducerResponse> {
    let mut retry = inner.cluster.retry();
    loop {
        let request = kafka::InitProducerIdRequest::default().with_transactional_id(None);
        let error = match inner.cluster.anywhere(&request).await {
            Ok(response) => match errors::remedy(response.error_code) {
                Remedy::None => {
                    let (producer_id, producer_epoch) =
                        (response.producer_id.0, response.producer_epoch);
                    return Ok(InitProducerResponse { producer_id, producer_epoch });
                }
                Remedy::Final => {
                    return Err(errors::error(response.error_code, "get a producer id"));
                }
                Remedy::Elsewhere | Remedy::Later => {
                    errors::error(response.error_code, "get a producer id")
                }
            },
            Err(error) if error.code.is_retriable() => error,
            Err(error) => return Err(error),
        };
        retry.pause_or(error).await?;
    }
}
