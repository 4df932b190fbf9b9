//! Options of `flymq group`.

use clap::Subcommand;

use super::{Format, FromArg};

/// What to do with consumer groups.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List all groups
    List {
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Show a group's members and what they hold
    #[command(visible_alias = "info")]
    Describe {
        /// The group
        group: String,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Show how far a group is behind, partition by partition
    Lag {
        /// The group
        group: String,
        /// Go on showing it, every so many seconds, until Ctrl-C
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
        watch: Option<u64>,
        /// How to print; with --watch, JSON is one object a line
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Set the offsets of a group that has no members
    Reset {
        /// The group
        group: String,
        /// The topic
        topic: String,
        /// Where the group goes on: earliest, latest, an offset, a time such as
        /// 2025-01-31T08:00:00Z, or @ and milliseconds since 1970
        #[arg(long)]
        to: FromArg,
        /// Only this partition; default all
        #[arg(long)]
        partition: Option<u32>,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Delete a group that has no members, with its offsets
    Delete {
        /// The group
        group: String,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
}
