//! What the bus gave the device: its registers and its interrupt messages.

use crate::sys::ndis::{
    CM_PARTIAL_RESOURCE_DESCRIPTOR, CM_PARTIAL_RESOURCE_LIST, CM_RESOURCE_INTERRUPT_MESSAGE,
};

/// `CmResourceTypeInterrupt`.
const TYPE_INTERRUPT: u8 = 2;
/// `CmResourceTypeMemory`.
const TYPE_MEMORY: u8 = 3;

/// The resources of one function of the device.
#[derive(Clone, Copy)]
pub(super) struct Resources<'a> {
    /// Physical address and bytes of BAR0: the first memory range that the bus lists.
    pub(super) bar: (u64, u32),
    descriptors: &'a [CM_PARTIAL_RESOURCE_DESCRIPTOR],
}

impl Resources<'_> {
    /// Finds BAR0 in the list; `None` if there is no memory, or no interrupt messages (the device has MSI-X only).
    ///
    /// # Safety
    /// `list` is NULL or leads to a list of as many descriptors as it says, for as long as the result is used.
    pub(super) unsafe fn from_list(list: *const CM_PARTIAL_RESOURCE_LIST) -> Option<Self> {
        // SAFETY: the caller's promise.
        let count = unsafe { list.as_ref() }?.Count as usize;
        // SAFETY: the caller's promise.
        let first = unsafe { &raw const (*list).PartialDescriptors }.cast::<CM_PARTIAL_RESOURCE_DESCRIPTOR>();
        // SAFETY: the caller's promise: `count` descriptors follow each other.
        let descriptors = unsafe { core::slice::from_raw_parts(first, count) };
        let messages = descriptors.iter().any(is_message);
        let bar = descriptors.iter().find(|d| d.Type == TYPE_MEMORY)?;
        // SAFETY: a memory descriptor, as its type says.
        let memory = unsafe { bar.u.Memory };
        messages.then_some(Self {
            bar: (memory.Start.cast_unsigned(), memory.Length),
            descriptors,
        })
    }

    /// The group of the processors that `message` comes to, which the system connected at this vector and level.
    ///
    /// The list is the translated one, in which the message has the descriptor with its vector and level, or the raw one, whose vectors
    /// are the bus's own and whose messages follow each other. The first group if the list does not know the message.
    pub(super) fn group(&self, message: u32, vector: u32, level: u8) -> u16 {
        let mut interrupts = self.interrupts();
        interrupts
            .find_map(|bytes| translated_group(bytes, vector, level))
            .or_else(|| self.interrupts().nth(message as usize).map(raw_group))
            .unwrap_or(0)
    }

    /// The `u.MessageInterrupt` of each message's descriptor.
    fn interrupts(&self) -> impl Iterator<Item = [u8; 16]> {
        let messages = self.descriptors.iter().filter(|d| is_message(d));
        // SAFETY: an interrupt descriptor, as its type says.
        messages.map(|descriptor| unsafe { descriptor.u.Interrupt })
    }
}

/// `u.MessageInterrupt.Translated`: Level, Group, Vector, Affinity.
fn translated_group(bytes: [u8; 16], vector: u32, level: u8) -> Option<u16> {
    let [l0, l1, g0, g1, v0, v1, v2, v3, ..] = bytes;
    let ours =
        u16::from_le_bytes([l0, l1]) == u16::from(level) && u32::from_le_bytes([v0, v1, v2, v3]) == vector;
    ours.then(|| u16::from_le_bytes([g0, g1]))
}

/// `u.MessageInterrupt.Raw`: Group, `MessageCount`, Vector, Affinity.
fn raw_group(bytes: [u8; 16]) -> u16 {
    let [g0, g1, ..] = bytes;
    u16::from_le_bytes([g0, g1])
}

fn is_message(descriptor: &CM_PARTIAL_RESOURCE_DESCRIPTOR) -> bool {
    descriptor.Type == TYPE_INTERRUPT && u32::from(descriptor.Flags) & CM_RESOURCE_INTERRUPT_MESSAGE != 0
}
