//! An image's memory: where it lies, what is written into it before its code runs, what may be done with which page.

use std::ptr;

use super::error::{ImageError, Reason};
use super::exports;
use super::file::{ImageFile, PAGE, Section};

/// Address space that holds an image.
pub(super) struct Mapping {
    base: usize,
    size: usize,
    entry: usize,
    discardable: Vec<(usize, usize)>,
}

impl Mapping {
    /// Reserves address space of the image's size, where the system finds room: never where the image would like to be.
    pub(super) fn new(file: &ImageFile) -> Result<Self, ImageError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new anonymous mapping touches nothing that is there.
        let base = unsafe { libc::mmap(ptr::null_mut(), file.size, access, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(file.fail(std::io::Error::last_os_error().into()));
        }
        let discardable = file.sections.iter().filter(|section| section.discardable);
        Ok(Self {
            base: base as usize,
            size: file.size,
            entry: base as usize + file.entry,
            discardable: discardable.map(|section| (section.start, section.size)).collect(),
        })
    }

    pub(super) fn base(&self) -> usize {
        self.base
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn entry(&self) -> usize {
        self.entry
    }

    /// The image's bytes, while they may be written: before [`Self::protect`].
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is ours, as long as it says, and nothing else refers to it yet.
        unsafe { std::slice::from_raw_parts_mut(self.base as *mut u8, self.size) }
    }

    /// Headers and sections, from the file.
    pub(super) fn copy(&mut self, file: &ImageFile) -> Result<(), ImageError> {
        let truncated = |what: &str| file.fail(Reason::refused(format!("the file ends within {what}")));
        let headers = file
            .bytes()
            .get(..file.headers)
            .ok_or_else(|| truncated("the headers"))?;
        self.bytes()[..headers.len()].copy_from_slice(headers);
        for section in &file.sections {
            let contents = file
                .bytes()
                .get(section.raw.clone())
                .ok_or_else(|| truncated(&section.name))?;
            self.bytes()[section.start..section.start + contents.len()].copy_from_slice(contents);
        }
        Ok(())
    }

    /// Adds the distance from the preferred base to every address in the image.
    pub(super) fn relocate(&mut self, file: &ImageFile) -> Result<(), ImageError> {
        let delta = (self.base as u64).wrapping_sub(file.preferred);
        for &place in &file.relocations {
            let field = &mut self.bytes()[place..place + 8];
            let value = u64::from_le_bytes(field.try_into().unwrap_or_default());
            let inside = value.wrapping_sub(file.preferred) <= file.size as u64;
            if !inside {
                let what = format!("the relocated place {place:#x} holds {value:#x}, outside of the image");
                return Err(file.fail(Reason::refused(what)));
            }
            field.copy_from_slice(&value.wrapping_add(delta).to_le_bytes());
        }
        Ok(())
    }

    /// Writes the addresses of what it imports into the import address table.
    pub(super) fn bind(&mut self, file: &ImageFile) -> Result<(), ImageError> {
        for import in &file.imports {
            let address = exports::find(&import.module, &import.name).ok_or_else(|| {
                file.fail(Reason::UnknownImport {
                    module: import.module.clone(),
                    name: import.name.clone(),
                })
            })?;
            self.bytes()[import.slot..import.slot + 8].copy_from_slice(&(address as u64).to_le_bytes());
        }
        Ok(())
    }

    /// Gives each section the access that it asks for. Headers are read-only, gaps are not there.
    pub(super) fn protect(&self, file: &ImageFile) {
        self.access(0, self.size, libc::PROT_NONE);
        self.access(0, file.headers.next_multiple_of(PAGE), libc::PROT_READ);
        for section in &file.sections {
            self.access(section.start, section.size, access_of(section));
        }
    }

    /// Takes the discardable sections away.
    pub(super) fn discard(&self) {
        for &(start, size) in &self.discardable {
            self.access(start, size, libc::PROT_NONE);
        }
    }

    /// Takes everything away; the address space stays reserved, so that nobody else gets it in this run.
    pub(super) fn forget(&self) {
        self.access(0, self.size, libc::PROT_NONE);
        // SAFETY: the pages are ours; nobody can read them any more.
        unsafe { libc::madvise(self.base as *mut _, self.size, libc::MADV_DONTNEED) };
    }

    fn access(&self, start: usize, size: usize, access: i32) {
        assert!(start + size <= self.size, "beyond the image");
        // SAFETY: the range is inside our own mapping; whoever relied on the former access is the driver under test.
        let done = unsafe { libc::mprotect((self.base + start) as *mut _, size, access) };
        assert_eq!(done, 0, "mprotect: {}", std::io::Error::last_os_error());
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, at the end of the run or of a load that failed.
        unsafe { libc::munmap(self.base as *mut _, self.size) };
    }
}

fn access_of(section: &Section) -> i32 {
    let write = if section.writable { libc::PROT_WRITE } else { 0 };
    let execute = if section.executable { libc::PROT_EXEC } else { 0 };
    libc::PROT_READ | write | execute
}
