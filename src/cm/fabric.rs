//! What the floors above build on: an adapter's device that is up, with its connection management.

use super::Agent;
use crate::{
    hw::Device,
    nt::{Dma, NdisHandle, Ref},
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Fabric {
    /// The device, brought up.
    pub device: Ref<Device>,
    /// Its connection management.
    pub agent: Ref<Agent>,
    /// Mapping of consumers' memory.
    pub dma: Ref<Dma>,
    /// The adapter's NDIS handle.
    pub ndis: NdisHandle,
}
