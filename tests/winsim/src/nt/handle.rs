//! Handles of the kernel: to registry keys and threads.

use super::context::{Level, enter, host};
use super::service_key::Key;
use super::thread::Thread;
use crate::sim::{self, HostId};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::rc::Rc;
use wdk_standin::NTSTATUS;

const STATUS_SUCCESS: NTSTATUS = 0;
const STATUS_INVALID_HANDLE: NTSTATUS = 0xc000_0008_u32 as i32;

/// What a handle leads to.
#[derive(Clone)]
pub(super) enum Handle {
    /// A registry key.
    Key(Rc<Key>),
    /// A system thread.
    Thread(Rc<Thread>),
}

#[derive(Default)]
struct Handles {
    last: Cell<usize>,
    open: RefCell<BTreeMap<usize, (HostId, Handle)>>,
}

/// A new handle.
pub(super) fn open(what: Handle) -> *mut c_void {
    let handles = sim::local::<Handles>();
    // Kernel handles are multiples of 4 with the upper half set.
    handles.last.set(handles.last.get() + 4);
    let handle = 0xffff_ffff_8000_0000 + handles.last.get();
    handles.open.borrow_mut().insert(handle, (host(), what));
    handle as *mut c_void
}

/// What a handle leads to.
pub(super) fn find(handle: *mut c_void) -> Option<Handle> {
    let handles = sim::local::<Handles>();
    let open = handles.open.borrow();
    open.get(&(handle as usize)).map(|(_, what)| what.clone())
}

/// `ZwClose`: `PASSIVE_LEVEL`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ZwClose(handle: *mut c_void) -> NTSTATUS {
    enter("ZwClose", Level::Passive);
    match sim::local::<Handles>()
        .open
        .borrow_mut()
        .remove(&(handle as usize))
    {
        Some(_) => STATUS_SUCCESS,
        None => STATUS_INVALID_HANDLE,
    }
}

/// How many handles the drivers of a host have open.
pub fn handles_outstanding(host: HostId) -> usize {
    let handles = sim::local::<Handles>();
    let open = handles.open.borrow();
    open.values().filter(|(owner, _)| *owner == host).count()
}
