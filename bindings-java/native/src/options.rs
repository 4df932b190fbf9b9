//! The options that there are, as the core has them.

use flymq_core::{
    ClientBuilder, ConsumerBuilder, Error, ErrorCode, OptionInfo, ProducerBuilder, Result,
    TransactionalProducerBuilder,
};

use crate::call::Job;
use crate::wire::{Args, Out};

/// All options of what is named.
pub fn list(_: u64, args: &mut Args) -> Result<Job> {
    let options: Vec<&OptionInfo> = match args.text()?.as_str() {
        "client" => ClientBuilder::options().collect(),
        "producer" => ProducerBuilder::options().collect(),
        "consumer" => ConsumerBuilder::options().collect(),
        "transactional producer" => TransactionalProducerBuilder::options().collect(),
        other => {
            let message = format!("a {other} has no options");
            return Err(Error::new(ErrorCode::InvalidArgument, "options", message));
        }
    };
    let mut out = Out::empty();
    out.list(options, |out, option| {
        out.text(option.name).text(option.default).text(option.doc).flag(option.secret);
    });
    Ok(Job::Done(out))
}
