//! Driver images: a `.sys` file is mapped, relocated and bound to the simulated kernel as the NT loader does it.
//!
//! | module | what it does |
//! |---|---|
//! | [`file`] | reads the file and refuses what the loader would refuse |
//! | [`memory`] | places it: sections with their protections, relocations |
//! | [`exports`] | what the simulated kernel's modules export |
//! | [`modules`] | which module an address belongs to, for reports |
//! | [`symbols`] | function names from the PDB beside the file |

mod error;
pub mod exports;
mod file;
mod memory;
mod modules;
mod symbols;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::rc::Rc;

pub use error::{ImageError, Reason};
pub use file::{ImageFile, Version};
pub use modules::{NAMES, describe, is_loaded, return_addresses};

use crate::nt::DriverEntry;
use memory::Mapping;
use modules::Module;

/// An image in memory. Its code may run until [`Self::unload`].
pub struct Image {
    module: Rc<Module>,
    version: Option<Version>,
}

impl Image {
    /// Maps `file` at an address of its own, relocates it and binds its imports.
    ///
    /// # Errors
    ///
    /// An import that the simulated kernel does not have; no memory.
    pub fn load(file: &ImageFile) -> Result<Self, ImageError> {
        let mut mapping = Mapping::new(file)?;
        mapping.copy(file)?;
        mapping.relocate(file)?;
        mapping.bind(file)?;
        mapping.protect(file);
        Ok(Self {
            module: modules::add(file.path(), mapping),
            version: file.version(),
        })
    }

    /// The entry point. The code is there until [`Self::unload`].
    pub fn entry(&self) -> DriverEntry {
        // SAFETY: a native image's entry point is its DriverEntry.
        unsafe { std::mem::transmute::<usize, DriverEntry>(self.module.mapping.entry()) }
    }

    /// Gives back what initialization alone needed: discardable sections are gone from now on.
    pub fn discard(&self) {
        self.module.mapping.discard();
    }

    /// Takes the image out of memory. Its addresses stay reserved to the end of the run, so that a late call is a fault in a
    /// module that is known to be unloaded.
    pub fn unload(&self) {
        self.module.mapping.forget();
        self.module.unloaded.set(true);
    }

    /// Where it lies.
    pub fn base(&self) -> usize {
        self.module.mapping.base()
    }

    /// The file that it came from.
    pub fn path(&self) -> &Path {
        &self.module.path
    }

    /// The version that its resource names.
    pub fn version(&self) -> Option<Version> {
        self.version
    }
}
