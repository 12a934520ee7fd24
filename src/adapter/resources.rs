//! What the bus gave the device: its registers and its interrupt messages.

use crate::sys::ndis::{
    CM_PARTIAL_RESOURCE_DESCRIPTOR, CM_PARTIAL_RESOURCE_LIST, CM_RESOURCE_INTERRUPT_MESSAGE,
};

/// `CmResourceTypeInterrupt`.
const TYPE_INTERRUPT: u8 = 2;
/// `CmResourceTypeMemory`.
const TYPE_MEMORY: u8 = 3;

/// The resources of one function of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resources {
    /// Physical address and bytes of BAR0: the first memory range that the bus lists.
    pub(super) bar: (u64, u32),
}

impl Resources {
    /// Finds BAR0 in the list; `None` if there is no memory, or no interrupt messages (the device has MSI-X only).
    ///
    /// # Safety
    /// `list` is NULL or leads to a list of as many descriptors as it says.
    pub(super) unsafe fn from_list(list: *const CM_PARTIAL_RESOURCE_LIST) -> Option<Self> {
        // SAFETY: the caller's promise.
        let count = unsafe { list.as_ref() }?.Count as usize;
        // SAFETY: the caller's promise.
        let first = unsafe { &raw const (*list).PartialDescriptors }.cast::<CM_PARTIAL_RESOURCE_DESCRIPTOR>();
        // SAFETY: the caller's promise: `count` descriptors follow each other.
        let descriptors = unsafe { core::slice::from_raw_parts(first, count) };
        let messages = descriptors
            .iter()
            .any(|d| d.Type == TYPE_INTERRUPT && u32::from(d.Flags) & CM_RESOURCE_INTERRUPT_MESSAGE != 0);
        let bar = descriptors.iter().find(|d| d.Type == TYPE_MEMORY)?;
        // SAFETY: a memory descriptor, as its type says.
        let memory = unsafe { bar.u.Memory };
        messages.then_some(Self {
            bar: (memory.Start.cast_unsigned(), memory.Length),
        })
    }
}
