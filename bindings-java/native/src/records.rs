//! Records as Java reads them: runs of one partition, which Java can pass over, with their records one
//! behind the other, which it decodes when it comes to them.

use flymq_core::Message;

use crate::wire::Out;

/// Bytes of a record beside its key, value and headers.
const OVERHEAD: usize = 28;

/// Writes the number of runs, and each with its topic, partition, number of records, and length.
pub fn write(out: &mut Out, messages: &[Message]) {
    let same_run = |a: &Message, b: &Message| a.partition == b.partition && a.topic == b.topic;
    out.0.reserve(messages.iter().map(size).sum());
    out.length(messages.chunk_by(same_run).count());
    for run in messages.chunk_by(same_run) {
        out.text(&run[0].topic).u32(run[0].partition).length(run.len()).u32(0);
        let begin = out.0.len();
        run.iter().for_each(|message| record(out, message));
        let length = (out.0.len() - begin) as u32;
        out.0[begin - 4..begin].copy_from_slice(&length.to_be_bytes());
    }
}

fn size(message: &Message) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    OVERHEAD + length(&message.key) + length(&message.value)
}

fn record(out: &mut Out, message: &Message) {
    out.u64(message.offset).i64(message.timestamp);
    out.bytes(message.key.as_deref()).bytes(message.value.as_deref());
    out.list(&message.headers, |out, (name, value)| {
        out.text(name).bytes(value.as_deref());
    });
}
