//! The dispatch table of memory windows.

use super::{super::mw::Mw, close, query_extension};
use crate::sys::ndkpi::{NDK_MW, NDK_MW_DISPATCH};

/// The table.
pub static DISPATCH: NDK_MW_DISPATCH = NDK_MW_DISPATCH {
    NdkCloseMw: Some(close::<Mw>),
    NdkQueryExtension: Some(query_extension),
    NdkGetRemoteTokenFromMw: Some(get_remote_token),
};

/// A window that was never bound has none: 0, which the device takes for no key.
unsafe extern "win64" fn get_remote_token(_: *mut NDK_MW) -> u32 {
    0
}
