//! What every object of a consumer has: its pointer and its close.

use std::marker::PhantomData;

use cxndk::sys::ndkpi::{NDK_FN_CLOSE_OBJECT, NDK_OBJECT_HEADER};

use super::Status;
use super::wait::{self, Started};

/// An object type of the interface: where its table has the close function.
pub trait Kind {
    /// The close function of the object's table.
    ///
    /// # Safety
    ///
    /// `object` is live.
    unsafe fn close_function(object: *mut Self) -> NDK_FN_CLOSE_OBJECT;
}

/// A handle on an object that the provider handed out. Dropping it closes nothing: a consumer closes what it opened.
pub struct Object<T> {
    raw: *mut T,
    _not_send: PhantomData<*mut T>,
}

impl<T> Clone for Object<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Object<T> {}

impl<T> Object<T> {
    /// Wraps what a create or a connect event handed out.
    pub const fn from_raw(raw: *mut T) -> Self {
        Self {
            raw,
            _not_send: PhantomData,
        }
    }

    /// The pointer, for calls of the interface.
    pub const fn raw(self) -> *mut T {
        self.raw
    }

    /// The object header.
    pub const fn header(self) -> *mut NDK_OBJECT_HEADER {
        self.raw.cast()
    }
}

impl<T: Kind> Object<T> {
    /// Starts the close.
    pub fn close(self) -> Started {
        Started::close(|context| {
            // SAFETY: the consumer closes an object that it has, once.
            let close = unsafe { T::close_function(self.raw) }.expect("every slot is filled (LIFE-07)");
            // SAFETY: as above; the completion takes the context.
            unsafe { close(self.header(), Some(wait::closed), context) }
        })
    }

    /// Closes and waits until the object is gone.
    ///
    /// # Errors
    ///
    /// What the close returned, which the contract does not allow to be an error (LIFE-30).
    pub fn close_and_wait(self) -> Result<(), Status> {
        self.close().wait()
    }
}

/// Calls a function of the object's dispatch table.
macro_rules! dispatch {
    ($object:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let raw = $object.raw();
        // SAFETY: the object is live and its table is readable (LIFE-05).
        let table = unsafe { &*(*raw).Dispatch };
        let function = table.$function.expect("every slot is filled (LIFE-07)");
        // SAFETY: the arguments are what the function's page asks for.
        unsafe { function(raw, $($argument),*) }
    }};
}

/// Says where the close function of a table is.
macro_rules! kinds {
    ($($object:ident: $close:ident;)*) => {
        $(impl Kind for cxndk::sys::ndkpi::$object {
            unsafe fn close_function(object: *mut Self) -> NDK_FN_CLOSE_OBJECT {
                // SAFETY: the caller says that the object is live; its table is readable (LIFE-05).
                let table = unsafe { &*(*object).Dispatch };
                table.$close
            }
        })*
    };
}

kinds! {
    NDK_CQ: NdkCloseCq;
    NDK_PD: NdkClosePd;
    NDK_MR: NdkCloseMr;
    NDK_MW: NdkCloseMw;
    NDK_SRQ: NdkCloseSrq;
    NDK_QP: NdkCloseQp;
    NDK_CONNECTOR: NdkCloseConnector;
    NDK_LISTENER: NdkCloseListener;
    NDK_SHARED_ENDPOINT: NdkCloseSharedEndpoint;
}

pub(super) use dispatch;
