//! Memory windows. They can be made and closed; binding one is not built, which `MaxWindowSize` and the capability
//! `MaxMwCount`, both 0, say.

use core::{ffi::c_void, ptr};

use super::{
    object::{Hold, Kind, Object, Tables},
    pd::Pd,
};
use crate::{
    nt::{Passive, Ref, Status},
    sys::ndkpi::{NDK_MW, NDK_OBJECT_TYPE, NdkObjectTypeMw},
};

/// A memory window that is never bound.
pub struct Mw;

impl Kind for Mw {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeMw;
    type Raw = NDK_MW;
    type Antecedents = Hold<Pd>;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.mw).cast()
    }

    fn needs_teardown(&self) -> bool {
        false
    }

    fn teardown(&self, _: Passive<'_>) {}
}

impl Mw {
    /// Makes a window.
    ///
    /// # Errors
    /// No memory.
    pub fn create(pd: Hold<Pd>) -> Result<Ref<Object<Self>>, Status> {
        let identity = pd.object().identity();
        Ok(Object::try_new(identity, pd, Self)?)
    }
}
