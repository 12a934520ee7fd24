//! Scatter/gather lists of frames: NDIS maps a `NET_BUFFER` for the device.
//!
//! | rule | what |
//! |---|---|
//! | VRF-34 | lists are made and freed at `DISPATCH_LEVEL` |
//! | DMA-03 | one list for a buffer at a time, to be read by the device |
//! | DMA-04 | the handler runs before or after the call returned, with the caller's list or another one |
//! | DMA-05 | the list begins with the first MDL of the data, not with the data |
//! | DMA-06, VRF-45 | a list is freed once, with its buffer, before the packet completes and before the registration ends |

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NET_BUFFER,
};
use wdk_standin::{
    _SCATTER_GATHER_ELEMENT as SCATTER_GATHER_ELEMENT, _SCATTER_GATHER_LIST as SCATTER_GATHER_LIST,
    PHYSICAL_ADDRESS,
};

use super::dma::Dma;
use super::kernel::{self, FrameMapping, Level};
use super::table;
use crate::sim::{self, MICROSECOND, Stream, faults};

/// `NDIS_SG_LIST_WRITE_TO_DEVICE`.
const WRITE_TO_DEVICE: u32 = 1;
/// How long map registers may be short, in nanoseconds.
const LONGEST_WAIT: u64 = 20 * MICROSECOND;
/// Quadwords of a list before its elements, and of an element.
const HEAD: usize = 2;
const ELEMENT: usize = 3;

/// A list that the driver has, or gets soon.
struct List {
    /// Where it lies: in the caller's memory, or in `own`.
    place: usize,
    own: Option<Box<[u64]>>,
    mapping: FrameMapping,
    /// The handler got it.
    told: bool,
}

/// The lists of a registration.
#[derive(Default)]
pub(super) struct Lists {
    /// By their buffers.
    lists: RefCell<BTreeMap<usize, List>>,
}

impl Lists {
    /// How many the driver has, or gets.
    pub(super) fn count(&self) -> usize {
        self.lists.borrow().len()
    }

    /// Whether a buffer is mapped.
    pub(super) fn has(&self, buffer: usize) -> bool {
        self.lists.borrow().contains_key(&buffer)
    }
}

/// The elements of a mapping, as the words of a list.
fn write_list(mapping: &FrameMapping, words: &mut [u64]) {
    words[0] = mapping.runs().len() as u64;
    for (place, (bus, count)) in words[HEAD..].chunks_exact_mut(ELEMENT).zip(mapping.runs()) {
        let element = SCATTER_GATHER_ELEMENT {
            Address: PHYSICAL_ADDRESS {
                QuadPart: *bus as i64,
            },
            Length: *count as u32,
            Reserved: 0,
        };
        // SAFETY: an element is three quadwords.
        unsafe { place.as_mut_ptr().cast::<SCATTER_GATHER_ELEMENT>().write(element) };
    }
}

/// `NdisMAllocateNetBufferSGList`. Fault point under its name.
///
/// # Safety
/// `buffer` is complete, and `memory` good for `size` bytes until the list is freed.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMAllocateNetBufferSGList(
    handle: NDIS_HANDLE,
    buffer: *mut NET_BUFFER,
    context: *mut c_void,
    flags: u32,
    memory: *mut c_void,
    size: u32,
) -> NDIS_STATUS {
    let ddi = "NdisMAllocateNetBufferSGList";
    kernel::enter(ddi, Level::AtDispatch);
    let dma = table::dma(handle, ddi);
    if flags != WRITE_TO_DEVICE {
        sim::fail(
            "DMA-03",
            format!("{ddi}: flags {flags:#x} for a frame that is sent"),
        );
    }
    if dma.lists.has(buffer as usize) {
        sim::fail("DMA-03", format!("{ddi}: {buffer:p} has a list already"));
    }
    if faults::fire(ddi) {
        return NDIS_STATUS_RESOURCES;
    }
    // SAFETY: the caller's buffer.
    let given = unsafe { buffer.read() };
    let length = given.CurrentMdlOffset as usize + given.stDataLength;
    // SAFETY: the buffer's chain.
    let mapping = unsafe { FrameMapping::new(dma.function(), given.CurrentMdl, length) };
    let Some(mapping) = mapping else {
        return NDIS_STATUS_FAILURE;
    };
    let words = HEAD + mapping.runs().len() * ELEMENT;
    let fits = words * 8 <= size as usize && !memory.is_null();
    let mut own = None;
    let place = if fits && sim::choose(Stream::Bus, 4) != 0 {
        // SAFETY: the caller's memory, large enough.
        write_list(&mapping, unsafe {
            std::slice::from_raw_parts_mut(memory.cast(), words)
        });
        memory as usize
    } else {
        let list = own.insert(vec![0_u64; words].into_boxed_slice());
        write_list(&mapping, list);
        list.as_mut_ptr() as usize
    };
    let list = List {
        place,
        own,
        mapping,
        told: false,
    };
    dma.lists.lists.borrow_mut().insert(buffer as usize, list);
    hand_over(&dma, buffer as usize, place, context as usize);
    NDIS_STATUS_SUCCESS
}

/// Calls `MiniportProcessSGList`, now or when map registers are there.
fn hand_over(dma: &Rc<Dma>, buffer: usize, list: usize, context: usize) {
    let handler = dma.list_handler();
    let device = kernel::device_object(dma.function()) as usize;
    let of = Rc::clone(dma);
    let call = move || {
        if let Some(list) = of.lists.lists.borrow_mut().get_mut(&buffer) {
            list.told = true;
        }
        let _driver = sim::enter_driver();
        // SAFETY: the driver registered the handler; the list lives until it is freed.
        unsafe {
            handler(
                device as *mut _,
                ptr::null_mut(),
                list as *mut SCATTER_GATHER_LIST,
                context as *mut c_void,
            );
        };
    };
    if sim::choose(Stream::Bus, 8) != 0 {
        return call();
    }
    let (host, delay) = (kernel::host(), sim::choose(Stream::Bus, LONGEST_WAIT));
    let processor = sim::choose(Stream::Bus, kernel::processors(host).into()) as u32;
    let run = move || {
        call();
        kernel::expect_clean("MiniportProcessSGList");
    };
    sim::after(delay, move || kernel::queue_dpc(host, processor, run));
}

/// `NdisMFreeNetBufferSGList`.
///
/// # Safety
/// None beyond a live simulation; the arguments are checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMFreeNetBufferSGList(
    handle: NDIS_HANDLE,
    list: *mut SCATTER_GATHER_LIST,
    buffer: *mut NET_BUFFER,
) {
    let ddi = "NdisMFreeNetBufferSGList";
    kernel::enter(ddi, Level::AtDispatch);
    let dma = table::dma(handle, ddi);
    let Some(found) = dma.lists.lists.borrow_mut().remove(&(buffer as usize)) else {
        sim::fail("DMA-06", format!("{ddi}: {buffer:p} has no list"));
    };
    if found.place != list as usize {
        sim::fail("DMA-06", format!("{ddi}: {list:p} is not the list of {buffer:p}"));
    }
    if !found.told {
        sim::fail(
            "DMA-04",
            format!("{ddi}: the list of {buffer:p} was not handed over yet"),
        );
    }
    if !found.mapping.end() {
        sim::fail(
            "DMA-06",
            format!("{ddi}: the MDLs of {buffer:p} were freed or changed before its list was"),
        );
    }
    if let Some(mut own) = found.own {
        own.fill(0xdead_0000_dead_0000);
    }
}
