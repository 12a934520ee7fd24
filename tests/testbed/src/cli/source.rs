//! The file to copy: one that the user names, or a generated one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Bytes of the generated file.
pub(super) const GENERATED: u64 = 64 << 20;

/// Why there is nothing to copy.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The path names a directory.
    #[error("{0} is a directory")]
    Directory(PathBuf),
    /// The path names a device, a socket or a pipe.
    #[error("{0} is not a regular file")]
    Special(PathBuf),
    /// The operating system does not give it.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A file for this run could not be made.
    #[error("cannot make a temporary file: {0}")]
    Temporary(io::Error),
}

/// An open file and its length.
pub(super) struct Source {
    pub(super) file: File,
    pub(super) length: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |error| SourceError::Unreadable {
            path: path.to_owned(),
            error,
        };
        // Asked before opening: to open a pipe is to wait for its writer.
        let kind = fs::metadata(path).map_err(unreadable)?;
        if kind.is_dir() {
            return Err(SourceError::Directory(path.to_owned()));
        }
        if !kind.is_file() {
            return Err(SourceError::Special(path.to_owned()));
        }
        let file = File::open(path).map_err(unreadable)?;
        Ok(Self {
            length: kind.len(),
            file,
        })
    }

    /// A file of [`GENERATED`] bytes that are a function of the seed.
    pub(super) fn generate(seed: u64) -> Result<Self, SourceError> {
        let mut file = tempfile::tempfile().map_err(SourceError::Temporary)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut chunk = vec![0; 1 << 20];
        for _ in 0..GENERATED / chunk.len() as u64 {
            random.fill_bytes(&mut chunk);
            file.write_all(&chunk).map_err(SourceError::Temporary)?;
        }
        Ok(Self {
            file,
            length: GENERATED,
        })
    }
}
