//! What elements of a send queue look like: how long they are, and what their control segments say of completions and fences.

use super::{
    super::{
        qp_attributes::QpKind,
        wqe::{self, MAX_BLOCKS, MAX_INLINE, SEGMENTS_PER_BLOCK, fm_ce_se},
    },
    request::PostFlags,
};

/// Of elements that follow a UMR element; beside the flags of [`PostFlags`].
pub(super) const AFTER_UMR: u32 = 8;

/// Blocks of the longest request of a queue with these limits. A read in two parts takes no more than a write of as many pieces.
pub(in super::super) fn blocks_per_request(kind: QpKind, max_sges: u32, max_inline: u32) -> u32 {
    // Before the pieces: control segment, and remote address or the address vector of datagrams.
    let head = match kind {
        QpKind::Rc => 2,
        QpKind::Gsi => 4,
    };
    let segments = (max_sges + head).max(wqe::inline_segments(max_inline.min(MAX_INLINE)) + 2);
    segments
        .max(UMR_SEGMENTS)
        .div_ceil(SEGMENTS_PER_BLOCK)
        .min(MAX_BLOCKS)
}

/// Segments of a UMR element with inline entries.
const UMR_SEGMENTS: u32 = 12;

/// `fm_ce_se` of UMR elements by flags, for the fence that the device wants on them.
pub(in super::super) const fn umr_reporting(fence: u32) -> [u8; 8] {
    let mut table = [0; 8];
    let mut flags = 0;
    while flags < table.len() {
        let fenced = flags & FENCE != 0 && fence != fm_ce_se::STRONG;
        table[flags] = reporting(flags) | if fenced { fm_ce_se::SMALL_AND_FENCE } else { fence } as u8;
        flags += 1;
    }
    table
}

/// `fm_ce_se` of all other elements by flags and [`AFTER_UMR`].
pub(super) const REPORTING: [u8; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < table.len() {
        let fence = match (index & FENCE != 0, index & AFTER_UMR as usize != 0) {
            (false, false) => 0,
            (false, true) => fm_ce_se::SMALL_FENCE,
            (true, false) => fm_ce_se::FENCE,
            (true, true) => fm_ce_se::SMALL_AND_FENCE,
        };
        table[index] = reporting(index) | fence as u8;
        index += 1;
    }
    table
};

const SILENT: usize = PostFlags::SILENT.bits() as usize;
const FENCE: usize = PostFlags::FENCE.bits() as usize;
const SOLICITED: usize = PostFlags::SOLICITED.bits() as usize;

/// Completion and solicited event of the flags.
const fn reporting(flags: usize) -> u8 {
    let completion = if flags & SILENT == 0 {
        fm_ce_se::COMPLETION
    } else {
        0
    };
    let solicited = if flags & SOLICITED == 0 {
        0
    } else {
        fm_ce_se::SOLICITED
    };
    (completion | solicited) as u8
}
