//! [`AddressWatch`]: a callback whenever an address of this host comes, goes or changes.

use core::{ffi::c_void, ptr::null_mut};

use super::{Passive, Ref, Status, sync::AtomicPtr, sync::Ordering};
use crate::sys::netio::{self, MIB_NOTIFICATION_TYPE, MIB_UNICASTIPADDRESS_ROW};

/// `AF_UNSPEC`: addresses of both families.
const AF_UNSPEC: u16 = 0;

/// What the system calls.
struct Watcher<T> {
    target: Ref<T>,
    changed: fn(&Ref<T>),
}

/// Calls back at `<= DISPATCH_LEVEL` until it is cancelled, the first time for the addresses that are there already.
///
/// What a notification's row says is not looked at: only its keys are filled, and several changes may have happened since. Whoever is
/// called asks for the addresses anew.
pub struct AddressWatch<T: Send + Sync + 'static> {
    watcher: Ref<Watcher<T>>,
    handle: AtomicPtr<c_void>,
}

impl<T: Send + Sync + 'static> AddressWatch<T> {
    /// Starts to watch. `target` is held until [`Self::cancel`].
    ///
    /// # Errors
    /// No memory, or the status of `NotifyUnicastIpAddressChange`.
    pub fn start(target: Ref<T>, changed: fn(&Ref<T>), _: Passive<'_>) -> Result<Self, Status> {
        let watcher = Ref::try_new(Watcher { target, changed })?;
        let mut handle = null_mut();
        let context = Ref::as_ptr(&watcher).cast_mut().cast();
        // SAFETY: PASSIVE_LEVEL; the context lives until the notification is cancelled, the place for the handle is ours.
        let status = unsafe {
            netio::NotifyUnicastIpAddressChange(AF_UNSPEC, Some(notified::<T>), context, 1, &raw mut handle)
        };
        Status(status).ok()?;
        Ok(Self {
            watcher,
            handle: AtomicPtr::new(handle),
        })
    }

    /// Ends it, and waits until no callback runs. The caller holds nothing that a callback could wait for.
    pub fn cancel(self, _: Passive<'_>) {
        // SAFETY: the handle is live until here; PASSIVE_LEVEL, and not a callback of the same handle.
        // The call fails for no handle that is one.
        let _ = unsafe { netio::CancelMibChangeNotify2(self.handle.load(Ordering::Relaxed)) };
        drop(self.watcher);
    }
}

impl<T: Send + Sync + 'static> core::fmt::Debug for AddressWatch<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AddressWatch")
    }
}

unsafe extern "win64" fn notified<T: Send + Sync + 'static>(
    context: *mut c_void,
    _: *mut MIB_UNICASTIPADDRESS_ROW,
    _: MIB_NOTIFICATION_TYPE,
) {
    // SAFETY: the context of a notification that is not cancelled, whose watcher therefore lives.
    let watcher = unsafe { &*context.cast::<Watcher<T>>() };
    (watcher.changed)(&watcher.target);
}
