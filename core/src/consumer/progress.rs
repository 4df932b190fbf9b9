//! How far the application has come in a partition, and how far that is committed.
//!
//! Kept as positions, that is as the offset to go on at.

/// Decides what auto-commit stores: only what the application has come back for, and never less than
/// was committed already, unless the application went back by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Everything before it has been processed. `None` until the next poll after a seek.
    processed: Option<u64>,
    /// What was last committed, or is on its way.
    committed: Option<u64>,
    /// Whether that commit failed.
    failed: bool,
}

impl Progress {
    /// Beginning at `committed`, if anything is.
    pub fn new(committed: Option<u64>) -> Self {
        Self { processed: None, committed, failed: false }
    }

    /// The application came back for more: all before `position` is processed.
    pub fn came_back(&mut self, position: u64) {
        self.processed = Some(position);
    }

    /// The position was set to somewhere else.
    pub fn sought(&mut self) {
        *self = Self::default();
    }

    /// `position` is about to be committed.
    pub fn committing(&mut self, position: u64) {
        self.committed = Some(position);
        self.failed = false;
    }

    /// The last commit did not succeed.
    pub fn failed(&mut self) {
        self.failed = true;
    }

    /// What auto-commit has to store now, if anything.
    pub fn due(&self) -> Option<u64> {
        let ahead = |committed: u64| {
            move |&processed: &u64| processed > committed || (processed == committed && self.failed)
        };
        match self.committed {
            None => self.processed,
            Some(committed) => self.processed.filter(ahead(committed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_application_came_back_for_is_due() {
        let mut progress = Progress::new(Some(5));
        assert_eq!(progress.due(), None);
        progress.came_back(5);
        assert_eq!(progress.due(), None);
        progress.came_back(8);
        assert_eq!(progress.due(), Some(8));
        progress.committing(8);
        assert_eq!(progress.due(), None);
        progress.failed();
        assert_eq!(progress.due(), Some(8));
    }

    #[test]
    fn it_goes_back_only_with_the_application() {
        let mut progress = Progress::new(None);
        progress.came_back(5);
        // By hand, further than what the application has come back for.
        progress.committing(10);
        assert_eq!(progress.due(), None);
        progress.failed();
        assert_eq!(progress.due(), None);
        progress.sought();
        assert_eq!(progress.due(), None);
        progress.came_back(3);
        assert_eq!(progress.due(), Some(3));
    }
}
