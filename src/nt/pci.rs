//! The function's PCI configuration space.

use super::{NdisHandle, Passive};
use crate::sys::ndis;

/// `PCI_WHICHSPACE_CONFIG`.
const CONFIGURATION_SPACE: u32 = 0;
/// Offset of the device id.
const DEVICE_ID: u32 = 2;

/// The device id; all ones if the device is gone.
pub fn device_id(ndis: NdisHandle, _: Passive<'_>) -> u16 {
    let mut id = u16::MAX;
    // SAFETY: a live handle, room for what is asked for.
    unsafe {
        ndis::NdisMGetBusData(
            ndis.as_raw(),
            CONFIGURATION_SPACE,
            DEVICE_ID,
            (&raw mut id).cast(),
            2,
        );
    }
    u16::from_le(id)
}
