//! Options of `flymq user` and `flymq acl`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user
    Add {
        /// The user
        name: String,
        /// A role: admin, producer, consumer, reader, or one of your own; may be repeated
        #[arg(long)]
        role: Vec<String>,
        /// Subject of a client certificate that logs the user in
        #[arg(long, value_name = "SUBJECT")]
        certificate: Option<String>,
        /// The user has no password
        #[arg(long, requires = "certificate")]
        no_password: bool,
        /// The user's password
        #[command(flatten)]
        password: NewPassword,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Change a user's roles or certificate
    Alter {
        /// The user
        name: String,
        /// The roles from now on; may be repeated
        #[arg(long, required_unless_present_any = ["no_roles", "certificate"])]
        role: Vec<String>,
        /// No roles from now on
        #[arg(long, conflicts_with = "role")]
        no_roles: bool,
        /// Subject of the client certificate that logs the user in; empty for none
        #[arg(long, value_name = "SUBJECT")]
        certificate: Option<String>,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Change a user's password
    Passwd {
        /// The user
        name: String,
        /// The user's password
        #[command(flatten)]
        password: NewPassword,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Remove a user, with the rules that name it
    Remove {
        /// The user
        name: String,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// List users
    List {
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

/// Where a new password comes from; it is asked for unless one of these is given.
#[derive(Debug, Args)]
pub struct NewPassword {
    /// Read the new password from standard input, up to the first line break
    #[arg(long)]
    pub password_stdin: bool,
    /// File whose first line is the new password
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub new_password_file: Option<PathBuf>,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum AclCommand {
    /// Add rules
    Add {
        /// The rules
        #[command(flatten)]
        rule: AclRule,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Remove the rules that agree with all that is given
    Remove {
        /// Which rules
        #[command(flatten)]
        selection: AclSelection,
        /// Remove all rules
        #[arg(long, conflicts_with = "selection")]
        all: bool,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// List the rules that agree with all that is given
    List {
        /// Which rules
        #[command(flatten)]
        selection: AclSelection,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
        /// Data folder of a broker that does not run
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

/// Who may, or may not, do what with which resources.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("who").required(true).args(["for_user", "role", "everyone"])))]
#[command(group(clap::ArgGroup::new("what").required(true).args(["allow", "deny"])))]
#[command(group(clap::ArgGroup::new("on").required(true).args(["topic", "group", "transactional_id", "cluster"])))]
pub struct AclRule {
    /// The user whom the rule is about
    #[arg(long = "for", id = "for_user", value_name = "USER")]
    pub for_user: Option<String>,
    /// The role that the rule is about
    #[arg(long)]
    pub role: Option<String>,
    /// The rule is about every user
    #[arg(long)]
    pub everyone: bool,
    /// What to allow: read, write, create, delete, alter, describe or admin, with commas between
    #[arg(long, value_delimiter = ',', value_name = "OPERATIONS")]
    pub allow: Vec<String>,
    /// What to deny
    #[arg(long, value_delimiter = ',', value_name = "OPERATIONS")]
    pub deny: Vec<String>,
    /// A topic; * for all
    #[arg(long)]
    pub topic: Option<String>,
    /// A consumer group; * for all
    #[arg(long)]
    pub group: Option<String>,
    /// A producer's stable name; * for all
    #[arg(long)]
    pub transactional_id: Option<String>,
    /// The broker's users and rules
    #[arg(long)]
    pub cluster: bool,
    /// The name is the beginning of names
    #[arg(long, conflicts_with = "cluster")]
    pub prefix: bool,
}

/// Which rules.
#[derive(Debug, Args)]
#[group(id = "selection", multiple = true)]
pub struct AclSelection {
    /// Those about a principal: user:NAME, role:NAME or *
    #[arg(long)]
    pub principal: Option<String>,
    /// Those that allow, or that deny
    #[arg(long, value_parser = ["allow", "deny"])]
    pub permission: Option<String>,
    /// Those about an operation
    #[arg(long)]
    pub operation: Option<String>,
    /// Those about a kind of resource: topic, group, transactional_id or cluster
    #[arg(long)]
    pub resource: Option<String>,
    /// Those with a pattern of this kind
    #[arg(long, value_parser = ["literal", "prefix"])]
    pub pattern: Option<String>,
    /// Those with this name, or beginning of names
    #[arg(long)]
    pub name: Option<String>,
}
