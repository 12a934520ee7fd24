//! Which driver a world runs: the one that is linked in, or an image file.

use std::env;
use std::path::PathBuf;
use std::rc::Rc;

use crate::ndis::{Driver, StartError};
use crate::nt::image::{Image, ImageError, ImageFile};
use crate::sim::HostId;

/// The environment variable that names the image for every world that does not say otherwise.
pub const DRIVER_VARIABLE: &str = "CXNDK_DRIVER";

/// The image that an environment variable names, as the shell means it: relative to the current directory, and an empty
/// variable is none.
pub fn image_named_by(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// Where the driver's code comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DriverSource {
    /// `src/`, linked into this program.
    #[default]
    Linked,
    /// A `.sys` file.
    Image(PathBuf),
}

/// Why a driver was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Its `DriverEntry`.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl DriverSource {
    /// What [`DRIVER_VARIABLE`] names; without it, or if it is empty, the linked driver.
    pub fn from_environment() -> Self {
        image_named_by(DRIVER_VARIABLE).map_or(Self::Linked, Self::Image)
    }

    /// Loads the driver on `host`, an image at an address of its own, and runs its `DriverEntry`.
    ///
    /// # Errors
    ///
    /// The image cannot be loaded, or `DriverEntry` failed.
    pub fn load(&self, host: HostId) -> Result<Driver, LoadError> {
        match self {
            Self::Linked => Ok(Driver::load(host, cxndk::driver::DriverEntry)?),
            Self::Image(path) => {
                let image = Rc::new(Image::load(&ImageFile::open(path)?)?);
                Ok(Driver::load_image(host, &image)?)
            }
        }
    }
}
