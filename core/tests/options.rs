//! Options by their names, on the builders of a client that is connected.

mod common;

use std::fmt::Debug;

use flymq_core::{
    Client, ClientBuilder, ConsumerBuilder, ProducerBuilder, TransactionalProducerBuilder,
};
use flymq_core::{OptionInfo, Result};

#[tokio::test]
async fn each_default_is_the_one_in_force() {
    let (_dir, _broker, address) = common::broker().await;
    let client = Client::connect(&address).await.unwrap();
    defaults_hold(client.producer(), ProducerBuilder::options(), ProducerBuilder::set);
    defaults_hold(client.consumer(), ConsumerBuilder::options(), ConsumerBuilder::set);
    defaults_hold(
        client.transactional_producer("billing"),
        TransactionalProducerBuilder::options(),
        TransactionalProducerBuilder::set,
    );
}

fn defaults_hold<B: Clone + Debug>(
    builder: B,
    options: impl Iterator<Item = &'static OptionInfo>,
    set: impl Fn(B, &str, &str) -> Result<B>,
) {
    for OptionInfo { name, default, .. } in options.filter(|option| !option.default.is_empty()) {
        let with_default = set(builder.clone(), name, default).unwrap();
        assert_eq!(format!("{with_default:?}"), format!("{builder:?}"), "{name}");
        assert!(set(builder.clone(), name, "\u{1f980}").is_err(), "{name}");
    }
}

#[tokio::test]
async fn an_option_by_name_does_what_its_method_does() {
    let (_dir, _broker, address) = common::broker().await;
    let client = Client::connect(&address).await.unwrap();
    let error = client.producer().set("max_in_flight", "6").unwrap().build().err().unwrap();
    assert_eq!(error.name(), "INVALID_ARGUMENT");
    let error = client.producer().set("linger", "5").unwrap_err();
    assert_eq!(error.message(), "there is no option \"linger\"; is it linger_ms?");
    let transactional = || client.transactional_producer("billing");
    assert!(transactional().set("delivery_timeout_ms", "5").is_err());
    let both = transactional().set("transaction_timeout_ms", "0").unwrap().set("linger_ms", "0");
    assert!(both.unwrap().build().await.is_err());
}

/// `BLESS=1` writes the page.
#[test]
fn the_page_lists_all_options() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/options.md");
    let written = std::fs::read_to_string(page).unwrap();
    let mut expected = written.split("\n## ").next().unwrap().trim_end().to_owned();
    let sections: [(&str, Vec<&OptionInfo>); 4] = [
        ("Client", ClientBuilder::options().collect()),
        ("Producer", ProducerBuilder::options().collect()),
        ("Transactional producer", TransactionalProducerBuilder::options().collect()),
        ("Consumer", ConsumerBuilder::options().collect()),
    ];
    for (heading, options) in sections {
        expected += &format!("\n\n## {heading}\n\n| option | default | |\n| --- | --- | --- |\n");
        let rows = options.iter().map(|OptionInfo { name, default, doc, secret }| {
            let default = if default.is_empty() { String::new() } else { format!("`{default}` ") };
            let secret = if *secret { " Not in a URL." } else { "" };
            format!("| `{name}` | {default}| {doc}{secret} |")
        });
        expected += &rows.collect::<Vec<_>>().join("\n");
    }
    expected += "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(page, expected).unwrap();
    } else {
        assert!(written == expected, "docs/options.md is out of date; run this test with BLESS=1");
    }
}
