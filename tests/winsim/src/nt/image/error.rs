//! Why an image is not loaded.

use std::io;
use std::path::PathBuf;

/// Why an image is not loaded.
#[derive(Debug, thiserror::Error)]
#[error("cannot load the driver {}: {reason}", path.display())]
pub struct ImageError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with an image.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A structure of the file is not what the format says.
    #[error("{what}: {error}")]
    Corrupt {
        /// Which structure.
        what: &'static str,
        /// How it is broken.
        error: object::read::Error,
    },
    /// The format allows it, the loader does not.
    #[error("{0}")]
    Refused(String),
    /// The system has no function of this name, or no such module.
    #[error("it imports {name} from {module}, which the simulated system does not export")]
    UnknownImport {
        /// The module.
        module: String,
        /// The function.
        name: String,
    },
}

impl Reason {
    /// Something that is refused, said in words.
    pub fn refused(what: impl Into<String>) -> Self {
        Self::Refused(what.into())
    }

    /// A broken structure.
    pub fn corrupt(what: &'static str) -> impl FnOnce(object::read::Error) -> Self {
        move |error| Self::Corrupt { what, error }
    }
}
