//! Which bits of the contexts mean something. The others are reserved, and a driver leaves them clear.
//!
//! The masks are those of the published interface layouts, a dword at a time.

/// Event queue context.
pub(super) const EQC: [u32; 16] = [
    0xf006_0f00,
    0x0000_0000,
    0x0000_0fc0,
    0x1fff_ffff,
    0x0000_0000,
    0x0000_0fff,
    0x1f00_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0x00ff_ffff,
    0x00ff_ffff,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
];

/// Completion queue context.
pub(super) const CQC: [u32; 16] = [
    0xf3f7_ff03,
    0x0000_0000,
    0x0000_0fc0,
    0x1fff_ffff,
    0x0fff_ffff,
    0xffff_ffff,
    0x1f00_0000,
    0x0000_0000,
    0x00ff_ffff,
    0x00ff_ffff,
    0x00ff_ffff,
    0x00ff_ffff,
    0x0000_0000,
    0x0000_0000,
    0xffff_ffff,
    0xffff_ffff,
];

/// Memory key context.
pub(super) const MKC: [u32; 16] = [
    0x5c05_ff30,
    0xffff_ffff,
    0x0000_0000,
    0xe5ff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0xffff_0000,
    0xffff_ffff,
    0x0000_007f,
    0x0000_0000,
];

/// Queue pair context.
pub(super) const QPC: [u32; 58] = [
    0xffff_3bfc,
    0xf5ff_ffff,
    0xff7f_fbdf,
    0xffff_ffff,
    0x00ff_ffff,
    0x1fff_ffff,
    0xc000_ffff,
    0xffff_ffff,
    0xf8ff_0fff,
    0x0fff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x0dff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xc000_ffff,
    0xffff_ffff,
    0xf8ff_0fff,
    0x0fff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x0dff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xf0e7_efe0,
    0x0000_0000,
    0x00ff_ffff,
    0x1fff_ffff,
    0x1fff_ffff,
    0x0000_0000,
    0x00ff_ffff,
    0x00ff_ffff,
    0x00ef_efcf,
    0x1fff_ffff,
    0x00ff_ffff,
    0x00ff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x07ff_ffff,
    0x00ff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x0000_0000,
    0x0001_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x1000_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
];

/// Entry of the RoCE address table.
pub(super) const ROCE_ADDRESS: [u32; 8] = [
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x1fff_ffff,
    0xffff_ffff,
    0x0000_0fff,
    0x0000_0000,
];

/// Only meaningful bits of `context` are set.
pub(crate) fn is_clear(context: &[u8], mask: &[u32]) -> bool {
    context.chunks_exact(4).zip(mask).all(|(dword, mask)| {
        let value = u32::from_be_bytes([dword[0], dword[1], dword[2], dword[3]]);
        value & !mask == 0
    })
}
