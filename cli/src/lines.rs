//! Lines of a file or of standard input, read on a thread of their own: a read that waits for a
//! person must not hold anything else up.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::mpsc;

const BUFFER: usize = 256 << 10;
/// How many chunks may wait to be sent.
const CHUNKS: usize = 4;

/// Whole lines that were read together.
pub struct Chunk {
    pub lines: Vec<Bytes>,
    /// Bytes read for them, newlines included.
    pub bytes: u64,
}

/// Where lines come from.
pub struct Source {
    reader: Box<dyn Read + Send>,
    /// How many bytes there will be, if that is known.
    pub size: Option<u64>,
}

impl Source {
    pub fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = file else {
            return Ok(Self { reader: Box::new(std::io::stdin()), size: None });
        };
        let what = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(what)?;
        let meta = file.metadata().with_context(what)?;
        anyhow::ensure!(!meta.is_dir(), "cannot read {}: it is a folder", path.display());
        Ok(Self { reader: Box::new(file), size: Some(meta.len()).filter(|_| meta.is_file()) })
    }

    /// Starts reading. The channel ends with the input, or with why it could not be read.
    pub fn start(self) -> mpsc::Receiver<std::io::Result<Chunk>> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        // Not joined: it may wait for input that never comes while the command ends.
        std::thread::spawn(move || {
            let mut reader = BufReader::with_capacity(BUFFER, self.reader);
            loop {
                match read(&mut reader) {
                    Ok(chunk) if chunk.lines.is_empty() => return,
                    Ok(chunk) => {
                        if sender.blocking_send(Ok(chunk)).is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        let _ = sender.blocking_send(Err(error));
                        return;
                    }
                }
            }
        });
        receiver
    }
}

/// One line, and those that came with it. Without lines at the end of the input.
fn read(reader: &mut BufReader<impl Read>) -> std::io::Result<Chunk> {
    let mut chunk = Chunk { lines: Vec::new(), bytes: 0 };
    loop {
        let mut line = Vec::new();
        let bytes = reader.read_until(b'\n', &mut line)?;
        if bytes == 0 {
            return Ok(chunk);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        chunk.lines.push(line.into());
        chunk.bytes += bytes as u64;
        if !reader.buffer().contains(&b'\n') {
            return Ok(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &'static [u8], capacity: usize) -> (Vec<Vec<u8>>, u64) {
        let mut reader = BufReader::with_capacity(capacity, input);
        let (mut lines, mut bytes) = (Vec::new(), 0);
        loop {
            let chunk = read(&mut reader).unwrap();
            if chunk.lines.is_empty() {
                return (lines, bytes);
            }
            lines.extend(chunk.lines.iter().map(|l| l.to_vec()));
            bytes += chunk.bytes;
        }
    }

    #[test]
    fn every_line_comes_whatever_the_buffer() {
        for capacity in [1, 2, 3, 5, 100] {
            let (lines, bytes) = all(b"one\n\nthree\r\nlast", capacity);
            assert_eq!(lines, [&b"one"[..], b"", b"three\r", b"last"], "{capacity}");
            assert_eq!(bytes, 16);
        }
        assert_eq!(all(b"", 10), (vec![], 0));
        assert_eq!(all(b"\n", 10), (vec![vec![]], 1));
    }
}
