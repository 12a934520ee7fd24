//! Which driver a world runs: the one that is linked in, or an image file.

use std::env;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::ndis::{Driver, StartError};
use crate::nt::image::{Image, ImageError, ImageFile};
use crate::sim::HostId;

/// The environment variable that names the image for every world that does not say otherwise.
pub const DRIVER_VARIABLE: &str = "CXNDK_DRIVER";

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
    /// What [`DRIVER_VARIABLE`] names, relative to the workspace; without it the linked driver.
    pub fn from_environment() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        env::var_os(DRIVER_VARIABLE).map_or(Self::Linked, |path| Self::Image(workspace.join(path)))
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
