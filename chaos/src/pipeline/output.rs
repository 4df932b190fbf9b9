//! What came out of the pipeline, against what went in.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail};
use flymq_core::{Client, FetchOptions};

use super::{KEYS, OUTPUT, PARTITIONS};
use crate::Tally;

/// Reads all committed output, waiting until there are at least so many records. They come in the
/// order of each partition.
pub async fn read(client: &Client, at_least: u64) -> anyhow::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut position = [0; PARTITIONS as usize];
    loop {
        let before = numbers.len();
        for (partition, at) in position.iter_mut().enumerate() {
            loop {
                let max_wait = Duration::from_millis(if at_least > 0 { 20 } else { 0 });
                let options = FetchOptions { max_wait, ..Default::default() };
                let messages = client.fetch(OUTPUT, partition as u32, *at, options).await?;
                let Some(last) = messages.last() else { break };
                *at = last.offset + 1;
                for message in messages {
                    let value = message.value.context("a record without value")?;
                    let text = std::str::from_utf8(&value)?;
                    let number = text.strip_prefix("out ").context("not an output")?;
                    numbers.push(number.parse()?);
                }
            }
        }
        if numbers.len() as u64 >= at_least && numbers.len() == before {
            return Ok(numbers);
        }
    }
}

/// Checks that each number from 0 on came out once, those of a key in order.
pub fn compare(output: &[u64], records: u64, tally: &mut Tally) -> anyhow::Result<()> {
    let mut times = vec![0u64; records as usize];
    let mut last: HashMap<u64, u64> = HashMap::new();
    for &number in output {
        let Some(times) = times.get_mut(number as usize) else {
            bail!("{number} came out, which never went in");
        };
        *times += 1;
        if let Some(before) = last.insert(number % KEYS, number).filter(|&before| before > number) {
            bail!("{number} came out behind {before}, which has the same key");
        }
    }
    tally.records += output.len() as u64;
    tally.lost += times.iter().filter(|&&times| times == 0).count() as u64;
    tally.doubled += times.iter().map(|times| times.saturating_sub(1)).sum::<u64>();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(output: &[u64]) -> anyhow::Result<(u64, u64)> {
        let mut tally = Tally::default();
        compare(output, 3, &mut tally)?;
        Ok((tally.lost, tally.doubled))
    }

    #[test]
    fn every_difference_is_found() {
        assert_eq!(compared(&[2, 0, 1]).unwrap(), (0, 0));
        assert_eq!(compared(&[0, 2]).unwrap(), (1, 0));
        assert_eq!(compared(&[0, 1, 1, 2]).unwrap(), (0, 1));
        assert!(compared(&[0, 1, 2, 3]).is_err(), "nobody sent 3");
        let mut tally = Tally::default();
        assert!(compare(&[KEYS, 0], KEYS + 1, &mut tally).is_err(), "out of order within a key");
    }
}
