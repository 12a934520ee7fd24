//! Configuration space: a type 0 header, MSI-X and PCI Express capabilities.

use std::cell::RefCell;

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

/// What the bus reads and writes in a function's configuration space. The model of a device may bring its own.
pub trait Configuration {
    /// Copies out; ones past the end.
    fn read(&self, offset: usize, into: &mut [u8]);

    /// Copies in what can be written.
    fn write(&self, offset: usize, bytes: &[u8]);
}

/// A plain one: the bytes, and which of their bits can be written.
pub struct ConfigSpace {
    bytes: RefCell<Vec<u8>>,
    writable: Vec<u8>,
}

/// The same, while it is laid out.
struct Draft {
    bytes: Vec<u8>,
    writable: Vec<u8>,
}

impl ConfigSpace {
    /// A function as after power-on with BARs of these sizes, in bytes and in their order, and so many MSI-X vectors.
    pub fn new(identity: &Identity, bars: &[usize], vectors: usize) -> Self {
        let mut space = Draft {
            bytes: vec![0; SIZE],
            writable: vec![0; SIZE],
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
        Self {
            bytes: RefCell::new(space.bytes),
            writable: space.writable,
        }
    }
}

impl Draft {
    fn add_bars(&mut self, bars: &[usize]) {
        let mut address = BAR_WINDOW;
        for (index, bar) in bars.iter().enumerate().take(3) {
            let size = bar.next_power_of_two() as u64;
            address = address.next_multiple_of(size);
            // Each is 64 bits wide and prefetchable, and takes two registers.
            self.set(0x10 + 8 * index, &(address | 0xc).to_le_bytes(), 0);
            address += size;
        }
    }

    fn set(&mut self, offset: usize, bytes: &[u8], writable: u8) {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.writable[offset..offset + bytes.len()].fill(writable);
    }
}

impl Configuration for ConfigSpace {
    fn read(&self, offset: usize, into: &mut [u8]) {
        let bytes = self.bytes.borrow();
        for (index, byte) in into.iter_mut().enumerate() {
            *byte = bytes.get(offset + index).copied().unwrap_or(0xff);
        }
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        let mut own = self.bytes.borrow_mut();
        for ((old, mask), new) in own.iter_mut().zip(&self.writable).skip(offset).zip(bytes) {
            *old = (*old & !mask) | (new & mask);
        }
    }
}

/// Whether a function may begin transactions: bit 2 of its command register.
pub(super) fn is_bus_master(space: &dyn Configuration) -> bool {
    let mut command = [0];
    space.read(4, &mut command);
    command[0] & 4 != 0
}

/// The physical address in a BAR. Each is 64 bits wide.
pub(super) fn bar_address(space: &dyn Configuration, index: usize) -> u64 {
    let mut register = [0; 8];
    space.read(0x10 + 8 * index, &mut register);
    u64::from_le_bytes(register) & !0xf
}
