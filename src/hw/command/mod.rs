//! The command interface: how the driver asks the device for anything but data transfer (connectx interface, section 3).
//!
//! A command is a type that implements [`Command`]; [`Commander::execute`] sends any of them.

mod commander;
mod mailbox;
pub mod signature;
mod slots;

pub use self::commander::{Commander, Watch};
use super::error::Lie;

/// Bytes of input and output that the queue entry itself carries.
pub const INLINE: usize = 16;
/// Bytes of data of a mailbox block.
pub const BLOCK_DATA: usize = 512;

/// Where a command's input goes, from its first byte to its last.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

/// Where a command's output is read from.
pub trait Source {
    /// Copies the bytes from `offset` on.
    fn read(&self, offset: usize, into: &mut [u8]);
}

/// A command of the device.
pub trait Command {
    /// Its opcode.
    const OPCODE: u16;
    /// Uses the queue entry that is set apart for page supply.
    const SUPPLIES_PAGES: bool = false;
    /// What it returns.
    type Out;

    /// Bytes of input, trailing arrays included.
    fn input_length(&self) -> usize;

    /// Bytes of output, trailing arrays included.
    fn output_length(&self) -> usize;

    /// Writes exactly [`Self::input_length`] bytes.
    fn encode(&self, input: &mut dyn Sink);

    /// Reads the output of a command that succeeded.
    ///
    /// # Errors
    /// What the device said and cannot be true.
    fn decode(&self, output: &dyn Source) -> Result<Self::Out, Lie>;
}

/// Mailbox blocks for `length` bytes of input or output.
pub const fn blocks(length: usize) -> usize {
    length.saturating_sub(INLINE).div_ceil(BLOCK_DATA)
}
