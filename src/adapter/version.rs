//! The versions that NDIS is told: of its own interface, and of the driver.

/// NDIS version of the contract that the driver keeps: 6.60 (Windows Server 2016), the first that has NDKPI 2.0 for good.
pub const NDIS_MAJOR: u8 = 6;
/// Minor part of the above. (Rules DRV-02, DRV-03: below 6.80 the driver characteristics have revision 2.)
pub const NDIS_MINOR: u8 = 60;
/// Major part of the driver's version.
pub const DRIVER_MAJOR: u8 = 0;
/// Minor part of the driver's version.
pub const DRIVER_MINOR: u8 = 1;
