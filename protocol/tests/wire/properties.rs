//! What holds for every message, and for every sequence of bytes.

use bytes::Bytes;
use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, HEADER_LEN};
use flymq_protocol::messages::*;
use flymq_protocol::{Blob, Frame, FrameHeader, bounds, opcode};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use crate::arbitrary::arbitrary;
use crate::golden::{payload, receive};
use crate::kinds::{self, with_every_request};
use crate::samples;

/// Encodes an arbitrary `T`, and decodes it again.
fn round_trip<T>(opcode: u8, id: u64, entropy: &[u8])
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let message: T = arbitrary(entropy);
    let encoded = frame::encode(opcode, id, &message).unwrap();
    assert_eq!(encoded.len(), encoded.to_bytes().len());
    let frame = receive(&encoded.to_bytes());
    assert_eq!((frame.opcode, frame.id), (opcode, id));
    assert_eq!(frame.decode::<T>().unwrap(), message);

    // In one piece and without blobs that travel apart, the bytes are the same but for the id.
    let rmpv::Value::Map(mut entries) = payload(&encoded.to_bytes()) else { panic!() };
    assert_eq!(entries.remove(0), ("id".into(), id.into()));
    let mut plain = Vec::new();
    rmpv::encode::write_value(&mut plain, &rmpv::Value::Map(entries)).unwrap();
    assert_eq!(plain, rmp_serde::to_vec_named(&message).unwrap());
}

proptest! {
    #[test]
    fn messages_round_trip(id: u64, entropy in prop::collection::vec(any::<u8>(), 0..600)) {
        round_trip::<ErrorReply>(opcode::ERROR, id, &entropy);
        macro_rules! each {
            ($($request:ident),*) => {$(
                let op = <$request as Request>::OPCODE;
                round_trip::<$request>(op as u8, id, &entropy);
                round_trip::<<$request as Request>::Response>(op.response(), id, &entropy);
            )*};
        }
        with_every_request!(each);
    }

    #[test]
    fn headers_of_any_bytes(bytes: [u8; HEADER_LEN], limit: usize) {
        if let Ok(header) = FrameHeader::parse(&bytes, limit) {
            prop_assert_eq!(&bytes[..3], &[0xFB, 0x01, header.opcode]);
            prop_assert!(header.length <= limit);
        }
    }

    #[test]
    fn payloads_of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        take_everything_of(&bytes);
    }

    #[test]
    fn payloads_of_golden_frames_after_damage(
        which: prop::sample::Index,
        damage in prop::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 1..6),
    ) {
        let all: Vec<_> = samples::areas().into_iter().flat_map(|(_, samples)| samples).collect();
        let mut bytes = which.get(&all).frame[HEADER_LEN..].to_vec();
        for (at, how, with) in damage {
            let at = at.index(bytes.len() + 1);
            match how % 6 {
                0 => bytes.insert(at, with),
                1 => bytes.truncate(at),
                2 => { bytes.drain(at..(at + usize::from(with)).min(bytes.len())); }
                // Markers of containers and long binaries, which announce more than there is.
                3 if at < bytes.len() => bytes[at] = 0xc4 + with % 0x1c,
                4 if at < bytes.len() => bytes[at] ^= 1 << (with % 8),
                _ if at < bytes.len() => bytes[at] = with,
                _ => bytes.push(with),
            }
        }
        take_everything_of(&bytes);
    }

    #[test]
    fn blobs_of_any_size_encode_the_same(
        sizes in prop::collection::vec(prop_oneof![0..300usize, 4090..4100usize, 9000..9001usize], 0..5),
    ) {
        let headers: Vec<_> = sizes.iter().map(|n| ("h".to_owned(), Some(Blob::from(vec![7; *n])))).collect();
        let record = ConsumedRecord { headers, ..Default::default() };
        let message = ConsumeResponse { record: Some(record), next_offset: 1 };
        let apart = frame::encode(0x82, 1, &message).unwrap();
        let mut plain = rmp_serde::to_vec_named(&message).unwrap();
        plain.splice(0..1, *b"\x83\xa2id\x01");
        prop_assert_eq!(&apart.to_bytes()[HEADER_LEN..], &plain[..]);
        let shared = sizes.iter().filter(|n| **n >= 4096).count();
        prop_assert!(apart.parts.len() > shared, "{} parts, {shared} of them blobs", apart.parts.len());
    }
}

/// Takes a payload for every kind of message. What is decoded has to survive another round.
fn take_everything_of(bytes: &[u8]) {
    let payload = Bytes::copy_from_slice(bytes);
    let id = bounds::id_before_fault(bytes);
    for kind in kinds::all() {
        let Ok(frame) = Frame::new(kind.opcode, payload.clone()) else { continue };
        assert_eq!(frame.id, id);
        if let Ok(encoded) = (kind.recode)(&frame) {
            let again = (kind.recode)(&receive(&encoded.to_bytes())).unwrap();
            assert_eq!(again.to_bytes(), encoded.to_bytes());
        }
    }
}

#[test]
fn large_blobs_share_memory_both_ways() {
    let value = Bytes::from(vec![1; 10_000]);
    let small = Bytes::from(vec![2; 100]);
    let record = ConsumedRecord {
        key: Some(Blob(small)),
        value: Some(Blob(value.clone())),
        ..Default::default()
    };
    let message = ConsumeResponse { record: Some(record), next_offset: 1 };
    let encoded = frame::encode(0x82, 1, &message).unwrap();
    assert_eq!(encoded.parts.len(), 3);
    assert_eq!(encoded.parts[1].as_ptr(), value.as_ptr());

    let whole = encoded.to_bytes();
    let frame = Frame::new(0x82, whole.slice(HEADER_LEN..)).unwrap();
    let record = frame.decode::<ConsumeResponse>().unwrap().record.unwrap();
    for blob in [record.key.unwrap(), record.value.unwrap()] {
        assert!(whole.as_ptr_range().contains(&blob.as_ptr()));
    }
}

/// A response to the widest FETCH with as many batches as [`max_fetched_batches`] allows must still
/// be taken by its receiver.
#[test]
fn the_fullest_fetch_response_stays_within_the_bounds() {
    for partitions in [1, 100, 2_000, MAX_NAMED] {
        let batches = max_fetched_batches(partitions);
        assert!((1000..=MAX_FETCHED_BATCHES).contains(&batches), "{batches}");
        let mut topics: Vec<_> = (0..partitions)
            .map(|_| FetchedTopic {
                topic: "t".into(),
                partitions: vec![FetchedPartition::default()],
            })
            .collect();
        topics[0].partitions[0].batches = vec![samples::one_record(); batches];
        let encoded = frame::encode(0x86, 1, &FetchResponse { topics }).unwrap();
        receive(&encoded.to_bytes());
    }
    assert_eq!(max_fetched_batches(1), MAX_FETCHED_BATCHES);
    assert_eq!(max_fetched_batches(usize::MAX), 0);
}
