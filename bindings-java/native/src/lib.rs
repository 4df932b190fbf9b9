//! The native library of the Java client.
//!
//! | module | holds |
//! | --- | --- |
//! | [`exports`] | the methods of the Java class `Native`: the only code that talks to the JVM |
//! | [`call`] | running a call: at once if it can be, else in the background |
//! | [`completions`] | answers that come later, drained in batches by a Java thread |
//! | [`wire`] | arguments and answers as bytes, both languages' halves of a call |
//! | [`handles`] | what stands behind Java objects, by number |
//! | [`host`] | the threads that serve a client |
//! | [`client`], [`pool`] | `FlyMQClient`, `FlyMQClientPool` |
//! | [`admin`], [`groups`], [`access`] | `Admin`: topics; groups; users and what they may do |
//! | [`sender`] | records on their way, for [`producer`] and [`transaction`] |
//! | [`consumer`], [`records`] | `Consumer`, and records as Java reads them |
//! | [`encryption`], [`embedded`] | `Keyring`, `EmbeddedBroker` |
//! | [`options`] | `OptionInfo` |
//! | [`logs`] | log lines on their way to SLF4J |
//!
//! Nothing here decides anything: values are converted, the core is called, errors are mapped. No
//! call waits: what is not ready goes on in the background and is answered by its id.

mod access;
mod admin;
mod call;
mod client;
mod completions;
mod consumer;
mod embedded;
mod encryption;
mod exports;
mod groups;
mod handles;
mod host;
mod logs;
mod options;
mod pool;
mod producer;
mod records;
mod sender;
mod transaction;
mod wire;
