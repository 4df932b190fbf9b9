//! Options of `flymq topic`.

use clap::Subcommand;

use super::{Format, key_value};

/// What to do with topics.
#[derive(Debug, Subcommand)]
pub enum TopicCommand {
    /// Create a topic
    Create {
        /// Its name: 1 to 249 of a-z A-Z 0-9 . _ -
        name: String,
        /// How many partitions
        #[arg(long, default_value_t = 1)]
        partitions: u32,
        /// A configuration key, as key=value; may be repeated
        #[arg(long = "config", value_name = "KEY=VALUE", value_parser = key_value)]
        config: Vec<(String, String)>,
        /// Succeed without a change if the topic is there already
        #[arg(long)]
        if_not_exists: bool,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Delete a topic and its records
    Delete {
        /// The topic
        name: String,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// List all topics
    List {
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Show a topic's configuration and offsets
    #[command(visible_alias = "info")]
    Describe {
        /// The topic
        name: String,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Change a topic's configuration
    Alter {
        /// The topic
        name: String,
        /// A key to set, as key=value; may be repeated
        #[arg(
            long,
            value_name = "KEY=VALUE",
            value_parser = key_value,
            required_unless_present = "unset"
        )]
        set: Vec<(String, String)>,
        /// A key to put back to its default; may be repeated
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Raise a topic's number of partitions
    AddPartitions {
        /// The topic
        name: String,
        /// The new number of partitions; keys may land in other partitions from then on
        partitions: u32,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
}
