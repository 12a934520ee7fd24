//! The function's PCI configuration space.

use super::{NdisHandle, Passive};
use crate::sys::ndis;

/// `PCI_WHICHSPACE_CONFIG`.
const CONFIGURATION_SPACE: u32 = 0;
/// Offset of the device id.
const DEVICE_ID: u32 = 2;
/// Offset of the command register.
const COMMAND: u32 = 4;
/// Its bit that lets the function begin transactions of its own: reads and writes of memory, interrupt messages among them.
const BUS_MASTER: u16 = 1 << 2;
/// What every register reads as when the function is gone.
const GONE: u16 = u16::MAX;

/// The device id; all ones if the device is gone.
pub fn device_id(ndis: NdisHandle, _: Passive<'_>) -> u16 {
    read(ndis, DEVICE_ID).unwrap_or(GONE)
}

/// Allows the function to read and write memory, or forbids it, whatever its firmware does. Whether it is so now; a function that is
/// gone reaches no memory. `<= DISPATCH_LEVEL`.
///
/// The register is read back in any case: what the function wrote before the answer comes before it on the bus, so that nothing of it is
/// under way any more when this returns.
pub fn set_bus_master(ndis: NdisHandle, on: bool) -> bool {
    let Some(command) = read(ndis, COMMAND) else {
        return false;
    };
    if command == GONE {
        return !on;
    }
    let wanted = if on {
        command | BUS_MASTER
    } else {
        command & !BUS_MASTER
    };
    if command != wanted {
        write(ndis, COMMAND, wanted);
    }
    read(ndis, COMMAND).is_some_and(|now| now == wanted || now == GONE && !on)
}

fn read(ndis: NdisHandle, offset: u32) -> Option<u16> {
    let mut value = [0; 2];
    let place = value.as_mut_ptr().cast();
    // SAFETY: a live handle, room for what is asked for; configuration space may be read up to DISPATCH_LEVEL.
    let length = unsafe { ndis::NdisMGetBusData(ndis.as_raw(), CONFIGURATION_SPACE, offset, place, 2) };
    (length == 2).then(|| u16::from_le_bytes(value))
}

fn write(ndis: NdisHandle, offset: u32, value: u16) {
    let mut value = value.to_le_bytes();
    let place = value.as_mut_ptr().cast();
    // SAFETY: a live handle, as many bytes as announced. Whether it was written shows in what is read back.
    unsafe { ndis::NdisMSetBusData(ndis.as_raw(), CONFIGURATION_SPACE, offset, place, 2) };
}
