//! Frames mapped for a device by NDIS, which has a DMA adapter of its own for each registration.

use super::mdl::{Described, mdl_changed, mdl_describes, mdl_not_resident, mdl_pieces};
use crate::pci::{Access, Domain, Function};
use crate::sim::{self, Stream};
use std::rc::Rc;
use wdk_standin::PMDL;

const PAGE: usize = 4096;
/// Pages that one element of a list describes at most: scattered memory, or an IOMMU that puts a buffer together.
const LONGEST_RUNS: [usize; 2] = [1, 1 << 20];

/// A chain of MDLs that a device can read.
pub struct FrameMapping {
    domain: Rc<Domain>,
    /// Bus addresses and bytes.
    runs: Vec<(u64, usize)>,
    described: Described,
}

impl FrameMapping {
    /// Maps the first `length` bytes of a chain for reading; `None` if it has fewer. The pages are to be resident (rule SEND-06).
    ///
    /// # Safety
    /// `mdl` is a chain of MDLs.
    pub unsafe fn new(function: &Function, mdl: PMDL, length: usize) -> Option<Self> {
        // SAFETY: the caller's chain.
        if let Some(flags) = unsafe { mdl_not_resident(mdl) } {
            sim::fail(
                "SEND-06",
                format!("a frame whose pages are not locked: MDL flags {flags:#x}"),
            );
        }
        // SAFETY: the caller's chain.
        let first = unsafe { mdl.as_ref() }?;
        let from = first.StartVa as usize + first.ByteOffset as usize;
        // SAFETY: the caller's chain.
        let pieces = unsafe { mdl_pieces(mdl, from, length) }?;
        let longest = LONGEST_RUNS[sim::choose(Stream::Bus, LONGEST_RUNS.len() as u64) as usize];
        let domain = function.domain();
        let mut runs = Vec::new();
        for (mut memory, mut left) in pieces {
            while left > 0 {
                let count = (longest * PAGE - memory as usize % PAGE).min(left);
                runs.push((domain.map(memory, count, Access::Read), count));
                memory = memory.wrapping_add(count);
                left -= count;
            }
        }
        // SAFETY: the caller's chain.
        let described = unsafe { mdl_describes(mdl, length) };
        Some(Self {
            domain: Rc::clone(domain),
            runs,
            described,
        })
    }

    /// Bus addresses and bytes, in order.
    pub fn runs(&self) -> &[(u64, usize)] {
        &self.runs
    }

    /// The device cannot read it any more. Whether the MDLs are what they were.
    pub fn end(self) -> bool {
        for (bus, count) in &self.runs {
            if !self.domain.give_back(*bus, *count) {
                sim::fail(
                    "DMA-06",
                    format!("{count} bytes at bus address {bus:#x} are not mapped"),
                );
            }
        }
        mdl_changed(&self.described).is_none()
    }
}
