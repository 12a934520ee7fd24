//! The consumer's callbacks as values that safe code can keep and call.
//!
//! Each is called at `<= DISPATCH_LEVEL` (LIFE-20) with no lock held (LIFE-16), and its context goes back as it came
//! (LIFE-12, LIFE-37).

use core::{
    ffi::c_void,
    ptr::{NonNull, null_mut},
};

use crate::{
    nt::Status,
    sys::ndkpi::{
        NDK_CONNECTOR, NDK_FN_CLOSE_COMPLETION, NDK_FN_CONNECT_EVENT_CALLBACK,
        NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_FN_CREATE_COMPLETION, NDK_FN_DISCONNECT_EVENT_CALLBACK,
        NDK_FN_REQUEST_COMPLETION, NDK_OBJECT_HEADER,
    },
};

/// A value of the consumer that the provider only hands back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context(*mut c_void);

// SAFETY: the provider never follows it; to it, it is a number.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Keeps `raw`, which may be anything.
    pub const fn new(raw: *mut c_void) -> Self {
        Self(raw)
    }

    /// What was kept.
    pub const fn as_raw(self) -> *mut c_void {
        self.0
    }
}

/// Defines a callback: the consumer's function type, and the arguments between it and its context.
macro_rules! callbacks {
    ($($(#[$meta:meta])* $name:ident($function:ident $(, $argument:ident: $kind:ty => $raw:expr)*);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            function: $function,
            context: Context,
        }

        impl $name {
            /// Keeps the function and its context. A NULL function is one that is never called.
            ///
            /// # Safety
            /// `function` is NULL or may be called with `context` until the object that it belongs to is closed.
            pub const unsafe fn new(function: $function, context: *mut c_void) -> Self {
                Self { function, context: Context::new(context) }
            }

            /// Whether there is a function to call.
            pub const fn is_present(&self) -> bool {
                self.function.is_some()
            }

            /// Calls it. `<= DISPATCH_LEVEL`, no lock held.
            pub fn call(&self $(, $argument: $kind)*) {
                if let Some(function) = self.function {
                    // SAFETY: the consumer's promise, passed on by the caller of `new`.
                    unsafe { function(self.context.as_raw() $(, $raw)*) }
                }
            }
        }
    )*};
}

callbacks! {
    /// `NdkCloseCompletion`: the last callback of an object.
    CloseCompletion(NDK_FN_CLOSE_COMPLETION);
    /// `NdkRequestCompletion`: the end of a request that was pended.
    RequestCompletion(NDK_FN_REQUEST_COMPLETION, status: Status => status.0);
    /// `NdkCreateCompletion`: the end of a creation that was pended; the object, or NULL if it failed (CREATE-03).
    CreateCompletion(NDK_FN_CREATE_COMPLETION, status: Status => status.0, object: Option<NonNull<NDK_OBJECT_HEADER>> => object.map_or(null_mut(), NonNull::as_ptr));
    /// `NdkCqNotificationCallback`: the event that an arm asked for.
    CqNotification(NDK_FN_CQ_NOTIFICATION_CALLBACK, status: Status => status.0);
    /// `NdkConnectEventCallback`: a peer asks for a connection; the connector becomes the consumer's.
    ConnectEvent(NDK_FN_CONNECT_EVENT_CALLBACK, connector: NonNull<NDK_CONNECTOR> => connector.as_ptr());
    /// `NdkDisconnectEventCallback`: the peer has left, or the connection broke.
    DisconnectEvent(NDK_FN_DISCONNECT_EVENT_CALLBACK);
}
