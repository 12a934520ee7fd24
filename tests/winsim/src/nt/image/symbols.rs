//! Function names of an image, from the PDB beside it.

use std::fs::File;
use std::path::Path;

use pdb_addr2line::ContextPdbData;
use pdb_addr2line::pdb::PDB;

/// The symbols of one image.
pub(super) struct Symbols(ContextPdbData<'static, 'static, File>);

impl Symbols {
    /// The PDB of the image's name in the image's directory, if there is one that can be read.
    pub(super) fn beside(image: &Path) -> Option<Self> {
        let file = File::open(image.with_extension("pdb")).ok()?;
        let pdb = PDB::open(file).ok()?;
        ContextPdbData::try_from_pdb(pdb).ok().map(Self)
    }

    /// The function at an offset from the base, with file and line where known.
    pub(super) fn function(&self, offset: u32) -> Option<String> {
        let context = self.0.make_context().ok()?;
        let found = context.find_frames(offset).ok()??;
        let frame = found.frames.first()?;
        let name = frame.function.clone()?;
        match (&frame.file, frame.line) {
            (Some(file), Some(line)) => Some(format!("{name}, {file}:{line}")),
            _ => Some(name),
        }
    }
}
