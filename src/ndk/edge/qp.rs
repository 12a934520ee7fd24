//! The dispatch table of queue pairs.

use core::{ffi::c_void, mem::offset_of, slice};

use wdk_sys::LARGE_INTEGER;

use super::{
    super::{
        mr::{FastRange, Mr},
        object::Object,
        post::Remote,
        qp::Qp,
    },
    close, object,
    pieces::SgeList,
    query_extension,
};
use crate::{
    hw::Key,
    nt::Status,
    sys::ndkpi::{
        NDK_MR, NDK_MW, NDK_OBJECT_HEADER, NDK_OBJECT_TYPE, NDK_QP, NDK_QP_DISPATCH, NDK_SGE, NdkObjectTypeMr,
    },
};

/// The table.
pub static DISPATCH: NDK_QP_DISPATCH = NDK_QP_DISPATCH {
    NdkCloseQp: Some(close::<Qp>),
    NdkQueryExtension: Some(query_extension),
    NdkFlush: Some(flush),
    NdkSend: Some(send),
    NdkReceive: Some(receive),
    NdkBind: Some(bind),
    NdkFastRegister: Some(fast_register),
    NdkInvalidate: Some(invalidate),
    NdkRead: Some(read),
    NdkWrite: Some(write),
    NdkSendAndInvalidate: Some(send_and_invalidate),
};

unsafe extern "win64" fn flush(qp: *mut NDK_QP) {
    // SAFETY: the consumer's duty.
    let qp = unsafe { Object::<Qp>::from_handle(qp) };
    Object::flush(&qp);
}

unsafe extern "win64" fn send(
    qp: *mut NDK_QP,
    context: *mut c_void,
    list: *const NDK_SGE,
    count: u32,
    flags: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    // SAFETY: the consumer's duty.
    let pieces = unsafe { SgeList::new(list, count) };
    qp.kind().send(number(context), &pieces, flags, None).0
}

unsafe extern "win64" fn send_and_invalidate(
    qp: *mut NDK_QP,
    context: *mut c_void,
    list: *const NDK_SGE,
    count: u32,
    flags: u32,
    token: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    // SAFETY: the consumer's duty.
    let pieces = unsafe { SgeList::new(list, count) };
    qp.kind()
        .send(number(context), &pieces, flags, Some(Key(token)))
        .0
}

unsafe extern "win64" fn receive(
    qp: *mut NDK_QP,
    context: *mut c_void,
    list: *const NDK_SGE,
    count: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    // SAFETY: the consumer's duty.
    let pieces = unsafe { SgeList::new(list, count) };
    qp.kind().receive(number(context), &pieces).0
}

unsafe extern "win64" fn read(
    qp: *mut NDK_QP,
    context: *mut c_void,
    list: *const NDK_SGE,
    count: u32,
    address: u64,
    token: u32,
    flags: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    // SAFETY: the consumer's duty.
    let pieces = unsafe { SgeList::new(list, count) };
    qp.kind()
        .read(
            number(context),
            &pieces,
            Remote {
                address,
                key: Key(token),
            },
            flags,
        )
        .0
}

unsafe extern "win64" fn write(
    qp: *mut NDK_QP,
    context: *mut c_void,
    list: *const NDK_SGE,
    count: u32,
    address: u64,
    token: u32,
    flags: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    // SAFETY: the consumer's duty.
    let pieces = unsafe { SgeList::new(list, count) };
    qp.kind()
        .write(
            number(context),
            &pieces,
            Remote {
                address,
                key: Key(token),
            },
            flags,
        )
        .0
}

/// Windows cannot be bound, which `MaxWindowSize` 0 says.
unsafe extern "win64" fn bind(
    qp: *mut NDK_QP,
    _: *mut c_void,
    _: *mut NDK_MR,
    _: *mut NDK_MW,
    _: *mut c_void,
    _: u64,
    flags: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    qp.kind().refuse_bind(flags, Status::NOT_SUPPORTED).0
}

unsafe extern "win64" fn fast_register(
    qp: *mut NDK_QP,
    context: *mut c_void,
    mr: *mut NDK_MR,
    count: u32,
    pages: *const LARGE_INTEGER,
    first_byte_offset: u32,
    length: u64,
    base: *mut c_void,
    flags: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    // SAFETY: the consumer's duty.
    let mr = unsafe { object::<Mr>(mr) };
    let pages: &[u64] = if count == 0 {
        &[]
    } else {
        // SAFETY: the consumer's duty; all 64 bits of an element are one number.
        unsafe { slice::from_raw_parts(pages.cast(), count as usize) }
    };
    let range = FastRange {
        first_byte_offset,
        length,
        base: number(base),
    };
    qp.kind()
        .fast_register(number(context), mr.kind(), &range, pages.iter().copied(), flags)
        .0
}

unsafe extern "win64" fn invalidate(
    qp: *mut NDK_QP,
    context: *mut c_void,
    target: *mut NDK_OBJECT_HEADER,
    flags: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let qp = unsafe { object::<Qp>(qp) };
    // SAFETY: the consumer's duty: a region or a window.
    let kind = unsafe { object_type(target) };
    if kind != NdkObjectTypeMr {
        // A window that is not bound.
        return qp.kind().refuse_bind(flags, Status::INVALID_DEVICE_REQUEST).0;
    }
    // SAFETY: its header says that it is a region.
    let mr = unsafe { object::<Mr>(target.cast()) };
    qp.kind().invalidate(number(context), mr.kind(), flags).0
}

/// The type of an object that may be of more than one.
///
/// # Safety
/// `header` leads to an object that was handed out and is not closed.
unsafe fn object_type(header: *mut NDK_OBJECT_HEADER) -> NDK_OBJECT_TYPE {
    // SAFETY: the offset is inside the object.
    let field = unsafe { header.byte_add(offset_of!(NDK_OBJECT_HEADER, ObjectType)) };
    // SAFETY: nobody writes this field.
    unsafe { field.cast::<NDK_OBJECT_TYPE>().read() }
}

/// A consumer's pointer that is only a number here.
#[inline(always)]
fn number(context: *mut c_void) -> u64 {
    context.addr() as u64
}
