//! Room before the data, and the data itself.

use std::ptr;

use cxndk::sys::ndis::{NDIS_STATUS_RESOURCES, NET_BUFFER};
use wdk_standin::_MDL as MDL;

use super::super::data::{NdisCopyFromNetBufferToNetBuffer, NdisGetDataBuffer};
use super::super::space::{NdisAdvanceNetBufferDataStart, NdisRetreatNetBufferDataStart};
use super::{
    assert_caught, buffer, buffer_pool, driver_handle, free_buffer, free_buffer_pool, free_mdl, mdl, passes,
};
use crate::sim::faults::{self, Plan, When};

fn retreat(buffer: *mut NET_BUFFER, delta: u32, back_fill: u32) -> i32 {
    // SAFETY: the buffer is good.
    unsafe { NdisRetreatNetBufferDataStart(buffer, delta, back_fill, None) }
}

fn advance(buffer: *mut NET_BUFFER, delta: u32, free: bool) {
    // SAFETY: the buffer is good.
    unsafe { NdisAdvanceNetBufferDataStart(buffer, delta, free.into(), None) };
}

/// Offset and length of the data, and the place of its first byte.
fn look(buffer: *mut NET_BUFFER) -> (u32, usize, *mut MDL, u32) {
    // SAFETY: the buffer is good.
    let now = unsafe { *buffer };
    (
        now.DataOffset,
        now.stDataLength,
        now.CurrentMdl,
        now.CurrentMdlOffset,
    )
}

/// The first bytes of the data.
fn bytes(buffer: *mut NET_BUFFER, count: usize) -> Vec<u8> {
    let mut storage = vec![0; count];
    // SAFETY: the buffer is good, the storage has room.
    let at = unsafe { NdisGetDataBuffer(buffer, count as u32, storage.as_mut_ptr().cast(), 1, 0) };
    assert!(!at.is_null());
    // SAFETY: the buffer has so many bytes there.
    unsafe { std::slice::from_raw_parts(at.cast::<u8>(), count) }.to_vec()
}

/// Runs `f` with a buffer over two MDLs of four and six bytes, whose data begins behind the first three.
fn with_buffer(f: impl FnOnce(*mut NET_BUFFER, *mut MDL, *mut MDL)) {
    let owner = driver_handle();
    let pool = buffer_pool(owner, 0);
    let (first, second) = (mdl(owner, &[0, 1, 2, 3]), mdl(owner, &[4, 5, 6, 7, 8, 9]));
    // SAFETY: two MDLs that are in no chain.
    unsafe { (*first).Next = second };
    let buffer = buffer(pool, first, 3, 7);
    f(buffer, first, second);
    free_buffer(buffer);
    free_mdl(first);
    free_mdl(second);
    free_buffer_pool(pool);
}

/// A retreat takes the room that there is, and an advance gives it back.
#[test]
fn the_data_start_moves_within_its_chain() {
    passes(|_| {
        with_buffer(|buffer, first, second| {
            assert_eq!(look(buffer), (3, 7, first, 3));
            assert_eq!(retreat(buffer, 2, 0), 0);
            assert_eq!(look(buffer), (1, 9, first, 1));
            assert_eq!(bytes(buffer, 4), [1, 2, 3, 4]);
            advance(buffer, 5, true);
            assert_eq!(look(buffer), (6, 4, second, 2));
            assert_eq!(bytes(buffer, 4), [6, 7, 8, 9]);
        });
    });
}

/// Without room a retreat puts an MDL before the others, which an advance takes away.
#[test]
fn a_retreat_makes_room() {
    passes(|_| {
        with_buffer(|buffer, first, _| {
            assert_eq!(retreat(buffer, 8, 16), 0);
            let (offset, length, current, _) = look(buffer);
            assert_eq!((offset, length), (24 - 5, 15));
            assert_ne!(current, first);
            assert_eq!(bytes(buffer, 10), [0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
            // Kept for the next retreat.
            advance(buffer, 8, false);
            assert_eq!(look(buffer), (27, 7, first, 3));
            assert_eq!(retreat(buffer, 27, 0), 0);
            assert_eq!(look(buffer), (0, 34, current, 0));
            advance(buffer, 27, true);
            assert_eq!(look(buffer), (3, 7, first, 3));
            faults::set(Some(
                Plan::new().fail("NdisRetreatNetBufferDataStart", When::Nth(1)),
            ));
            assert_eq!(retreat(buffer, 8, 0), NDIS_STATUS_RESOURCES);
            assert_eq!(look(buffer), (3, 7, first, 3));
        });
    });
}

unsafe extern "win64" fn allocate(size: *mut u32) -> *mut MDL {
    // SAFETY: NDIS gives the size.
    let size = unsafe { size.read() };
    mdl(driver_handle(), &vec![0xaa; size as usize])
}

unsafe extern "win64" fn allocate_less(_: *mut u32) -> *mut MDL {
    mdl(driver_handle(), &[0])
}

unsafe extern "win64" fn allocate_nothing(_: *mut u32) -> *mut MDL {
    ptr::null_mut()
}

unsafe extern "win64" fn free(mdl: *mut MDL) {
    free_mdl(mdl);
}

/// A driver may allocate the room itself, and frees it itself.
#[test]
fn a_driver_makes_room_itself() {
    passes(|_| {
        with_buffer(|buffer, first, _| {
            // SAFETY: the buffer is good.
            let status = unsafe { NdisRetreatNetBufferDataStart(buffer, 5, 0, Some(allocate)) };
            assert_eq!(status, 0);
            assert_eq!(bytes(buffer, 6), [0xaa, 0xaa, 0, 1, 2, 3]);
            // SAFETY: the buffer is good.
            unsafe { NdisAdvanceNetBufferDataStart(buffer, 5, 1, Some(free)) };
            assert_eq!(look(buffer), (3, 7, first, 3));
            // SAFETY: the buffer is good.
            let status = unsafe { NdisRetreatNetBufferDataStart(buffer, 5, 0, Some(allocate_nothing)) };
            assert_eq!(status, NDIS_STATUS_RESOURCES);
        });
    });
}

/// Proves VRF-19: a buffer that is freed with what a retreat added; and handlers that do not fit.
#[test]
fn wrong_retreats_and_advances_are_caught() {
    assert_caught("VRF-19", |_| {
        with_buffer(|buffer, _, _| assert_eq!(retreat(buffer, 8, 0), 0));
    });
    assert_caught("PACKET", |_| {
        with_buffer(|buffer, _, _| advance(buffer, 8, true));
    });
    assert_caught("PACKET", |_| {
        with_buffer(|buffer, _, _| {
            // SAFETY: the buffer is good.
            unsafe { NdisRetreatNetBufferDataStart(buffer, 5, 0, Some(allocate)) };
            advance(buffer, 5, true);
        });
    });
    assert_caught("PACKET", |_| {
        with_buffer(|buffer, _, _| {
            // SAFETY: the buffer is good.
            unsafe { NdisRetreatNetBufferDataStart(buffer, 9, 0, Some(allocate_less)) };
        });
    });
}

/// Data in one piece is shown where it lies; else it is copied, if there is a place for it.
#[test]
fn data_is_shown_or_copied() {
    passes(|_| {
        with_buffer(|buffer, _, second| {
            let get = |buffer, count, storage: *mut u8, multiple, offset| {
                // SAFETY: the buffer is good, the storage has room or is NULL.
                unsafe { NdisGetDataBuffer(buffer, count, storage.cast(), multiple, offset) }
            };
            let mut storage = [0_u8; 8];
            let place = storage.as_mut_ptr();
            assert!(get(buffer, 8, place, 1, 0).is_null(), "there are seven bytes");
            assert!(get(buffer, 7, ptr::null_mut(), 1, 0).is_null(), "in two pieces");
            assert_eq!(get(buffer, 7, place, 1, 0), place.cast());
            assert_eq!(storage, [3, 4, 5, 6, 7, 8, 9, 0]);
            advance(buffer, 1, false);
            // SAFETY: the MDL is good.
            let start = unsafe { (*second).MappedSystemVa };
            assert_eq!(get(buffer, 6, ptr::null_mut(), 1, 0), start);
            let odd = 1 - (start as u32 & 1);
            assert!(get(buffer, 6, ptr::null_mut(), 2, odd).is_null(), "not aligned");
            assert_eq!(get(buffer, 6, place, 2, odd), place.cast());
            faults::set(Some(Plan::new().fail("NdisGetDataBuffer", When::Nth(1))));
            assert!(get(buffer, 6, place, 1, 0).is_null(), "no memory to map it");
        });
    });
}

/// A copy ends where the source has no more, or the destination no room.
#[test]
fn data_is_copied_as_far_as_both_reach() {
    passes(|owner| {
        with_buffer(|source, _, _| {
            let pool = buffer_pool(owner, 0);
            let place = mdl(owner, &[0; 5]);
            let destination = buffer(pool, place, 1, 0);
            let copy = |to, wanted, from| {
                let mut copied = 0;
                // SAFETY: the buffers are good.
                let status = unsafe {
                    NdisCopyFromNetBufferToNetBuffer(destination, to, wanted, source, from, &raw mut copied)
                };
                assert_eq!(status, 0);
                copied
            };
            assert_eq!(copy(0, 2, 0), 2);
            assert_eq!(copy(1, 9, 5), 2, "the source ends");
            assert_eq!(copy(3, 9, 0), 1, "the room ends");
            assert_eq!(retreat(destination, 1, 0), 0);
            advance(destination, 0, false);
            // SAFETY: the buffer is good.
            unsafe { (*destination).stDataLength = 5 };
            assert_eq!(bytes(destination, 5), [0, 3, 8, 9, 3]);
            free_buffer(destination);
            free_mdl(place);
            free_buffer_pool(pool);
        });
    });
}
