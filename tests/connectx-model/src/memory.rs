//! Host memory as the device reaches it: rings made of pages, and lists of segments behind memory keys.

use super::Device;
use crate::platform::DmaFault;

/// A run of host memory, contiguous on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Bus address of the first byte.
    pub bus: u64,
    /// Length in bytes, never 0.
    pub length: u64,
}

/// The segments of one access, in the order of its virtual addresses.
pub type SegmentList = Vec<Segment>;

/// A ring or other structure that the driver handed over as a list of equal pages.
#[derive(Clone, Debug, Default)]
pub struct PagedBuffer {
    pages: Vec<u64>,
    page_shift: u32,
    offset: u64,
}

impl PagedBuffer {
    /// `pages` are bus addresses of pages of `1 << page_shift` bytes; the structure starts `offset` bytes into the first.
    pub const fn new(pages: Vec<u64>, page_shift: u32, offset: u64) -> Self {
        Self {
            pages,
            page_shift,
            offset,
        }
    }

    /// Bus addresses of the pages.
    pub fn pages(&self) -> &[u64] {
        &self.pages
    }

    /// Bytes from the start of the structure to the end of the last page.
    pub const fn capacity(&self) -> u64 {
        ((self.pages.len() as u64) << self.page_shift).saturating_sub(self.offset)
    }

    /// Some of the `length` bytes at bus address `bus` are in its pages.
    pub fn is_at(&self, bus: u64, length: u64) -> bool {
        let page = 1 << self.page_shift;
        self.pages
            .iter()
            .any(|at| overlap((*at, at + page), (bus, bus + length)))
    }

    /// The bus addresses of its pages, in runs.
    pub fn runs(&self) -> Vec<(u64, u64)> {
        runs(self.pages.iter().copied(), 1 << self.page_shift)
    }

    /// Bus address of the byte at `offset` of the structure, which is inside [`Self::capacity`].
    pub fn bus(&self, offset: u64) -> Option<u64> {
        let at = self.offset + offset;
        let page = self.pages.get((at >> self.page_shift) as usize)?;
        Some(page + (at & ((1 << self.page_shift) - 1)))
    }

    /// Segments of `length` bytes at `offset` of the structure. The range must be inside [`Self::capacity`].
    fn pieces(&self, offset: u64, length: u64) -> impl Iterator<Item = Segment> + '_ {
        let mut at = self.offset + offset;
        let end = at + length;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let page = self.pages[(at >> self.page_shift) as usize];
            let in_page = at & ((1 << self.page_shift) - 1);
            let length = ((1 << self.page_shift) - in_page).min(end - at);
            at += length;
            Some(Segment {
                bus: page + in_page,
                length,
            })
        })
    }

    /// Reads at `offset` of the structure.
    ///
    /// # Errors
    /// A part is out of the reach of DMA; what lies before it was done.
    pub fn read(&self, device: &Device, offset: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        let mut done = 0;
        for piece in self.pieces(offset, into.len() as u64) {
            let next = done + piece.length as usize;
            device.dma_read(piece.bus, &mut into[done..next])?;
            done = next;
        }
        Ok(())
    }

    /// Writes at `offset` of the structure.
    ///
    /// # Errors
    /// A part is out of the reach of DMA; what lies before it was done.
    pub fn write(&self, device: &Device, offset: u64, from: &[u8]) -> Result<(), DmaFault> {
        let mut done = 0;
        for piece in self.pieces(offset, from.len() as u64) {
            let next = done + piece.length as usize;
            device.dma_write(piece.bus, &from[done..next])?;
            done = next;
        }
        Ok(())
    }
}

/// Pages of `page` bytes as ranges from a first byte to behind a last one, those that follow one another as one.
pub(super) fn runs(pages: impl Iterator<Item = u64>, page: u64) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for at in pages {
        match runs.last_mut() {
            Some((_, end)) if *end == at => *end = at.saturating_add(page),
            _ => runs.push((at, at.saturating_add(page))),
        }
    }
    runs
}

/// Two ranges of addresses, each from its first byte to behind its last, have a byte in common.
pub(super) const fn overlap(one: (u64, u64), other: (u64, u64)) -> bool {
    one.0 < other.1 && other.0 < one.1
}

/// Reads the bytes of `segments` into `into`, as many as fit.
///
/// # Errors
/// A part is out of the reach of DMA; what lies before it was done.
pub fn gather(device: &Device, segments: &[Segment], into: &mut [u8]) -> Result<(), DmaFault> {
    let mut done = 0;
    for segment in segments {
        let next = into.len().min(done + segment.length as usize);
        device.dma_read(segment.bus, &mut into[done..next])?;
        done = next;
    }
    Ok(())
}

/// Writes `from` over the bytes of `segments`, as many as there are.
///
/// # Errors
/// A part is out of the reach of DMA; what lies before it was done.
pub fn scatter(device: &Device, segments: &[Segment], from: &[u8]) -> Result<(), DmaFault> {
    let mut done = 0;
    for segment in segments {
        let next = from.len().min(done + segment.length as usize);
        device.dma_write(segment.bus, &from[done..next])?;
        done = next;
    }
    Ok(())
}
