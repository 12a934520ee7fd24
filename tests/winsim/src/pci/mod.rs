//! The bus: configuration space, BARs whose writes trap, MSI-X vectors, and an IOMMU for each function.
//!
//! A [`Function`] joins the two sides of one PCI function. The model side plugs in a [`PciFunction`] and uses [`Function::bar`]'s
//! model-side bytes, [`Function::raise`] and [`Function::dma`]; the host side (simulated NDIS and kernel) uses
//! [`Function::map_io`], [`Function::connect`] and the [`Domain`] behind [`Function::domain`].
//!
//! A driver's read of a BAR sees memory that the model keeps current. Its write faults, is decoded and queued, and
//! reaches [`PciFunction::bar_write`], in order, at the next kernel call or switch of context: a posted write.

mod bar;
mod config;
mod cr8;
mod crash;
mod function;
mod iommu;
#[cfg(test)]
mod tests;
mod trap;

pub use bar::Bar;
pub use config::{ConfigSpace, Configuration, Identity};
pub use crash::{CodeNames, explain_with};
pub use function::{Function, PciFunction, memory_freed};
pub use iommu::{Access, Dma, DmaFault, Domain, PAGE};
pub use trap::{drain, on_cr8, watch_faults};
