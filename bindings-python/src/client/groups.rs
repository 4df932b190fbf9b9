//! Groups from outside.

use flymq_core::Result;
use flymq_python_macros::mirrored;

use super::{AsyncFlyMQClient, Connected, FlyMQClient};
use crate::convert::Start;
use crate::groups::{Description, Lag, Listing, Offsets};

#[mirrored(FlyMQClient, AsyncFlyMQClient)]
impl Connected {
    /// Return the groups that have members or committed offsets, by name, as GroupListing.
    async fn list_groups(self) -> Result<Vec<Listing>> {
        Ok(self.client.list_groups().await?.into_iter().map(Listing).collect())
    }

    /// Return a group and its members as GroupDescription, or raise UnknownGroupError.
    async fn describe_group(self, group: String) -> Result<Description> {
        self.client.describe_group(&group).await.map(Description)
    }

    /// Delete a group that has no members, with its offsets. Raises UnknownGroupError, or
    /// GroupNotEmptyError while it has members.
    async fn delete_group(self, group: String) -> Result<()> {
        self.client.delete_group(&group).await
    }

    /// Return all that a group has committed: TopicPartition → the last offset processed, −1 for
    /// none. Empty for a group that is not known.
    async fn group_offsets(self, group: String) -> Result<Offsets> {
        self.client.group_offsets(&group).await.map(Offsets)
    }

    /// Have a group that has no members go on somewhere else in a topic: in all of its partitions,
    /// or in these. Return what is committed now, as `group_offsets` does.
    ///
    /// `to` is "earliest", "latest", the offset to go on at, or a datetime for the first record of
    /// that time or later. Raises GroupNotEmptyError while the group has members, and
    /// OffsetOutOfRangeError for an offset that is not in the log.
    #[pyo3(signature = (group, topic, to, partitions=None))]
    async fn reset_group_offsets(
        self,
        group: String,
        topic: String,
        to: Start,
        partitions: Option<Vec<u32>>,
    ) -> Result<Offsets> {
        let reset = self.client.reset_group_offsets(&group, &topic, partitions.as_deref(), to.0);
        reset.await.map(Offsets)
    }

    /// Return how far a group is behind, as PartitionLag, in every partition that it has committed
    /// or a member holds.
    async fn group_lag(self, group: String) -> Result<Vec<Lag>> {
        Ok(self.client.group_lag(&group).await?.into_iter().map(Lag).collect())
    }
}
