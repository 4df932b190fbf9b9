//! How much memory hostile input can make the decoder ask for: its own length, plus at most
//! [`PER_VALUE`] bytes for each of the values that a payload may hold; for a batch, what the
//! receiver agreed to decompress.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use flymq_protocol::bounds::MAX_VALUES;
use flymq_protocol::{BatchBuilder, Codec, Frame, RecordBatch};

#[path = "wire/kinds.rs"]
mod kinds;

/// Bytes that one value of a payload may cost when it is decoded. The dearest is an entry of a FETCH
/// response that consists of nothing but defaults, while the list of them grows.
const PER_VALUE: usize = 96;
/// The same for requests, which a broker decodes.
const PER_VALUE_OF_A_REQUEST: usize = 48;
/// What error messages and the like may cost besides.
const SLACK: usize = 64 << 10;

/// The system's allocator, with a count of what the current thread holds and the most it ever held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // Fails only while the thread is being torn down.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new block may exist at the same time.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most memory that `work` held at any time, beyond what was held before.
fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = work();
    (result, (MOST.get() - before).max(0) as usize)
}

/// A key and an array of as many units as a payload may hold.
fn filled(key: &[u8], unit: &[u8], values_per_unit: u64) -> Vec<u8> {
    let times = (MAX_VALUES - 16) / values_per_unit;
    let head = [key, &[0xdd], &(times as u32).to_be_bytes()].concat();
    [head, unit.repeat(times as usize)].concat()
}

/// The kinds of message that a payload is meant for, and the payload.
type Hostile = (&'static [&'static str], Vec<u8>);

/// Payloads that are as dear as they can be made: as many small structs as there may be.
fn hostile_payloads() -> Vec<Hostile> {
    let with_topic = |list: &[u8]| [b"\x81\xa6topics\x91\x82\xa5topic\xa0", list].concat();
    let partitions = b"\xaapartitions".as_slice();
    let in_a_topic = |unit: &[u8], values| {
        let list = filled(partitions, unit, values);
        with_topic(&list)
    };
    let in_a_map =
        |key: &[u8], unit: &[u8], values| [&[0x81][..], &filled(key, unit, values)].concat();
    let mut config = b"\x82\xa4name\xa1t\xa6config\xdf".to_vec();
    let entries = MAX_VALUES as u32 / 2 - 8;
    config.extend(entries.to_be_bytes());
    for i in 0..entries {
        config.push(0xa3);
        config.extend([i >> 14, i >> 7, i].map(|bits| bits as u8 & 0x7f));
        config.push(0xa0);
    }
    let record = b"\x82\xabnext_offset\x00\xa6record\x83\xa6offset\x00\xa9timestamp\x00";
    let headers = [&record[..], &filled(b"\xa7headers", b"\x92\xa0\xc4\x00", 3)].concat();
    let entry = b"\x82\xa5topic\xa0\xa9partition\x00";
    let assigned = b"\x82\xa5topic\xa0\xaapartitions\x90";
    vec![
        (&["METADATA request"], in_a_map(b"\xa6topics", &[0xa0], 1)),
        (&["HELLO response"], in_a_map(b"\xaamechanisms", &[0xa0], 1)),
        (&["METADATA response"], in_a_map(b"\xa6topics", b"\x81\xa4name\xa0", 3)),
        (&["LIST_TOPICS response"], in_a_map(b"\xa6topics", b"\x91\xa0", 2)),
        (&["FETCH request"], in_a_map(b"\xa6topics", assigned, 5)),
        (&["FETCH request"], in_a_map(b"\xa6topics", b"\x92\xa0\x90", 3)),
        (&["FETCH request"], in_a_topic(b"\x92\x00\x00", 3)),
        (&["FETCH response"], in_a_map(b"\xa6topics", b"\x91\xa0", 2)),
        (&["FETCH response"], in_a_topic(b"\x81\xa9partition\x00", 3)),
        (&["FETCH response"], in_a_topic(b"\x91\x00", 2)),
        (&["LIST_OFFSETS response"], in_a_map(partitions, b"\x91\x00", 2)),
        (&["DESCRIBE_TOPIC response"], in_a_map(partitions, b"\x93\x00\x00\x00", 4)),
        (&["CREATE_TOPIC request", "ALTER_TOPIC request"], config),
        (&["CONSUME response"], headers),
        (&["COMMIT request", "COMMITTED response"], in_a_map(b"\xa7offsets", entry, 5)),
        (&["COMMIT request", "COMMITTED response"], in_a_map(b"\xa7offsets", b"\x92\xa0\x00", 3)),
        (&["HEARTBEAT request"], in_a_map(b"\xa5owned", assigned, 5)),
        (&["SUBSCRIBE response"], in_a_map(b"\xaaassignment", b"\x92\xa0\x90", 3)),
        (&["PRODUCE request", "PING request"], in_a_map(b"\xa1x", &[0xc0], 1)),
    ]
}

#[test]
fn decoding_a_payload_takes_its_length_and_a_constant() {
    for (kinds, payload) in hostile_payloads() {
        let payload = Bytes::from(payload);
        for name in kinds {
            let kind = kinds::all().into_iter().find(|kind| kind.name == *name).unwrap();
            // Strict kinds miss a field in the end; by then the rest has been decoded.
            let (_, held) = most_held(|| {
                let frame = Frame::new(kind.opcode, payload.clone()).unwrap();
                (kind.decode)(&frame)
            });
            let per_value = if kind.opcode < 0x80 { PER_VALUE_OF_A_REQUEST } else { PER_VALUE };
            let bound = payload.len() + MAX_VALUES as usize * per_value + SLACK;
            assert!(held <= bound, "{name}: {held} bytes for a payload of {}", payload.len());
        }
    }
}

#[test]
fn refusing_a_payload_takes_next_to_nothing() {
    let promised = [0xff; 4];
    for head in [&[0xdd][..], &[0xdf], &[0xc6], &[0xdb], &[0x81, 0xa1, b'x', 0xdd]] {
        let payload = Bytes::from([head, &promised].concat());
        let (frame, held) = most_held(|| Frame::new(1, payload.clone()));
        assert!(frame.is_err());
        assert!(held < SLACK, "{held} bytes for {payload:02x?}");
    }
    let deep = Bytes::from([b"\x81\xa1x".to_vec(), vec![0x91; 1 << 20]].concat());
    let (frame, held) = most_held(|| Frame::new(1, deep.clone()));
    assert!(frame.is_err() && held < SLACK, "{held}");
}

#[test]
fn reading_a_batch_takes_what_the_receiver_agreed_to() {
    let limit = 1 << 20;
    let bomb = vec![0; 64 << 20];
    for codec in [Codec::Lz4, Codec::Zstd] {
        let (_, packed) = codec.compress(bomb.clone().into());
        let mut batch = BatchBuilder::new().build(Codec::None);
        (batch.count, batch.codec) = (1, codec as u8);
        batch.crc32c = crc32c::crc32c(&packed);
        batch.records = packed.into();
        for raw_size in [0, 1, 1000, limit as u32, limit as u32 + 1, 64 << 20, u32::MAX] {
            let batch = RecordBatch { raw_size, ..batch.clone() };
            let (result, held) = most_held(|| batch.validate(limit, limit));
            assert!(result.is_err());
            // Zstandard's own workspace is not ours to count; it is small and fixed.
            assert!(held <= limit + SLACK, "{codec:?}, raw_size {raw_size}: {held} bytes");
        }
    }
}

#[test]
fn blobs_are_not_copied_in_either_direction() {
    use flymq_protocol::messages::{ProduceRequest, Request};
    let mut builder = BatchBuilder::new();
    builder.push(None, Some(&vec![7; 8 << 20]), &[], 0);
    let batch = builder.build(Codec::None);
    let request =
        ProduceRequest { topic: "t".to_owned(), partition: 0, transactional_id: None, batch };
    let op = ProduceRequest::OPCODE as u8;

    let (frame, held) = most_held(|| flymq_protocol::frame::encode(op, 1, &request).unwrap());
    assert!(held < SLACK, "encoding took {held} bytes");

    let payload = frame.to_bytes().slice(7..);
    let (decoded, held) =
        most_held(|| Frame::new(op, payload.clone()).unwrap().decode::<ProduceRequest>().unwrap());
    assert!(held < SLACK, "decoding took {held} bytes");
    let (records, held) = most_held(|| {
        let records = decoded.batch.records(16 << 20).unwrap();
        records.map(|r| r.unwrap().value.unwrap()).collect::<Vec<_>>()
    });
    assert!(held < SLACK, "reading took {held} bytes");
    assert!(payload.as_ptr_range().contains(&records[0].as_ptr()));
}
