//! The dispatch table of adapters.

use core::{ffi::c_void, mem::offset_of};

use wdk_sys::{_MDL as MDL, PHYSICAL_ADDRESS};

use super::{
    super::{
        adapter::Adapter,
        callback::{ConnectEvent, CqNotification},
        lam::{self, Mapping, Output},
        object::Object,
    },
    address, created, creation, query_extension, request,
};
use crate::{
    hw::Processors,
    nt::{Box, Mdl, NonPaged, Status},
    sys::{
        ndis::{GROUP_AFFINITY, NDK_ADAPTER_INFO},
        ndkpi::{
            NDK_ADAPTER, NDK_ADAPTER_DISPATCH, NDK_CONNECTOR, NDK_CQ, NDK_FN_CONNECT_EVENT_CALLBACK,
            NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_FN_CREATE_COMPLETION, NDK_FN_REQUEST_COMPLETION,
            NDK_LISTENER, NDK_LOGICAL_ADDRESS_MAPPING, NDK_PD, NDK_SHARED_ENDPOINT, SOCKADDR,
        },
    },
};

/// The table.
pub static DISPATCH: NDK_ADAPTER_DISPATCH = NDK_ADAPTER_DISPATCH {
    NdkQueryExtension: Some(query_extension),
    NdkQueryAdapterInfo: Some(query_adapter_info),
    NdkCreateCq: Some(create_cq),
    NdkCreatePd: Some(create_pd),
    NdkCreateSharedEndpoint: Some(create_shared_endpoint),
    NdkCreateConnector: Some(create_connector),
    NdkCreateListener: Some(create_listener),
    NdkBuildLAM: Some(build_lam),
    NdkReleaseLAM: Some(release_lam),
};

/// Offset of the page array of a mapping.
const PAGES: usize = offset_of!(NDK_LOGICAL_ADDRESS_MAPPING, AdapterPageArray);

/// ADAPTER-12.
unsafe extern "win64" fn query_adapter_info(
    adapter: *mut NDK_ADAPTER,
    info: *mut NDK_ADAPTER_INFO,
    size: *mut u32,
) -> i32 {
    let needed = size_of::<NDK_ADAPTER_INFO>() as u32;
    // SAFETY: the consumer's duty.
    let adapter = unsafe { Object::<Adapter>::from_handle(adapter) };
    // SAFETY: the consumer's duty.
    let room = unsafe { size.read() };
    // SAFETY: the consumer's duty.
    unsafe { size.write(needed) }
    if info.is_null() || room < needed {
        return Status::BUFFER_TOO_SMALL.0;
    }
    // SAFETY: the consumer's duty: there is room.
    unsafe { info.write(adapter.info()) }
    Status::SUCCESS.0
}

unsafe extern "win64" fn create_cq(
    adapter: *mut NDK_ADAPTER,
    depth: u32,
    notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    notification_context: *mut c_void,
    affinity: *mut GROUP_AFFINITY,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    _: *mut *mut NDK_CQ,
) -> i32 {
    // SAFETY: the consumer's duty.
    let adapter = unsafe { Object::<Adapter>::from_handle(adapter) };
    // SAFETY: the consumer's duty.
    let notification = unsafe { CqNotification::new(notification, notification_context) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { creation(completion, context) };
    // SAFETY: NULL or the consumer's duty.
    let affinity = unsafe { affinity.as_ref() };
    let processors = affinity.map_or_else(Processors::default, |affinity| Processors {
        group: affinity.Group,
        mask: affinity.Mask as u64,
    });
    Object::create_cq(&adapter, depth, notification, processors, completion).0
}

unsafe extern "win64" fn create_pd(
    adapter: *mut NDK_ADAPTER,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    _: *mut *mut NDK_PD,
) -> i32 {
    // SAFETY: the consumer's duty.
    let adapter = unsafe { Object::<Adapter>::from_handle(adapter) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { creation(completion, context) };
    Object::create_pd(&adapter, completion).0
}

unsafe extern "win64" fn create_shared_endpoint(
    adapter: *mut NDK_ADAPTER,
    local: *mut SOCKADDR,
    length: u32,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    _: *mut *mut NDK_SHARED_ENDPOINT,
) -> i32 {
    // SAFETY: the consumer's duty.
    let adapter = unsafe { Object::<Adapter>::from_handle(adapter) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { creation(completion, context) };
    // SAFETY: the consumer's duty.
    let local = unsafe { address(local, length) };
    local
        .map_or_else(
            |status| status,
            |local| Object::create_shared_endpoint(&adapter, local, completion),
        )
        .0
}

unsafe extern "win64" fn create_connector(
    adapter: *mut NDK_ADAPTER,
    _: NDK_FN_CREATE_COMPLETION,
    _: *mut c_void,
    place: *mut *mut NDK_CONNECTOR,
) -> i32 {
    // SAFETY: the consumer's duty.
    let adapter = unsafe { Object::<Adapter>::from_handle(adapter) };
    // SAFETY: the consumer's duty.
    unsafe { created(Object::create_connector(&adapter), place) }
}

unsafe extern "win64" fn create_listener(
    adapter: *mut NDK_ADAPTER,
    event: NDK_FN_CONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    _: NDK_FN_CREATE_COMPLETION,
    _: *mut c_void,
    place: *mut *mut NDK_LISTENER,
) -> i32 {
    // SAFETY: the consumer's duty.
    let adapter = unsafe { Object::<Adapter>::from_handle(adapter) };
    // SAFETY: the consumer's duty.
    let event = unsafe { ConnectEvent::new(event, event_context) };
    // SAFETY: the consumer's duty.
    unsafe { created(Object::create_listener(&adapter, event), place) }
}

/// The consumer's structure that a mapping is written into.
struct Place {
    mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    size: *mut u32,
    first_byte_offset: *mut u32,
    offset: u32,
}

// SAFETY: the consumer lends the structure until the request has completed, to whatever processor completes it.
unsafe impl Send for Place {}

impl Place {
    /// The element of the page array.
    fn page(&self, index: usize) -> *mut PHYSICAL_ADDRESS {
        self.mapping
            .wrapping_byte_add(PAGES)
            .cast::<PHYSICAL_ADDRESS>()
            .wrapping_add(index)
    }
}

impl Output for Place {
    fn put(&mut self, index: usize, page: u64) {
        // SAFETY: `build_lam` checked that the structure has room for all pages of the range.
        unsafe {
            self.page(index).write(PHYSICAL_ADDRESS {
                QuadPart: page.cast_signed(),
            });
        }
    }

    fn done(&mut self, mapping: Box<Mapping>, pages: usize) {
        let (mapping, _) = Box::into_raw_with_allocator(mapping);
        // SAFETY: a structure of the consumer, on loan.
        let head = unsafe { &mut *self.mapping };
        head.AdapterContext = mapping.cast();
        head.AdapterPageCount = pages as u32;
        // SAFETY: as above.
        unsafe {
            self.size
                .write((PAGES + pages * size_of::<PHYSICAL_ADDRESS>()) as u32);
        }
        // SAFETY: as above.
        unsafe { self.first_byte_offset.write(self.offset) }
    }
}

/// MR-70, MR-71.
unsafe extern "win64" fn build_lam(
    adapter: *mut NDK_ADAPTER,
    mdl: *mut MDL,
    length: u64,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
    mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    size: *mut u32,
    first_byte_offset: *mut u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let adapter = unsafe { Object::<Adapter>::from_handle(adapter) };
    // SAFETY: the consumer's duty (MR-76): the chain stays as it is during the call.
    let Some(mdl) = (unsafe { Mdl::new(mdl) }) else {
        return Status::INVALID_PARAMETER.0;
    };
    if length == 0 || length > mdl.byte_count() {
        return Status::INVALID_PARAMETER.0;
    }
    let bytes = PAGES as u64 + lam::page_count(mdl, length) * size_of::<PHYSICAL_ADDRESS>() as u64;
    let Ok(needed) = u32::try_from(bytes) else {
        return Status::INVALID_PARAMETER.0;
    };
    // SAFETY: the consumer's duty.
    let room = unsafe { size.read() };
    if mapping.is_null() || room < needed {
        // SAFETY: the consumer's duty.
        unsafe { size.write(needed) }
        return Status::BUFFER_TOO_SMALL.0;
    }
    let offset = (mdl.virtual_address() % 4096) as u32;
    let place = Place {
        mapping,
        size,
        first_byte_offset,
        offset,
    };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    lam::build(&adapter, mdl, length, place, completion).0
}

/// MR-78. The mapping ends here.
unsafe extern "win64" fn release_lam(_: *mut NDK_ADAPTER, mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING) {
    // SAFETY: the consumer's duty: a mapping that was built, and whose context was not touched (MR-76).
    let mapping = unsafe { &*mapping };
    let raw = mapping.AdapterContext;
    // SAFETY: `Place::done` made it from a box of this type, and it is released once.
    drop(unsafe { Box::from_raw_in(raw.cast::<Mapping>(), NonPaged) });
}
