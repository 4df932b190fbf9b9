//! The requests that a gateway sends, each in the one version that it speaks.
//!
//! One version means one behaviour: what is tested is what runs against every cluster. A cluster
//! that lacks one of them is refused when a connection is made.

use flymq_protocol::ProtocolError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::buf::ByteBufMut;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};

/// A request with its version and the type of its response.
pub trait Api: Encodable + HeaderVersion + Sync {
    /// Its number.
    const KEY: ApiKey;
    /// The version that is spoken.
    const VERSION: i16;
    /// What it is answered with.
    type Response: Decodable + HeaderVersion + Send + 'static;

    /// What Kafka is told that the sender calls itself, if it is not the gateway itself.
    fn client_id(&self) -> Option<&str> {
        None
    }
}

/// A request in a client's name.
pub struct AsClient<'a, R> {
    pub request: R,
    /// What the client calls itself; empty for nothing.
    pub client_id: &'a str,
}

impl<R: Api> Api for AsClient<'_, R> {
    const KEY: ApiKey = R::KEY;
    const VERSION: i16 = R::VERSION;
    type Response = R::Response;

    fn client_id(&self) -> Option<&str> {
        Some(self.client_id).filter(|id| !id.is_empty())
    }
}

impl<R: Encodable> Encodable for AsClient<'_, R> {
    fn encode<B: ByteBufMut>(&self, buf: &mut B, version: i16) -> anyhow::Result<()> {
        self.request.encode(buf, version)
    }

    fn compute_size(&self, version: i16) -> anyhow::Result<usize> {
        self.request.compute_size(version)
    }
}

impl<R: HeaderVersion> HeaderVersion for AsClient<'_, R> {
    fn header_version(version: i16) -> i16 {
        R::header_version(version)
    }
}

macro_rules! apis {
    ($($key:ident v $version:literal: $request:ident => $response:ident;)*) => {
        $(impl Api for $request {
            const KEY: ApiKey = ApiKey::$key;
            const VERSION: i16 = $version;
            type Response = $response;
        })*

        /// What a node has to speak. [`ApiVersionsRequest`] finds that out.
        pub const SPOKEN: &[(ApiKey, i16)] = &[$((ApiKey::$key, $version)),*];
    };
}

apis! {
    ApiVersions v 3: ApiVersionsRequest => ApiVersionsResponse;
    SaslHandshake v 1: SaslHandshakeRequest => SaslHandshakeResponse;
    SaslAuthenticate v 2: SaslAuthenticateRequest => SaslAuthenticateResponse;
    Metadata v 12: MetadataRequest => MetadataResponse;
    FindCoordinator v 5: FindCoordinatorRequest => FindCoordinatorResponse;

    // By topic id, so that a topic that was deleted and made anew is not taken for the old one.
    Produce v 13: ProduceRequest => ProduceResponse;
    Fetch v 17: FetchRequest => FetchResponse;
    ListOffsets v 9: ListOffsetsRequest => ListOffsetsResponse;
    // Transaction protocol 2 (KIP-890).
    InitProducerId v 5: InitProducerIdRequest => InitProducerIdResponse;
    EndTxn v 5: EndTxnRequest => EndTxnResponse;
    TxnOffsetCommit v 5: TxnOffsetCommitRequest => TxnOffsetCommitResponse;
    AddOffsetsToTxn v 4: AddOffsetsToTxnRequest => AddOffsetsToTxnResponse;
    DescribeTransactions v 0: DescribeTransactionsRequest => DescribeTransactionsResponse;

    // Groups that Kafka assigns the partitions of (KIP-848), with member ids of clients (KIP-1082).
    ConsumerGroupHeartbeat v 1: ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe v 1: ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse;
    DescribeGroups v 5: DescribeGroupsRequest => DescribeGroupsResponse;
    ListGroups v 5: ListGroupsRequest => ListGroupsResponse;
    DeleteGroups v 2: DeleteGroupsRequest => DeleteGroupsResponse;
    OffsetCommit v 9: OffsetCommitRequest => OffsetCommitResponse;
    OffsetFetch v 9: OffsetFetchRequest => OffsetFetchResponse;

    CreateTopics v 7: CreateTopicsRequest => CreateTopicsResponse;
    DeleteTopics v 6: DeleteTopicsRequest => DeleteTopicsResponse;
    CreatePartitions v 3: CreatePartitionsRequest => CreatePartitionsResponse;
    DescribeConfigs v 4: DescribeConfigsRequest => DescribeConfigsResponse;
    IncrementalAlterConfigs v 1: IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse;
    DescribeLogDirs v 4: DescribeLogDirsRequest => DescribeLogDirsResponse;
}

/// Refuses a node that does not speak what is needed.
pub fn check(versions: &ApiVersionsResponse) -> Result<(), ProtocolError> {
    // The two of SASL are listed by nodes that have no use for them, too, but need not be.
    let optional = [ApiKey::SaslHandshake, ApiKey::SaslAuthenticate];
    for (key, version) in SPOKEN.iter().filter(|(key, _)| !optional.contains(key)) {
        let offered = versions.api_keys.iter().find(|api| api.api_key == *key as i16);
        if !offered.is_some_and(|api| (api.min_version..=api.max_version).contains(version)) {
            return Err(ProtocolError::new(
                flymq_protocol::ErrorCode::InvalidArgument,
                format!(
                    "Apache Kafka 4.1 or later is needed: this node lacks {key:?} version {version}"
                ),
            ));
        }
    }
    Ok(())
}
