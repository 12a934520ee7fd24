//! Configuration space of the function: type 0 header, PCI Express and MSI-X capabilities (connectx.md section 1).

use std::cell::RefCell;

use super::generation::Generation;

/// Bytes of a PCI Express function's configuration space.
pub const SIZE: usize = 4096;
/// Bytes of BAR0.
pub const BAR_SIZE: usize = 32 << 20;
/// Where firmware has placed BAR0.
const BAR_ADDRESS: u64 = 0xe000_0000;

const COMMAND: usize = 0x04;
const BUS_MASTER: u8 = 1 << 2;
const EXPRESS: u8 = 0x60;
const MSIX: u8 = 0x9c;
/// Device control register of the PCI Express capability, upper byte; bit 7 starts a reset.
const DEVICE_CONTROL_HIGH: usize = EXPRESS as usize + 9;
const FUNCTION_LEVEL_RESET: u8 = 1 << 7;

/// Ethernet controller.
const CLASS: u32 = 0x02_0000;
const VENDOR: u16 = 0x15b3;
const SUBSYSTEM: u16 = 0x0008;

/// The bytes, and which of their bits can be written.
pub struct ConfigSpace {
    bytes: RefCell<Vec<u8>>,
    writable: Vec<u8>,
}

impl ConfigSpace {
    /// A function with so many MSI-X vectors, 1 to 2048, as after power-on: its BAR is placed, memory space and bus master are on.
    ///
    /// # Panics
    /// If the number of vectors is none that MSI-X has.
    pub fn new(generation: Generation, vectors: usize) -> Self {
        assert!((1..=2048).contains(&vectors), "MSI-X has 1 to 2048 vectors");
        let mut space = Draft::default();
        space.header(generation);
        // PCI Express endpoint, version 2, 512-byte payloads, function level reset; link at 8 GT/s x16.
        let at = usize::from(EXPRESS);
        space.put(at, &[0x10, MSIX, 0x02, 0x00]);
        space.put(at + 4, &0x1000_8fe2_u32.to_le_bytes());
        space.put_writable(at + 8, &0x2930_u16.to_le_bytes(), 0xff);
        space.put(at + 12, &0x0000_0103_u32.to_le_bytes());
        space.put(at + 18, &0x0103_u16.to_le_bytes());
        let at = usize::from(MSIX);
        space.put(at, &[0x11, 0x00]);
        // Enabled; bits 14 and 15 of the control register can be written.
        let control = 0x8000 | (vectors as u16 - 1);
        space.put(at + 2, &control.to_le_bytes());
        space.writable[at + 3] = 0xc0;
        Self {
            bytes: RefCell::new(space.bytes),
            writable: space.writable,
        }
    }

    /// Copies out; ones past the end.
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        let bytes = self.bytes.borrow();
        for (index, byte) in into.iter_mut().enumerate() {
            *byte = bytes.get(offset + index).copied().unwrap_or(0xff);
        }
    }

    /// Copies in what can be written.
    pub(crate) fn write(&self, offset: usize, from: &[u8]) {
        let mut bytes = self.bytes.borrow_mut();
        for ((old, mask), new) in bytes.iter_mut().zip(&self.writable).skip(offset).zip(from) {
            *old = (*old & !mask) | (new & mask);
        }
    }

    /// Whether the function may begin transactions.
    pub fn is_bus_master(&self) -> bool {
        self.bytes.borrow()[COMMAND] & BUS_MASTER != 0
    }

    /// Whether a write of `length` bytes at `offset` has just asked for a reset of the function.
    pub(crate) fn asks_for_reset(&self, offset: usize, length: usize) -> bool {
        let touched = (offset..offset + length).contains(&DEVICE_CONTROL_HIGH);
        touched && self.bytes.borrow()[DEVICE_CONTROL_HIGH] & FUNCTION_LEVEL_RESET != 0
    }
}

/// A configuration space that is being laid out.
struct Draft {
    bytes: Vec<u8>,
    writable: Vec<u8>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            bytes: vec![0; SIZE],
            writable: vec![0; SIZE],
        }
    }
}

impl Draft {
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.put_writable(offset, bytes, 0);
    }

    fn put_writable(&mut self, offset: usize, bytes: &[u8], mask: u8) {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.writable[offset..offset + bytes.len()].fill(mask);
    }

    fn header(&mut self, generation: Generation) {
        self.put(0x00, &VENDOR.to_le_bytes());
        self.put(0x02, &generation.device_id().to_le_bytes());
        // Memory space and bus master can be switched; so can interrupts.
        self.put_writable(COMMAND, &0x0006_u16.to_le_bytes(), 0xff);
        // There is a list of capabilities.
        self.put(0x06, &0x0010_u16.to_le_bytes());
        self.put(0x08, &(CLASS << 8).to_le_bytes());
        self.put_writable(0x0c, &[16], 0xff);
        // 64 bits wide and prefetchable: it takes two registers.
        self.put(0x10, &(BAR_ADDRESS | 0xc).to_le_bytes());
        self.put(0x2c, &VENDOR.to_le_bytes());
        self.put(0x2e, &SUBSYSTEM.to_le_bytes());
        self.put(0x34, &[EXPRESS]);
        self.put_writable(0x3c, &[0], 0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(space: &ConfigSpace, offset: usize) -> [u8; N] {
        let mut bytes = [0; N];
        space.read(offset, &mut bytes);
        bytes
    }

    /// Capabilities of a real ConnectX-5 are found by following the list.
    #[test]
    fn a_walk_of_the_capabilities_finds_express_and_msi_x() {
        let space = ConfigSpace::new(Generation::ConnectX5, 64);
        assert_eq!(read(&space, 0), [0xb3, 0x15, 0x17, 0x10]);
        let mut at = usize::from(read::<1>(&space, 0x34)[0]);
        let mut found = Vec::new();
        while at != 0 {
            let [id, next] = read(&space, at);
            found.push(id);
            at = usize::from(next);
        }
        assert_eq!(found, [0x10, 0x11]);
        assert_eq!(
            u16::from_le_bytes(read(&space, usize::from(MSIX) + 2)) & 0x7ff,
            63
        );
        assert_eq!(u64::from_le_bytes(read(&space, 0x10)), BAR_ADDRESS | 0xc);
    }

    #[test]
    fn only_what_is_writable_is_written_and_ones_lie_past_the_end() {
        let space = ConfigSpace::new(Generation::ConnectX5, 64);
        space.write(0, &[0; 8]);
        assert_eq!(read(&space, 0), [0xb3, 0x15, 0x17, 0x10]);
        assert!(!space.is_bus_master());
        space.write(COMMAND, &[6]);
        assert!(space.is_bus_master());
        space.write(SIZE - 1, &[1, 2, 3]);
        assert_eq!(read(&space, SIZE - 1), [0, 0xff]);
        space.write(DEVICE_CONTROL_HIGH, &[FUNCTION_LEVEL_RESET]);
        assert!(space.asks_for_reset(DEVICE_CONTROL_HIGH - 1, 2));
        assert!(!space.asks_for_reset(DEVICE_CONTROL_HIGH + 1, 2));
    }
}
