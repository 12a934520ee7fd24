//! Configuration space: a type 0 header, MSI-X and PCI Express capabilities.

use super::Bar;

/// Bytes of a PCI Express function's configuration space.
const SIZE: usize = 4096;
const MSIX: usize = 0x9c;
const EXPRESS: usize = 0x60;
/// Physical address of the first BAR of each function; each function is a machine's own, so all start alike.
const BAR_WINDOW: u64 = 0xe000_0000;

/// What identifies a function (PCI Local Bus 3.0, section 6.2.1).
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Revision id.
    pub revision: u8,
    /// Class code: base class, subclass, interface from high to low byte.
    pub class: u32,
    /// Subsystem vendor id.
    pub subsystem_vendor: u16,
    /// Subsystem id.
    pub subsystem: u16,
}

/// The bytes of configuration space, and which of their bits can be written.
pub struct ConfigSpace {
    bytes: Vec<u8>,
    writable: Vec<u8>,
    bars: Vec<u64>,
}

impl ConfigSpace {
    pub(super) fn new(identity: &Identity, bars: &[Bar], vectors: usize) -> Self {
        let mut space = Self {
            bytes: vec![0; SIZE],
            writable: vec![0; SIZE],
            bars: Vec::new(),
        };
        space.set(0x00, &identity.vendor.to_le_bytes(), 0);
        space.set(0x02, &identity.device.to_le_bytes(), 0);
        // Memory space and bus master can be switched; so can interrupts.
        space.set(0x04, &0x0006_u16.to_le_bytes(), 0xff);
        space.set(0x06, &0x0010_u16.to_le_bytes(), 0);
        space.set(
            0x08,
            &(identity.class << 8 | u32::from(identity.revision)).to_le_bytes(),
            0,
        );
        space.set(0x0c, &[16], 0xff);
        space.set(0x2c, &identity.subsystem_vendor.to_le_bytes(), 0);
        space.set(0x2e, &identity.subsystem.to_le_bytes(), 0);
        space.set(0x34, &[EXPRESS as u8], 0);
        space.set(0x3c, &[0], 0xff);
        space.add_bars(bars);
        // PCI Express endpoint, version 2, 512-byte payloads, function level reset; link at 8 GT/s x16.
        space.set(EXPRESS, &[0x10, MSIX as u8, 0x02, 0x00], 0);
        space.set(EXPRESS + 4, &0x1000_8fe2_u32.to_le_bytes(), 0);
        space.set(EXPRESS + 8, &0x2930_u16.to_le_bytes(), 0xff);
        space.set(EXPRESS + 12, &0x0000_0103_u32.to_le_bytes(), 0);
        space.set(EXPRESS + 18, &0x0103_u16.to_le_bytes(), 0);
        if vectors > 0 {
            space.set(MSIX, &[0x11, 0x00], 0);
            space.set(MSIX + 2, &(0x8000 | (vectors as u16 - 1)).to_le_bytes(), 0);
            space.set(MSIX + 3, &[0x80], 0xc0);
        } else {
            space.set(EXPRESS + 1, &[0], 0);
        }
        space
    }

    fn add_bars(&mut self, bars: &[Bar]) {
        let mut address = BAR_WINDOW;
        for (index, bar) in bars.iter().enumerate().take(3) {
            let size = bar.size().next_power_of_two() as u64;
            address = address.next_multiple_of(size);
            self.bars.push(address);
            // Each is 64 bits wide and prefetchable, and takes two registers.
            self.set(0x10 + 8 * index, &(address | 0xc).to_le_bytes(), 0);
            address += size;
        }
    }

    fn set(&mut self, offset: usize, bytes: &[u8], writable: u8) {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.writable[offset..offset + bytes.len()].fill(writable);
    }

    /// Whether the function may begin transactions: bit 2 of the command register.
    pub fn is_bus_master(&self) -> bool {
        self.bytes[4] & 4 != 0
    }

    /// The physical address in a BAR.
    pub fn bar_address(&self, index: usize) -> u64 {
        self.bars[index]
    }

    /// Copies out; ones past the end.
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        for (index, byte) in into.iter_mut().enumerate() {
            *byte = self.bytes.get(offset + index).copied().unwrap_or(0xff);
        }
    }

    /// Copies in what is writable.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            let Some(old) = self.bytes.get_mut(offset + index) else {
                return;
            };
            let mask = self.writable[offset + index];
            *old = (*old & !mask) | (byte & mask);
        }
    }
}
