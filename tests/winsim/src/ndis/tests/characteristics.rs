//! What a driver says of itself and of its adapter: DRV-02, DRV-03, DRV-05, DRV-07, DRV-08, DRV-12, ATTR-01, ATTR-02, ATTR-05.

use std::mem::zeroed;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES as General,
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES as Registration,
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS as Characteristics, NDIS_MINIPORT_PNP_CHARACTERISTICS,
    NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
    NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS, NDIS_OBJECT_TYPE_OFFLOAD, NDIS_OFFLOAD,
    NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3, NdisMSetMiniportAttributes, NdisSetOptionalHandlers,
};

use super::{Spoil, driver_handle, halted, tiny};
use crate::ndis::Driver;
use crate::{nt, sim};

/// Whether a driver with such characteristics is loaded, or the rule that it breaks.
fn load(spoil: Spoil<Characteristics>) -> Result<bool, &'static str> {
    let loaded = sim::run(1, move || {
        tiny().characteristics.set(Some(spoil));
        let driver = Driver::load(nt::add_host("host", 1), super::tiny::entry);
        let loaded = driver.is_ok();
        if let Ok(driver) = driver {
            driver.unload();
        }
        loaded
    });
    loaded.map_err(|failure| failure.rule)
}

/// Proves the checks of DRV-02 and DRV-03: NDIS takes no driver whose header or version it does not know.
#[test]
fn a_driver_of_another_revision_or_version_is_not_registered() {
    let wrong: [Spoil<Characteristics>; 5] = [
        |c| c.Header.Type = 0x8b,
        |c| c.Header.Size -= 8,
        |c| c.MajorNdisVersion = 5,
        |c| c.MinorNdisVersion = 25,
        |c| c.MinorNdisVersion = 99,
    ];
    for (index, spoil) in wrong.into_iter().enumerate() {
        assert_eq!(load(spoil), Ok(false), "case {index}");
    }
    assert_eq!(load(|_| ()), Ok(true));
}

/// Proves the checks of DRV-05, DRV-08 and DRV-12.
#[test]
fn characteristics_that_no_driver_of_this_kind_has_are_caught() {
    assert_eq!(load(|c| c.DirectOidRequestHandler = None), Err("DRV-05"));
    assert_eq!(load(|c| c.CancelDirectOidRequestHandler = None), Err("DRV-05"));
    let hangs: Spoil<Characteristics> = |c| {
        unsafe extern "win64" fn hangs(_: *mut std::ffi::c_void) -> u8 {
            0
        }
        c.CheckForHangHandlerEx = Some(hangs);
    };
    assert_eq!(load(hangs), Err("DRV-08"));
    assert_eq!(load(|c| c.Flags = 1), Err("DRV-12"));
}

/// Proves the check of DRV-07: optional services are registered in `MiniportSetOptions` only.
#[test]
fn optional_handlers_that_come_late_are_caught() {
    let late = sim::run(1, || {
        let host = nt::add_host("host", 1);
        let driver = Driver::load(host, super::tiny::entry).expect("the driver loads");
        nt::on_host(host, "a driver", || {
            // SAFETY: all fields may be zero.
            let mut pnp: NDIS_MINIPORT_PNP_CHARACTERISTICS = unsafe { zeroed() };
            pnp.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS as u8;
            // SAFETY: the handle is the driver's, the structure what its header says.
            unsafe { NdisSetOptionalHandlers(driver_handle(), (&raw mut pnp).cast()) };
        });
        driver.unload();
    });
    assert_eq!(late.expect_err("it is late").rule, "DRV-07");
}

/// The rule that attributes break.
fn initialize(
    registration: Option<Spoil<Registration>>,
    general: Option<Spoil<General>>,
) -> Option<&'static str> {
    let result = sim::run(1, move || {
        tiny().registration.set(registration);
        tiny().general.set(general);
        let (_, driver, adapter) = halted();
        adapter.start().expect("the adapter starts");
        adapter.stop();
        adapter.remove();
        driver.unload();
    });
    result.err().map(|failure| failure.rule)
}

/// Proves the checks of ATTR-01, ATTR-02 and ATTR-05.
#[test]
fn attributes_that_no_adapter_of_this_kind_has_are_caught() {
    assert_eq!(initialize(None, None), None);
    assert_eq!(
        initialize(Some(|r| r.CheckForHangTimeInSeconds = 3), None),
        Some("ATTR-01")
    );
    assert_eq!(initialize(Some(|r| r.InterfaceType = 1), None), Some("ATTR-01"));
    assert_eq!(initialize(Some(|r| r.AttributeFlags = 1), None), Some("ATTR-02"));
    assert_eq!(initialize(None, Some(|g| g.MacOptions = 0)), Some("ATTR-05"));
}

/// Sets offload attributes: what is on, and what can be.
fn offloads(adapter: NDIS_HANDLE, now: Spoil<NDIS_OFFLOAD>, most: Option<Spoil<NDIS_OFFLOAD>>) {
    let describe = |spoil: Spoil<NDIS_OFFLOAD>| {
        // SAFETY: numbers.
        let mut offload: NDIS_OFFLOAD = unsafe { zeroed() };
        offload.Header = NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_OFFLOAD as u8,
            Revision: 3,
            Size: NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3 as u16,
        };
        spoil(&mut offload);
        offload
    };
    let (mut now, mut hardware) = (describe(now), most.map(describe));
    let mut attributes = NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES as u8,
            Revision: 1,
            Size: 40,
        },
        DefaultOffloadConfiguration: &raw mut now,
        HardwareOffloadCapabilities: hardware.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut),
        DefaultTcpConnectionOffloadConfiguration: std::ptr::null_mut(),
        TcpConnectionOffloadHardwareCapabilities: std::ptr::null_mut(),
    };
    // SAFETY: complete attributes, wrong or not.
    unsafe { NdisMSetMiniportAttributes(adapter, (&raw mut attributes).cast()) };
}

/// Proves the check of ATTR-06.
#[test]
fn offloads_that_the_hardware_lacks_are_caught() {
    let ended = |more: fn(NDIS_HANDLE)| {
        let result = sim::run(1, move || {
            tiny().more_attributes.set(Some(more));
            let (_, driver, adapter) = halted();
            adapter.start().expect("the adapter starts");
            adapter.stop();
            adapter.remove();
            driver.unload();
        });
        result.err().map(|failure| failure.rule)
    };
    assert_eq!(ended(|adapter| offloads(adapter, |_| (), Some(|_| ()))), None);
    assert_eq!(
        ended(|adapter| offloads(adapter, |now| now.LsoV2.IPv4 = [2, 65536, 2], Some(|_| ()))),
        Some("ATTR-06")
    );
    assert_eq!(ended(|adapter| offloads(adapter, |_| (), None)), Some("ATTR-06"));
    assert_eq!(
        ended(|adapter| offloads(adapter, |now| now.Header.Type = 0, Some(|_| ()))),
        Some("ATTR-06")
    );
}
