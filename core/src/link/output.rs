//! What is still to be written to a socket, and TLS if the connection is secured.
//!
//! TLS stands between frames and socket in both directions and is one state machine, so whoever
//! writes or decrypts holds the lock around this.

use std::collections::VecDeque;
use std::io::{self, BufRead, IoSlice, Write};

use bytes::{Buf, Bytes, BytesMut};
use rustls::ClientConnection;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// How many parts are handed on in one call.
const MAX_SLICES: usize = 64;

pub(super) struct Output {
    parts: VecDeque<Bytes>,
    tls: Option<Box<ClientConnection>>,
}

impl Output {
    pub fn new(tls: Option<ClientConnection>) -> Self {
        Self { parts: VecDeque::new(), tls: tls.map(Box::new) }
    }

    pub fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether nothing is left to be written.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.tls.as_ref().is_none_or(|tls| !tls.wants_write())
    }

    pub fn extend(&mut self, parts: impl IntoIterator<Item = Bytes>) {
        self.parts.extend(parts);
    }

    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// Writes as much as the socket takes. Returns whether that was all.
    pub fn push_out(&mut self, socket: &TcpStream) -> io::Result<bool> {
        match self.write(socket) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn write(&mut self, socket: &TcpStream) -> io::Result<()> {
        loop {
            // What is encrypted goes first.
            if let Some(tls) = &mut self.tls {
                while tls.wants_write() {
                    tls.write_tls(&mut Socket(socket))?;
                }
            }
            if self.parts.is_empty() {
                return Ok(());
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (slice, part) in slices.iter_mut().zip(&self.parts) {
                *slice = IoSlice::new(part);
                count += 1;
            }
            let slices = &slices[..count];
            let mut written = match &mut self.tls {
                None => send(socket, slices)?,
                Some(tls) => tls.writer().write_vectored(slices)?,
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            while let Some(part) = self.parts.front_mut() {
                if written < part.len() {
                    part.advance(written);
                    break;
                }
                written -= part.len();
                self.parts.pop_front();
            }
        }
    }

    /// Decrypts what was read from the socket.
    pub fn open(&mut self, mut sealed: &[u8], input: &mut BytesMut) -> Result<(), rustls::Error> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        loop {
            if !sealed.is_empty() {
                // It takes from a slice without failing, once what it decrypted has been fetched.
                tls.read_tls(&mut sealed).map_err(|e| rustls::Error::General(e.to_string()))?;
            }
            tls.process_new_packets()?;
            let mut reader = tls.reader();
            while let Ok(chunk @ [_, ..]) = reader.fill_buf() {
                let taken = chunk.len();
                input.extend_from_slice(chunk);
                reader.consume(taken);
            }
            if sealed.is_empty() {
                return Ok(());
            }
        }
    }
}

/// As `try_write_vectored`, but without SIGPIPE where the other side is gone: Rust's programs ignore
/// that signal, while it would end a program in C.
fn send(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(target_vendor = "apple")]
    const FLAGS: i32 = 0; // The standard library sets SO_NOSIGPIPE there.
    #[cfg(not(target_vendor = "apple"))]
    const FLAGS: i32 = libc::MSG_NOSIGNAL;
    socket.try_io(Interest::WRITABLE, || {
        SockRef::from(socket).send_vectored_with_flags(slices, FLAGS)
    })
}

/// The socket as something that takes bytes or says that it would block.
struct Socket<'a>(&'a TcpStream);

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        send(self.0, slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
