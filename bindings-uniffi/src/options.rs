//! Options by name, as the builders take them.

use std::collections::HashMap;

use flymq_core::{
    ClientBuilder, ConsumerBuilder, OptionInfo, ProducerBuilder, TransactionalProducerBuilder,
};

/// Options by name, with their values as text.
pub type Options = HashMap<String, String>;

/// An option that can be set by its name.
#[derive(Clone, Debug, uniffi::Record)]
pub struct OptionDescription {
    /// Its name. One that ends in `_ms` takes milliseconds, one in `_bytes` bytes, one in `_file` the
    /// path of a file.
    pub name: String,
    /// Its value where it is not set, empty for none.
    pub default_value: String,
    /// What it does, in a sentence.
    pub doc: String,
    /// Whether it must not be shown.
    pub secret: bool,
}

fn described(options: impl Iterator<Item = &'static OptionInfo>) -> Vec<OptionDescription> {
    let described = |option: &OptionInfo| OptionDescription {
        name: option.name.to_owned(),
        default_value: option.default.to_owned(),
        doc: option.doc.to_owned(),
        secret: option.secret,
    };
    options.map(described).collect()
}

/// The options of a client.
#[uniffi::export]
pub fn client_options() -> Vec<OptionDescription> {
    described(ClientBuilder::options())
}

/// The options of a producer.
#[uniffi::export]
pub fn producer_options() -> Vec<OptionDescription> {
    described(ProducerBuilder::options())
}

/// The options of a transactional producer.
#[uniffi::export]
pub fn transactional_producer_options() -> Vec<OptionDescription> {
    described(TransactionalProducerBuilder::options())
}

/// The options of a consumer.
#[uniffi::export]
pub fn consumer_options() -> Vec<OptionDescription> {
    described(ConsumerBuilder::options())
}
