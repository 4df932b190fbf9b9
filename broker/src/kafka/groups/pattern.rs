//! Topics by regular expression. Kafka would match its own topics and the gateways', too.

/// Everything, as it is mostly written.
const ANYTHING: &str = ".*";
/// Everything but what begins with two underscores. An expression cannot say more of that.
const ANYTHING_OF_OURS: &str = "(?:|_|[^_].*|_[^_].*)";

/// A pattern for Kafka. Partitions of hidden topics that it matches all the same would count when
/// Kafka spreads partitions evenly, although nobody reads them.
pub fn to_kafka(pattern: &str) -> String {
    match pattern.strip_prefix(ANYTHING) {
        // Only where it is not one of several choices, and not itself repeated.
        Some(rest) if !rest.contains('|') && !rest.starts_with(['?', '*', '+', '{']) => {
            format!("{ANYTHING_OF_OURS}{rest}")
        }
        _ => pattern.to_owned(),
    }
}

/// The pattern that was given.
pub fn from_kafka(pattern: &str) -> String {
    match pattern.strip_prefix(ANYTHING_OF_OURS) {
        Some(rest) => format!("{ANYTHING}{rest}"),
        None => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    fn matches(pattern: &str, topic: &str) -> bool {
        Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap().is_match(topic)
    }

    #[test]
    fn everything_is_everything_but_hidden_topics() {
        for (pattern, seen, hidden) in [
            (
                ".*",
                &["a", "orders", "_", "_a", "a__b"][..],
                &["__a", "__consumer_offsets", "__"][..],
            ),
            (".*-log", &["a-log", "-log", "_-log", "_a-log"], &["__a-log"]),
        ] {
            let given = to_kafka(pattern);
            assert!(seen.iter().all(|topic| matches(pattern, topic) && matches(&given, topic)));
            assert!(hidden.iter().all(|topic| matches(pattern, topic) && !matches(&given, topic)));
            assert_eq!(from_kafka(&given), pattern);
        }
    }

    #[test]
    fn other_patterns_stay() {
        for pattern in ["orders-.*", ".*?a", ".*{2}", ".*|a", "a|b", "(.*)", ""] {
            assert_eq!(to_kafka(pattern), pattern);
            assert_eq!(from_kafka(pattern), pattern);
        }
    }
}
