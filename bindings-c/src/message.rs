//! `flymq_batch` and `flymq_message`: records that were read, as views of the memory they came in.

use std::ffi::{CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

use bytes::Bytes;
use flymq_core::Message;

use crate::boundary::{self, given, invalid, put};
use crate::error::flymq_error;
use crate::text::c_string;

/// Records that were read. It never changes; any thread may read it.
///
/// What its messages point to lives until the batch is freed, also when the client is closed before.
/// Whoever got it from a function frees it with flymq_batch_free(). One that belongs to an event is
/// freed with the event.
pub struct flymq_batch {
    views: Vec<flymq_message>,
    /// What the views point to. Neither changes as long as the batch lives.
    _messages: Vec<Message>,
    _topics: Vec<CString>,
}

/// A record that was read. It belongs to its batch, and is never freed by itself.
pub struct flymq_message {
    message: NonNull<Message>,
    topic: NonNull<c_char>,
}

// SAFETY: what a view points to never changes.
unsafe impl Send for flymq_message {}
// SAFETY: as above.
unsafe impl Sync for flymq_message {}

impl flymq_message {
    pub fn content(&self) -> &Message {
        // SAFETY: the batch that the view belongs to keeps the message where it is.
        unsafe { self.message.as_ref() }
    }
}

impl flymq_batch {
    /// Messages are large, and stay where the core has put them.
    pub fn new(messages: Vec<Message>) -> Self {
        let mut topics = Vec::new();
        let mut last: Option<(&Arc<str>, NonNull<c_char>)> = None;
        let mut views = Vec::with_capacity(messages.len());
        for message in &messages {
            let topic = match last {
                Some((name, topic)) if Arc::ptr_eq(name, &message.topic) => topic,
                _ => {
                    let text = c_string(&message.topic);
                    let topic = NonNull::from(text.as_bytes_with_nul()).cast();
                    topics.push(text);
                    last = Some((&message.topic, topic));
                    topic
                }
            };
            views.push(flymq_message { message: NonNull::from(message), topic });
        }
        Self { views, _messages: messages, _topics: topics }
    }
}

/// A pointer to bytes, and how many there are; NULL and 0 for none.
fn view(bytes: Option<&Bytes>, len: Option<&mut MaybeUninit<usize>>) -> *const c_void {
    put(len, bytes.map_or(0, |bytes| bytes.len()));
    bytes.map_or(std::ptr::null(), |bytes| bytes.as_ptr().cast())
}

/// How many messages there are. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_batch_count(batch: Option<&flymq_batch>) -> usize {
    boundary::get(0, || Some(batch?.views.len()))
}

/// A message, counted from 0; it lives as long as the batch. NULL for one that there is not.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_batch_message(
    batch: Option<&flymq_batch>,
    index: usize,
) -> *const flymq_message {
    boundary::get(std::ptr::null(), || Some(std::ptr::from_ref(batch?.views.get(index)?)))
}

/// Frees a batch that a function gave to the caller, with all that its messages point to. Not for one
/// borrowed from an event. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_batch_free(batch: Option<Box<flymq_batch>>) {
    boundary::free(batch);
}

/// The topic. It lives as long as the batch; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_topic(message: Option<&flymq_message>) -> *const c_char {
    boundary::get(std::ptr::null(), || Some(message?.topic.as_ptr().cast_const()))
}

/// The partition. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_partition(message: Option<&flymq_message>) -> u32 {
    boundary::get(0, || Some(message?.content().partition))
}

/// The position in the partition. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_offset(message: Option<&flymq_message>) -> u64 {
    boundary::get(0, || Some(message?.content().offset))
}

/// When it happened, in milliseconds since 1970. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_timestamp(message: Option<&flymq_message>) -> i64 {
    boundary::get(0, || Some(message?.content().timestamp))
}

/// The key, which does not end with a NUL; `len` gets its length. It is not copied, and lives as long as
/// the batch. NULL and 0 for a message without a key, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_key(
    message: Option<&flymq_message>,
    len: Option<&mut MaybeUninit<usize>>,
) -> *const c_void {
    boundary::get(std::ptr::null(), || {
        Some(view(message.and_then(|message| message.content().key.as_ref()), len))
    })
}

/// The value, which does not end with a NUL; `len` gets its length. It is not copied, and lives as long
/// as the batch. NULL and 0 for a message without a value, which marks its key as deleted, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_value(
    message: Option<&flymq_message>,
    len: Option<&mut MaybeUninit<usize>>,
) -> *const c_void {
    boundary::get(std::ptr::null(), || {
        Some(view(message.and_then(|message| message.content().value.as_ref()), len))
    })
}

/// How many headers there are. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_header_count(message: Option<&flymq_message>) -> usize {
    boundary::get(0, || Some(message?.content().headers.len()))
}

/// A header, counted from 0, as views that do not end with a NUL; NULL and 0 for a value that there
/// is not. Each place may be NULL.
///
/// Errors: INVALID_ARGUMENT for a header that there is not.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_message_header(
    message: Option<&flymq_message>,
    index: usize,
    name: Option<&mut MaybeUninit<*const c_char>>,
    name_len: Option<&mut MaybeUninit<usize>>,
    value: Option<&mut MaybeUninit<*const c_void>>,
    value_len: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let message = given(message, "message")?.content();
        let header = message.headers.get(index);
        let (key, bytes) = header.ok_or_else(|| invalid(format!("there is no header {index}")))?;
        put(name, key.as_ptr().cast());
        put(name_len, key.len());
        put(value, view(bytes.as_ref(), value_len));
        Ok(())
    })
}
