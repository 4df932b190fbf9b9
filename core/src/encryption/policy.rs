//! What a consumer does about records that it cannot decrypt.

/// What a consumer does about a record that it cannot decrypt, for want of the key or because it was
/// altered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnUndecryptable {
    /// `poll` returns the error, once, and reads the partition no further. Its position stays at the
    /// record; seek to it to try again, or past it to go on without it.
    #[default]
    Error,
    /// Go on without it. Counted as `skipped_records`, and logged once a minute.
    Skip,
    /// Send it as it is to another topic and go on, once it is stored there. Counted as
    /// `dead_letters`. While it cannot be stored there, `poll` returns why and the position stays.
    DeadLetter {
        /// The topic to send to, which must exist. Without one it is the record's, with `.dlq` behind.
        topic: Option<String>,
    },
}
