//! Mailbox chains: long inputs and outputs in blocks of 512 bytes (connectx.md section 3).

use cxndk::hw::layout::CmdIfBox;

use super::status::Delivery;
use crate::Device;

/// Bytes of input or output in a block.
const BLOCK_DATA: usize = 512;
/// Bytes of input or output in the entry itself.
pub(super) const INLINE: usize = 16;
/// Blocks start at multiples of this.
const ALIGNMENT: u64 = 1024;
/// A longer chain than any command needs is a ring or garbage.
const MAX_BLOCKS: usize = 1 << 16;

/// Reading a chain stopped: bad delivery, or the bus.
pub(super) enum ChainFault {
    Delivery(Delivery),
    Bus,
}

/// Which of the two chains, for the delivery status.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

impl Side {
    const fn pointer(self) -> ChainFault {
        ChainFault::Delivery(match self {
            Self::Input => Delivery::InputPointer,
            Self::Output => Delivery::OutputPointer,
        })
    }

    const fn length(self) -> ChainFault {
        ChainFault::Delivery(match self {
            Self::Input => Delivery::InputLength,
            Self::Output => Delivery::OutputLength,
        })
    }
}

/// Blocks that `length` bytes need.
fn blocks(length: usize) -> usize {
    length.saturating_sub(INLINE).div_ceil(BLOCK_DATA)
}

/// Exclusive or over `bytes`; signatures make it 0xff.
pub(super) fn fold(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Walks a chain and checks every block. Gives the addresses and the contents.
pub(super) fn walk(
    device: &Device,
    first: u64,
    length: usize,
    token: u8,
    side: Side,
) -> Result<Vec<(u64, CmdIfBox)>, ChainFault> {
    let count = blocks(length);
    if count > MAX_BLOCKS {
        return Err(side.length());
    }
    let mut chain = Vec::with_capacity(count);
    let mut at = first;
    for number in 0..count {
        if at == 0 {
            return Err(side.length());
        }
        if !at.is_multiple_of(ALIGNMENT) {
            return Err(side.pointer());
        }
        let mut block = CmdIfBox::new();
        device
            .dma_read(at, block.as_bytes_mut())
            .map_err(|_| ChainFault::Bus)?;
        check(&block, number as u32, token)?;
        chain.push((at, block));
        at = u64::from(block.next_pointer_63_32()) << 32 | u64::from(block.next_pointer_31_10()) << 10;
    }
    Ok(chain)
}

fn check(block: &CmdIfBox, number: u32, token: u8) -> Result<(), ChainFault> {
    if block.token() != u32::from(token) {
        return Err(ChainFault::Delivery(Delivery::Token));
    }
    if block.block_number() != number {
        return Err(ChainFault::Delivery(Delivery::BlockNumber));
    }
    let bytes = block.as_bytes();
    let bad_control = block.ctrl_signature() != 0 && fold(&bytes[0x200..0x23f]) != 0xff;
    let bad_whole = block.signature() != 0 && fold(bytes) != 0xff;
    if bad_control || bad_whole {
        return Err(ChainFault::Delivery(Delivery::Signature));
    }
    if bytes[0x200..0x230].iter().any(|byte| *byte != 0) || bytes[0x23c] != 0 {
        return Err(ChainFault::Delivery(Delivery::ReservedNotClear));
    }
    Ok(())
}

/// The bytes of an input chain, cut to what follows the inline part.
pub(super) fn collect(chain: &[(u64, CmdIfBox)], length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = chain
        .iter()
        .flat_map(|(_, block)| *block.mailbox_data())
        .collect();
    bytes.truncate(length.saturating_sub(INLINE));
    bytes
}

/// Writes output bytes into the chain, a block at a time, with fresh signatures.
pub(super) fn fill(device: &Device, chain: &[(u64, CmdIfBox)], bytes: &[u8]) -> Result<(), ChainFault> {
    for ((at, block), data) in chain.iter().zip(bytes.chunks(BLOCK_DATA)) {
        let mut block = *block;
        let mut whole = [0; BLOCK_DATA];
        whole[..data.len()].copy_from_slice(data);
        block.set_mailbox_data(&whole);
        block.set_ctrl_signature(0).set_signature(0);
        let control = !fold(&block.as_bytes()[0x200..0x23f]);
        block.set_ctrl_signature(u32::from(control));
        let signature = !fold(block.as_bytes());
        block.set_signature(u32::from(signature));
        device
            .dma_write(*at, block.as_bytes())
            .map_err(|_| ChainFault::Bus)?;
    }
    Ok(())
}
