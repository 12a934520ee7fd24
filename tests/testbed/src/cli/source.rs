//! The file to copy: one that the user names, or a generated one.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
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

/// Which file it is, whatever its names: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    /// Of the file that a path leads to, if there is one.
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }

    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

/// An open file and its length.
pub(super) struct Source {
    pub(super) file: File,
    pub(super) length: u64,
    /// The file that the user gave, if one was given.
    pub(super) identity: Option<Identity>,
}

impl Source {
    /// The file that `path` names; `-` is standard input.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Self::standard_input();
        }
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
            identity: Some(Identity::of(&kind)),
        })
    }

    /// All that standard input has, in a file of this run: it is read twice, and its length is asked first.
    fn standard_input() -> Result<Self, SourceError> {
        let unreadable = |error| SourceError::Unreadable {
            path: "standard input".into(),
            error,
        };
        let input = io::stdin().lock();
        let handle = File::from(input.as_fd().try_clone_to_owned().map_err(unreadable)?);
        let kind = handle.metadata().map_err(unreadable)?;
        if kind.is_dir() {
            return Err(SourceError::Directory("standard input".into()));
        }
        let mut file = tempfile::tempfile().map_err(SourceError::Temporary)?;
        Ok(Self {
            length: copy(input, &mut file)?,
            file,
            identity: kind.is_file().then(|| Identity::of(&kind)),
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
            identity: None,
        })
    }
}

/// Copies everything; an error says on which side it was.
fn copy(mut from: impl io::Read, to: &mut File) -> Result<u64, SourceError> {
    let (mut chunk, mut length) = (vec![0; 1 << 20], 0);
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return Ok(length),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(SourceError::Unreadable {
                    path: "standard input".into(),
                    error,
                });
            }
        };
        to.write_all(&chunk[..count]).map_err(SourceError::Temporary)?;
        length += count as u64;
    }
}
