//! Control devices: what a program gets, and every way in which a driver can be wrong about its requests.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;
use wdk_standin::{_DEVICE_OBJECT as DEVICE_OBJECT, NTSTATUS, UNICODE_STRING};

use super::{halted, handle, tiny};
use crate::ndis::Driver;
use crate::ndis::kernel;
use crate::sim::{self, Failure};

const LINK: &str = r"\DosDevices\tiny";
const PENDING: NTSTATUS = 0x103;
const CANCELLED: NTSTATUS = 0xc000_0120_u32.cast_signed();

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    NotCompleted,
    CompletedTwice,
    OtherStatus,
    CompletedPending,
    TooManyBytes,
    PendsUnmarked,
    MarksAndReturns,
    UnderLock,
    WithCancelRoutine,
    KeepsCancelLock,
    UsesCompleted,
    LeftWithRequest,
    Left,
    NoPath,
    HasPnp,
}

/// What the driver keeps.
#[derive(Default)]
struct Device {
    wrong: Cell<Option<Wrong>>,
    registered: Cell<usize>,
    object: Cell<usize>,
    pended: Cell<usize>,
    lock: Cell<u64>,
}

fn device() -> Rc<Device> {
    sim::local::<Device>()
}

fn wrong(what: Wrong) -> bool {
    device().wrong.get() == Some(what)
}

fn string(units: &[u16]) -> UNICODE_STRING {
    UNICODE_STRING {
        Length: (units.len() * 2) as u16,
        MaximumLength: (units.len() * 2) as u16,
        Buffer: units.as_ptr().cast_mut(),
    }
}

/// `NdisRegisterDeviceEx`, with 8 bytes of extension that hold 42.
fn register() -> NDIS_STATUS {
    let text = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    let units = [
        text(if wrong(Wrong::NoPath) {
            "tiny"
        } else {
            r"\Device\tiny"
        }),
        text(LINK),
        text("D:P(A;;GA;;;SY)"),
    ];
    let [mut name, mut link, security] = [0, 1, 2].map(|at| string(&units[at]));
    let mut functions: [DRIVER_DISPATCH; IRP_MJ_COUNT] = [None; IRP_MJ_COUNT];
    for major in [IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE] {
        functions[major] = Some(plain);
    }
    functions[IRP_MJ_DEVICE_CONTROL] = Some(control);
    if wrong(Wrong::HasPnp) {
        functions[IRP_MJ_PNP] = Some(plain);
    }
    let mut attributes = NDIS_DEVICE_OBJECT_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
            Revision: 1,
            Size: 56,
        },
        DeviceName: &raw mut name,
        SymbolicName: &raw mut link,
        MajorFunctions: functions.as_ptr(),
        ExtensionSize: 8,
        DefaultSDDLString: &raw const security,
        DeviceClassGuid: ptr::null(),
    };
    let (mut object, mut place) = (ptr::null_mut(), ptr::null_mut());
    let driver = handle(&tiny().driver);
    // SAFETY: the handle is good, the attributes complete.
    let status =
        unsafe { NdisRegisterDeviceEx(driver, &raw mut attributes, &raw mut object, &raw mut place) };
    if status == 0 {
        device().registered.set(place as usize);
        device().object.set(object as usize);
        // SAFETY: the device object is ours, its extension has 8 bytes.
        unsafe { NdisGetDeviceReservedExtension(object).cast::<u64>().write(42) };
    }
    status
}

fn deregister() {
    // SAFETY: the handle is good.
    unsafe { NdisDeregisterDeviceEx(device().registered.get() as *mut c_void) };
}

/// # Safety
/// `irp` is with the driver.
unsafe fn finish(irp: *mut IRP, status: NTSTATUS, bytes: usize) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe {
        (*irp).IoStatus = IO_STATUS_BLOCK {
            Status: status,
            Information: bytes,
        };
    };
    // SAFETY: the caller's promise.
    unsafe { IofCompleteRequest(irp, 0) };
    status
}

unsafe extern "win64" fn plain(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the system's request.
    unsafe { finish(irp, 0, 0) }
}

/// Code 1 adds one to each byte; code 2 pends until it is cancelled; code 3 fails with bytes.
unsafe extern "win64" fn control(object: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    assert_eq!(object as usize, device().object.get());
    // SAFETY: the device object is ours.
    let kept = unsafe { NdisGetDeviceReservedExtension(object) }.cast::<u64>();
    // SAFETY: the extension has 8 bytes.
    assert_eq!(unsafe { kept.read() }, 42);
    // SAFETY: the system's request.
    let stack = unsafe { &mut *(*irp).CurrentStackLocation };
    let length = stack.Parameters.InputBufferLength as usize;
    match stack.Parameters.IoControlCode {
        // SAFETY: as above.
        2 => unsafe { pend(stack, irp) },
        // SAFETY: as above.
        3 => unsafe { finish(irp, CANCELLED, 1) },
        // SAFETY: as above.
        _ => unsafe { add_one(irp, length) },
    }
}

unsafe fn add_one(irp: *mut IRP, length: usize) -> NTSTATUS {
    if wrong(Wrong::NotCompleted) {
        return 0;
    }
    // SAFETY: the system's buffer has the input.
    let buffer = unsafe { std::slice::from_raw_parts_mut((*irp).AssociatedIrp.cast::<u8>(), length) };
    buffer.iter_mut().for_each(|byte| *byte += 1);
    let lock = wrong(Wrong::UnderLock).then(|| device().lock.as_ptr());
    // SAFETY: our lock.
    let old = lock.map(|lock| unsafe { crate::nt::KeAcquireSpinLockRaiseToDpc(lock) });
    let said = if wrong(Wrong::CompletedPending) {
        PENDING
    } else {
        0
    };
    let bytes = if wrong(Wrong::TooManyBytes) {
        1 << 20
    } else {
        length
    };
    if wrong(Wrong::WithCancelRoutine) {
        // SAFETY: the system's request.
        unsafe { (*irp).CancelRoutine = cancel as *mut c_void };
    }
    // SAFETY: the system's request.
    unsafe { finish(irp, said, bytes) };
    if wrong(Wrong::CompletedTwice) {
        // SAFETY: it is checked.
        unsafe { finish(irp, said, bytes) };
    }
    if let (Some(lock), Some(old)) = (lock, old) {
        // SAFETY: our lock.
        unsafe { crate::nt::KeReleaseSpinLock(lock, old) };
    }
    if wrong(Wrong::OtherStatus) {
        return CANCELLED;
    }
    if wrong(Wrong::UsesCompleted) {
        // SAFETY: the memory is still there.
        return unsafe { (*irp).IoStatus.Status };
    }
    if wrong(Wrong::PendsUnmarked) {
        PENDING
    } else {
        said
    }
}

unsafe fn pend(stack: &mut IO_STACK_LOCATION, irp: *mut IRP) -> NTSTATUS {
    stack.Control |= SL_PENDING_RETURNED;
    device().pended.set(irp as usize);
    // SAFETY: the system's request.
    unsafe { (*irp).CancelRoutine = cancel as *mut c_void };
    if wrong(Wrong::MarksAndReturns) { 0 } else { PENDING }
}

unsafe extern "win64" fn cancel(_: *mut DEVICE_OBJECT, irp: *mut IRP) {
    assert_eq!(sim::irql(), 2);
    if wrong(Wrong::KeepsCancelLock) {
        return;
    }
    // SAFETY: the system took the lock.
    unsafe { IoReleaseCancelSpinLock((*irp).CancelIrql) };
    device().pended.set(0);
    // SAFETY: it pended.
    unsafe { finish(irp, CANCELLED, 0) };
}

fn run(what: Option<Wrong>, scenario: impl FnOnce(&Driver) + Send) -> Result<(), Failure> {
    sim::run(7, || {
        device().wrong.set(what);
        let (_, driver, adapter) = halted();
        let host = driver.host();
        assert_eq!(kernel::on_host(host, "register", register), 0);
        scenario(&driver);
        if !wrong(Wrong::Left) {
            kernel::on_host(host, "deregister", deregister);
        }
        adapter.remove();
        driver.unload();
    })
}

/// A good driver answers, pends, is cancelled and goes; errors bring no bytes; what it has no entry for the system refuses.
#[test]
fn a_program_asks_a_control_device() {
    run(None, |driver| {
        let missing = driver.open_control(r"\DosDevices\other").err();
        assert_eq!(missing, Some(0xc000_0034_u32.cast_signed()));
        assert_eq!(
            driver.device_io_control(LINK, 1, &[1, 2, 3], 8),
            Ok(vec![2, 3, 4])
        );
        let open = driver.open_control(LINK).expect("it opens");
        assert_eq!(open.security(), "D:P(A;;GA;;;SY)");
        assert_eq!(open.device_io_control(3, &[0], 8), Err(CANCELLED));
        assert_eq!(open.other(IRP_MJ_POWER), Err(0xc000_0010_u32.cast_signed()));
        let request = open.begin(2, &[], 0);
        sim::sleep(sim::MILLISECOND);
        assert!(!request.is_done());
        request.cancel();
        assert_eq!(request.wait(), Err(CANCELLED));
        request.cancel();
        open.close().expect("it closes");
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Two devices of one name on a host do not go together.
#[test]
fn names_are_given_once() {
    run(None, |driver| {
        let again = kernel::on_host(driver.host(), "register", register);
        assert_eq!(again, 0xc000_0035_u32.cast_signed());
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves IRP-COMPLETE, IRP-PENDING, IRP-CANCEL, PROTO-DEVICE and VRF-42.
#[test]
fn a_driver_that_is_wrong_about_its_requests_is_caught() {
    let asked: fn(&Driver) = |driver| {
        let _ = driver.device_io_control(LINK, 1, &[1], 1);
    };
    let cancelled: fn(&Driver) = |driver| {
        let open = driver.open_control(LINK).expect("it opens");
        let request = open.begin(2, &[], 0);
        sim::sleep(sim::MILLISECOND);
        request.cancel();
        let _ = request.wait();
        let _ = open.close();
    };
    let left: fn(&Driver) = |driver| {
        let open = driver.open_control(LINK).expect("it opens");
        let _request = open.begin(2, &[], 0);
        sim::sleep(sim::MILLISECOND);
        kernel::on_host(driver.host(), "deregister", deregister);
    };
    let cases = [
        (Wrong::NotCompleted, "IRP-COMPLETE", asked),
        (Wrong::CompletedTwice, "IRP-COMPLETE", asked),
        (Wrong::CompletedPending, "IRP-COMPLETE", asked),
        (Wrong::TooManyBytes, "IRP-COMPLETE", asked),
        (Wrong::UnderLock, "IRP-COMPLETE", asked),
        (Wrong::WithCancelRoutine, "IRP-COMPLETE", asked),
        (Wrong::OtherStatus, "IRP-PENDING", asked),
        (Wrong::PendsUnmarked, "IRP-PENDING", asked),
        (Wrong::UsesCompleted, "IRP-PENDING", asked),
        (Wrong::MarksAndReturns, "IRP-PENDING", cancelled),
        (Wrong::KeepsCancelLock, "IRP-CANCEL", cancelled),
        (Wrong::LeftWithRequest, "PROTO-DEVICE", left),
        (Wrong::Left, "VRF-42", asked),
        (Wrong::NoPath, "PROTO-DEVICE", asked),
        (Wrong::HasPnp, "PROTO-DEVICE", asked),
    ];
    for (what, rule, scenario) in cases {
        let caught = run(Some(what), scenario)
            .err()
            .map_or("none", |failure| failure.rule);
        assert_eq!(caught, rule, "{what:?}");
    }
}
