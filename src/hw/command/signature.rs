//! Signatures of queue entries and mailbox blocks: the exclusive or over all bytes, the signature included, is 0xff.

/// Where a queue entry keeps its signature.
const ENTRY_SIGNATURE: usize = 0x3d;
/// Where a block's control part begins.
const CONTROL: usize = 0x200;
/// Where a block keeps the signature of its control part.
const CONTROL_SIGNATURE: usize = 0x23e;
/// Where a block keeps the signature of the whole.
const BLOCK_SIGNATURE: usize = 0x23f;
/// Bytes of a block.
pub const BLOCK: usize = 0x240;

fn not_xor(bytes: &[u8]) -> u8 {
    !bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Signs a queue entry.
pub fn sign_entry(entry: &mut [u8; 64]) {
    entry[ENTRY_SIGNATURE] = 0;
    entry[ENTRY_SIGNATURE] = not_xor(entry);
}

/// Signs a mailbox block: first its control part, then the whole.
pub fn sign_block(block: &mut [u8; BLOCK]) {
    block[CONTROL_SIGNATURE] = 0;
    block[BLOCK_SIGNATURE] = 0;
    block[CONTROL_SIGNATURE] = not_xor(&block[CONTROL..CONTROL_SIGNATURE]);
    block[BLOCK_SIGNATURE] = not_xor(&block[..BLOCK_SIGNATURE]);
}
