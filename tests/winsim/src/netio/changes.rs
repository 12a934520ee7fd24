//! Who wants to hear of changes of addresses.
//!
//! A notification says which address has changed, no more: of its row, address and interface are filled. The reference names no IRQL
//! for the callback, so that it comes at `PASSIVE_LEVEL` or at `DISPATCH_LEVEL`, as the seed says.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::netio::{
    MIB_UNICASTIPADDRESS_ROW, MibAddInstance, MibDeleteInstance, MibInitialNotification,
    MibParameterNotification,
};

use super::address;
use super::model::{InterfaceId, Unicast};
use crate::nt::{self, Level};
use crate::sim::{self, HostId, MICROSECOND, Stream, TaskId, faults};

const STATUS_SUCCESS: i32 = 0;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
const STATUS_NO_MEMORY: i32 = 0xC000_0017_u32 as i32;
/// `AF_UNSPEC`, `AF_INET`, `AF_INET6`.
const FAMILIES: [u16; 3] = [0, address::INET, address::INET6];
const DISPATCH_LEVEL: u8 = 2;

/// `UNICAST_IPADDRESS_CHANGE_CALLBACK`: context, row or null, notification type.
pub type ChangeCallback = unsafe extern "win64" fn(*mut c_void, *mut MIB_UNICASTIPADDRESS_ROW, i32);
/// An address has come.
pub(super) const ADDED: i32 = MibAddInstance;
/// An address has left.
pub(super) const DELETED: i32 = MibDeleteInstance;
/// Something of an address has changed.
pub(super) const CHANGED: i32 = MibParameterNotification;

/// One registration for address changes.
struct Registration {
    host: HostId,
    family: u16,
    callback: ChangeCallback,
    context: usize,
    running: Cell<u32>,
    /// Contexts that run its callback.
    within: RefCell<Vec<TaskId>>,
}

/// All registrations of a run, by handle.
#[derive(Default)]
pub(super) struct Registrations {
    next: Cell<usize>,
    live: RefCell<BTreeMap<usize, Rc<Registration>>>,
}

/// How many registrations of the host were not cancelled.
pub fn registrations_outstanding(host: HostId) -> usize {
    sim::local::<Registrations>()
        .live
        .borrow()
        .values()
        .filter(|r| r.host == host)
        .count()
}

/// `NotifyUnicastIpAddressChange`: the first notification comes before this returns, the others in a worker.
///
/// # Safety
/// The callback may be called with the context until the registration is cancelled; `handle` is a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NotifyUnicastIpAddressChange(
    family: u16,
    callback: Option<ChangeCallback>,
    context: *mut c_void,
    initial: u8,
    handle: *mut *mut c_void,
) -> i32 {
    nt::enter("NotifyUnicastIpAddressChange", Level::Passive);
    let Some(callback) = callback.filter(|_| FAMILIES.contains(&family) && !handle.is_null()) else {
        return STATUS_INVALID_PARAMETER;
    };
    if faults::fire("NotifyUnicastIpAddressChange") {
        return STATUS_NO_MEMORY;
    }
    let registrations = sim::local::<Registrations>();
    let number = registrations.next.replace(registrations.next.get() + 1);
    let key = 0x4e45_5449_0000_0010 + number * 16;
    let fresh = Registration {
        host: nt::host(),
        family,
        callback,
        context: context as usize,
        running: Cell::new(0),
        within: RefCell::default(),
    };
    let fresh = Rc::new(fresh);
    registrations.live.borrow_mut().insert(key, Rc::clone(&fresh));
    // SAFETY: the caller gives a place for the handle.
    unsafe { handle.write(key as *mut c_void) };
    if initial != 0 {
        call(&fresh, None, MibInitialNotification, 0);
    }
    STATUS_SUCCESS
}

fn call(registration: &Registration, row: Option<MIB_UNICASTIPADDRESS_ROW>, kind: i32, irql: u8) {
    registration.running.set(registration.running.get() + 1);
    registration.within.borrow_mut().extend(sim::current());
    let mut row = row;
    let at = row.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    nt::at_irql(irql, || {
        // SAFETY: whoever registered gave callback and context for this.
        unsafe { (registration.callback)(registration.context as *mut c_void, at, kind) };
    });
    nt::expect_clean("an address change callback");
    let me = sim::current();
    registration.within.borrow_mut().retain(|task| Some(*task) != me);
    registration.running.set(registration.running.get() - 1);
}

/// What a notification tells of an address.
fn keys(id: InterfaceId, unicast: &Unicast) -> MIB_UNICASTIPADDRESS_ROW {
    // SAFETY: all fields of a row may be zero.
    let mut row: MIB_UNICASTIPADDRESS_ROW = unsafe { std::mem::zeroed() };
    row.Address = address::to_inet_in(unicast.address, id.index);
    row.InterfaceLuid = id.luid();
    row.InterfaceIndex = id.index;
    row
}

/// Tells everybody on the host who wants to know.
pub(super) fn announce(id: InterfaceId, unicast: &Unicast, kind: i32) {
    let row = keys(id, unicast);
    let family = address::family(&row.Address);
    let interested: Vec<_> = {
        let registrations = sim::local::<Registrations>();
        let live = registrations.live.borrow();
        let wants = |r: &&Rc<Registration>| r.host == id.host && (r.family == 0 || r.family == family);
        live.values().filter(wants).cloned().collect()
    };
    for registration in interested {
        registration.running.set(registration.running.get() + 1);
        nt::worker(id.host, "address change", move || {
            let irql = DISPATCH_LEVEL * sim::choose(Stream::Netio, 2) as u8;
            call(&registration, Some(row), kind, irql);
            registration.running.set(registration.running.get() - 1);
        });
    }
}

/// `CancelMibChangeNotify2`: returns when no callback of the registration runs, which is why none may call it.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn CancelMibChangeNotify2(handle: *mut c_void) -> i32 {
    nt::enter("CancelMibChangeNotify2", Level::Passive);
    let gone = sim::local::<Registrations>()
        .live
        .borrow_mut()
        .remove(&(handle as usize));
    let Some(registration) = gone else {
        return STATUS_INVALID_PARAMETER;
    };
    let within = registration.within.borrow().clone();
    if sim::current().is_some_and(|me| within.contains(&me)) {
        sim::fail(
            "NOTIFY-CANCEL",
            "CancelMibChangeNotify2 in the callback that it waits for",
        );
    }
    let _deadline = sim::Deadline::new("WAITS", sim::LONGEST, || {
        "a notification that CancelMibChangeNotify2 waits for".to_owned()
    });
    while registration.running.get() > 0 {
        sim::sleep(MICROSECOND);
    }
    STATUS_SUCCESS
}
