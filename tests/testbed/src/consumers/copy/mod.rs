//! Copying a file by SMB Direct: from the client to the server by RDMA read, back by RDMA write.

mod client;
mod server;
mod slot;

use std::io;

pub use client::{Client, ClientReport};
pub use server::{Desk, Server, ServerReport};

use super::ndk::Status;
use super::smb2::Smb2Error;
use super::smbd::SmbdError;

/// The port of SMB Direct over RoCE (MS-SMBD 2.1).
pub const PORT: u16 = 445;
/// Bytes moved by one request, at most.
pub const CHUNK: usize = 1 << 20;
/// Requests under way at once.
pub const DEPTH: usize = 8;

/// Why a copy failed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The connection.
    #[error(transparent)]
    Smbd(#[from] SmbdError),
    /// A message that is not one.
    #[error(transparent)]
    Smb2(#[from] Smb2Error),
    /// The file on this machine.
    #[error("{what}: {error}")]
    File {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        error: io::Error,
    },
    /// A side stopped before it had a result.
    #[error("a side stopped before it had a result")]
    Unfinished,
    /// The server refused a request.
    #[error("the server answered with status {0:#010x}")]
    Refused(u32),
    /// An answer that fits no request, or moved another number of bytes than asked.
    #[error("an answer for message {message_id} that says {count} bytes")]
    Answer {
        /// What it names.
        message_id: u64,
        /// What it says.
        count: u32,
    },
}

impl CopyError {
    fn ndk(what: &'static str) -> impl Fn(Status) -> Self {
        move |status| Self::Smbd(SmbdError::Ndk { what, status })
    }

    fn file(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::File { what, error }
    }
}
