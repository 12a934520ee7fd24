//! What the driver registers with NDIS as a connection-oriented miniport with a call manager.

use std::ffi::c_void;

use cxndk::co::edge::{manager_handlers, miniport_characteristics};
use cxndk::co::format::{ADDRESS_FAMILY, FAMILY_MAJOR, FAMILY_MINOR};
use cxndk::sys::condis::{self, CO_ADDRESS_FAMILY};
use cxndk::sys::ndis::NDIS_OID_REQUEST;
// What the handlers import.
use cxndk_testbed as _;

unsafe extern "win64" fn open(
    _: *mut c_void,
    _: *mut CO_ADDRESS_FAMILY,
    _: *mut c_void,
    _: *mut *mut c_void,
) -> i32 {
    0
}

unsafe extern "win64" fn manager_request(
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut NDIS_OID_REQUEST,
) -> i32 {
    0
}

unsafe extern "win64" fn miniport_request(_: *mut c_void, _: *mut c_void, _: *mut NDIS_OID_REQUEST) -> i32 {
    0
}

/// The words of a structure of pointers, header first.
fn words<T>(table: &T) -> Vec<usize> {
    let first = std::ptr::from_ref(table).cast::<usize>();
    // SAFETY: the structure is made of words, all of them initialised.
    unsafe { std::slice::from_raw_parts(first, size_of::<T>() / size_of::<usize>()) }.to_vec()
}

/// Proves REG-04, REG-07, GEN-08: every handler of the call manager is there, the last one too, which the size in the header leaves out as
/// the header's own macro does.
#[test]
fn the_call_manager_has_all_handlers() {
    let handlers = manager_handlers(Some(open), Some(manager_request));
    assert_eq!(handlers.Reserved, 0);
    let words = words(&handlers);
    assert_eq!(words.len(), 18);
    assert!(!words[1..].contains(&0));
    assert_eq!(
        usize::from(handlers.Header.Size),
        size_of_val(&handlers) - size_of::<usize>()
    );
    assert!(handlers.CmNotifyCloseAfCompleteHandler.is_some());
}

/// Proves REG-03, REG-06: the miniport half has no create and delete of VCs, which go to the call manager's, and everything else.
#[test]
fn the_miniport_half_leaves_vcs_to_the_call_manager() {
    let characteristics = miniport_characteristics(Some(miniport_request));
    assert!(characteristics.CoCreateVcHandler.is_none() && characteristics.CoDeleteVcHandler.is_none());
    assert_eq!(
        words(&characteristics).iter().filter(|word| **word == 0).count(),
        2
    );
    assert_eq!(characteristics.Flags, 0);
}

/// Proves AF-26, VC-30: the codes of the family and of the flags are those of the headers.
#[test]
fn codes_are_those_of_the_headers() {
    assert_eq!((ADDRESS_FAMILY, FAMILY_MAJOR, FAMILY_MINOR), (7, 1, 0));
    assert_eq!(condis::CO_ADDRESS_FAMILY_Q2931, 1);
    let flags = [
        condis::PERMANENT_VC,
        condis::CALL_PARAMETERS_CHANGED,
        condis::BROADCAST_VC,
        condis::MULTIPOINT_VC,
    ];
    assert_eq!(flags, [1, 2, 8, 0x10]);
}
