//! DMA adapters and scatter/gather lists, and memory that driver and device share.

use super::context::{Level, at_irql, enter, expect_clean, host, processors};
use super::device::function_of;
use super::mdl::{Described, mdl_changed, mdl_describes, mdl_not_resident, mdl_pieces};
use super::scheduling::queue_dpc;
use crate::pci::{Access, Domain, Function};
use crate::sim::{self, DISPATCH_LEVEL, HostId, MICROSECOND, Stream, faults};
use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use wdk_standin::{
    _DEVICE_DESCRIPTION, _DMA_ADAPTER, _DMA_OPERATIONS, _SCATTER_GATHER_ELEMENT, BOOLEAN, NTSTATUS,
    PDEVICE_OBJECT, PDMA_ADAPTER, PDRIVER_LIST_CONTROL, PHYSICAL_ADDRESS, PMDL, PSCATTER_GATHER_LIST, PULONG,
    PVOID, ULONG,
};

const PAGE: usize = 4096;
/// How long map registers may be short, in nanoseconds.
const LONGEST_WAIT: u64 = 20 * MICROSECOND;
/// Fresh shared memory: nobody gets zeros by luck.
const FRESH: u8 = 0xcd;
/// Rule id of a DMA adapter or list that is not what the call takes.
const DMA: &str = "DMA-10";
const STATUS_SUCCESS: NTSTATUS = 0;
const STATUS_INVALID_PARAMETER: NTSTATUS = 0xc000_000d_u32 as i32;
const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xc000_009a_u32 as i32;
/// The longest run of pages that one element of a list describes, one of these for each adapter as the seed says: memory that is
/// scattered to single pages, memory with few neighbours, and an IOMMU that puts all of a buffer together.
const LONGEST_RUNS: [u64; 3] = [1, 4, 1 << 20];

fn common_layout(length: u32) -> Layout {
    let length = (length as usize).next_multiple_of(PAGE);
    Layout::from_size_align(length, PAGE).unwrap_or_else(|_| sim::fail(DMA, format!("{length} bytes")))
}

/// Memory that the device of `function` may read and write, page-aligned: its address and its bus address.
pub fn allocate_common(function: &Function, length: u32) -> Option<(*mut u8, u64)> {
    let layout = common_layout(length);
    // SAFETY: the length is not zero.
    let memory = unsafe { alloc(layout) };
    if memory.is_null() {
        return None;
    }
    // SAFETY: just allocated.
    unsafe { ptr::write_bytes(memory, FRESH, layout.size()) };
    Some((
        memory,
        function.domain().map(memory, layout.size(), Access::ReadWrite),
    ))
}

/// Gives memory of [`allocate_common`] back: the device cannot reach it any more.
#[expect(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "the mapping is looked up first: what is none ends the run"
)]
pub fn free_common(function: &Function, memory: *mut u8, bus: u64, length: u32) {
    let layout = common_layout(length);
    if !function.domain().give_back(bus, layout.size()) {
        sim::fail(
            DMA,
            format!("shared memory at bus address {bus:#x} is not mapped"),
        );
    }
    // SAFETY: allocated with this layout and given back.
    unsafe { dealloc(memory, layout) };
}

/// A mapped list: the memory that holds it, and what it maps.
struct List {
    _memory: Box<[u64]>,
    runs: Vec<(u64, usize)>,
    /// What was mapped: the system reads it again when the mapping ends.
    described: Described,
    /// `WriteToDevice` of the call that made it.
    to_device: bool,
}

/// One DMA adapter. The driver sees its first field.
#[repr(C)]
struct Adapter {
    public: _DMA_ADAPTER,
    domain: Rc<Domain>,
    host: HostId,
    /// One of [`LONGEST_RUNS`].
    longest_run: u64,
    lists: RefCell<HashMap<usize, List>>,
}

/// The live adapters; the driver gives every one back.
#[derive(Default)]
struct Adapters(RefCell<Vec<Rc<Adapter>>>);

static OPERATIONS: Operations = Operations({
    // SAFETY: a number and pointers that may be NULL.
    let mut operations: _DMA_OPERATIONS = unsafe { std::mem::zeroed() };
    operations.Size = size_of::<_DMA_OPERATIONS>() as ULONG;
    operations.PutDmaAdapter = Some(put_dma_adapter);
    operations.GetScatterGatherList = Some(get_scatter_gather_list);
    operations.PutScatterGatherList = Some(put_scatter_gather_list);
    operations
});

struct Operations(_DMA_OPERATIONS);

// SAFETY: a table of functions that nobody writes.
unsafe impl Sync for Operations {}

/// How many adapters, and lists of them, the drivers of a host hold.
pub fn dma_outstanding(host: HostId) -> (usize, usize) {
    let adapters = sim::local::<Adapters>();
    let adapters = adapters.0.borrow();
    let here = || adapters.iter().filter(|adapter| adapter.host == host);
    (
        here().count(),
        here().map(|adapter| adapter.lists.borrow().len()).sum(),
    )
}

/// Whether a list that lives was made of this MDL.
pub(super) fn is_mapped(mdl: usize) -> bool {
    let adapters = sim::local::<Adapters>();
    let adapters = adapters.0.borrow();
    adapters.iter().any(|adapter| {
        let lists = adapter.lists.borrow();
        lists
            .values()
            .any(|list| list.described.iter().any(|(place, _)| *place == mdl))
    })
}

/// Checks that the drivers of a host hold no adapter and no list any more (DMA-10).
pub fn expect_no_dma(host: HostId, when: &str) {
    let (adapters, lists) = dma_outstanding(host);
    if adapters + lists > 0 {
        sim::fail(
            DMA,
            format!("{adapters} DMA adapters and {lists} scatter/gather lists after {when}"),
        );
    }
}

fn find(adapter: PDMA_ADAPTER, what: &str) -> Rc<Adapter> {
    let adapters = sim::local::<Adapters>();
    let adapters = adapters.0.borrow();
    let found = adapters
        .iter()
        .find(|known| Rc::as_ptr(known).cast::<_DMA_ADAPTER>() == adapter.cast_const());
    found.map_or_else(
        || sim::fail(DMA, format!("{what}: no such DMA adapter")),
        Rc::clone,
    )
}

/// `IoGetDmaAdapter`: `PASSIVE_LEVEL`; NULL when there are no resources. Fault point `IoGetDmaAdapter`.
///
/// # Safety
/// `description` is a device description, `registers` a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoGetDmaAdapter(
    device: PDEVICE_OBJECT,
    description: *mut _DEVICE_DESCRIPTION,
    registers: PULONG,
) -> *mut _DMA_ADAPTER {
    enter("IoGetDmaAdapter", Level::Passive);
    // SAFETY: the caller's description.
    let description = unsafe { *description };
    if description.Master == 0 || description.ScatterGather == 0 || description.Dma64BitAddresses == 0 {
        sim::fail(
            DMA,
            "the description is not that of a 64-bit bus master with scatter/gather",
        );
    }
    let Some(function) = function_of(device) else {
        sim::fail(
            DMA,
            "IoGetDmaAdapter of something that is no physical device object",
        );
    };
    if faults::fire("IoGetDmaAdapter") {
        return ptr::null_mut();
    }
    // SAFETY: the caller gives a place for the answer.
    unsafe { registers.write(description.MaximumLength.div_ceil(PAGE as u32).saturating_add(1)) };
    let public = _DMA_ADAPTER {
        Version: 1,
        Size: size_of::<_DMA_ADAPTER>() as u16,
        DmaOperations: (&raw const OPERATIONS.0).cast_mut(),
    };
    let adapter = Rc::new(Adapter {
        public,
        domain: Rc::clone(function.domain()),
        host: host(),
        longest_run: LONGEST_RUNS[sim::choose(Stream::Bus, LONGEST_RUNS.len() as u64) as usize],
        lists: RefCell::default(),
    });
    let pointer = Rc::as_ptr(&adapter).cast_mut().cast::<_DMA_ADAPTER>();
    sim::local::<Adapters>().0.borrow_mut().push(adapter);
    pointer
}

unsafe extern "win64" fn put_dma_adapter(adapter: PDMA_ADAPTER) {
    enter("PutDmaAdapter", Level::Passive);
    let found = find(adapter, "PutDmaAdapter");
    let lists = found.lists.borrow().len();
    if lists > 0 {
        sim::fail(
            DMA,
            format!("a DMA adapter is given back with {lists} scatter/gather lists"),
        );
    }
    sim::local::<Adapters>()
        .0
        .borrow_mut()
        .retain(|known| !Rc::ptr_eq(known, &found));
}

/// What drivers call through their adapter objects to map and unmap memory, for those who measure.
pub fn mapping_functions() -> [usize; 2] {
    [
        get_scatter_gather_list as *const () as usize,
        put_scatter_gather_list as *const () as usize,
    ]
}

unsafe extern "win64" fn get_scatter_gather_list(
    adapter: PDMA_ADAPTER,
    device: PDEVICE_OBJECT,
    mdl: PMDL,
    from: PVOID,
    length: ULONG,
    routine: PDRIVER_LIST_CONTROL,
    context: PVOID,
    write_to_device: BOOLEAN,
) -> NTSTATUS {
    enter("GetScatterGatherList", Level::AtDispatch);
    let adapter = find(adapter, "GetScatterGatherList");
    // SAFETY: the caller's MDL chain.
    if let Some(flags) = unsafe { mdl_not_resident(mdl) } {
        sim::fail(
            DMA,
            format!("GetScatterGatherList of an MDL whose pages are not locked: flags {flags:#x}"),
        );
    }
    // SAFETY: the caller's MDL chain.
    let Some(pieces) = (unsafe { mdl_pieces(mdl, from as usize, length as usize) }) else {
        return STATUS_INVALID_PARAMETER;
    };
    if faults::fire("GetScatterGatherList") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let access = if write_to_device == 0 {
        Access::ReadWrite
    } else {
        Access::Read
    };
    // SAFETY: the caller's MDL chain.
    let described = unsafe { mdl_describes(mdl, length as usize) };
    let list = map(&adapter, &pieces, access, described, write_to_device != 0) as usize;
    let Some(routine) = routine else {
        sim::fail(DMA, "GetScatterGatherList without a routine")
    };
    let (device, context) = (device as usize, context as usize);
    let call = move || {
        crate::probe::calls_back(routine as usize);
        let _driver = sim::enter_driver();
        // SAFETY: the driver gave the routine for this call; the list lives until it is given back.
        unsafe {
            routine(
                device as PDEVICE_OBJECT,
                ptr::null_mut(),
                list as PSCATTER_GATHER_LIST,
                context as *mut c_void,
            );
        };
    };
    // Map registers may be short: then the routine runs later, wherever somebody gives some back.
    if sim::choose(Stream::Bus, 4) == 0 {
        let (host, delay) = (host(), sim::choose(Stream::Bus, LONGEST_WAIT));
        let processor = sim::choose(Stream::Bus, processors(host).into()) as u32;
        let run = move || {
            call();
            expect_clean("a scatter/gather routine");
        };
        sim::after(delay, move || queue_dpc(host, processor, run));
    } else {
        at_irql(DISPATCH_LEVEL, call);
    }
    STATUS_SUCCESS
}

/// Pages of the next run: now and then the longest one, else anything up to it.
fn longest_run(adapter: &Adapter) -> usize {
    let whole = sim::choose(Stream::Bus, 2) == 0;
    let pages = if whole {
        adapter.longest_run
    } else {
        1 + sim::choose(Stream::Bus, adapter.longest_run)
    };
    pages as usize
}

/// Maps the pieces, in runs of pages that are apart on the bus, and makes the list.
fn map(
    adapter: &Adapter,
    pieces: &[(*mut u8, usize)],
    access: Access,
    described: Described,
    to_device: bool,
) -> PSCATTER_GATHER_LIST {
    let mut runs = Vec::new();
    for &(mut memory, mut left) in pieces {
        while left > 0 {
            let room = longest_run(adapter) * PAGE - memory as usize % PAGE;
            let count = room.min(left);
            runs.push((adapter.domain.map(memory, count, access), count));
            memory = memory.wrapping_add(count);
            left -= count;
        }
    }
    let mut memory = vec![0_u64; 2 + runs.len() * 3].into_boxed_slice();
    memory[0] = runs.len() as u64;
    for (place, (bus, count)) in memory[2..].chunks_exact_mut(3).zip(&runs) {
        let element = _SCATTER_GATHER_ELEMENT {
            Address: PHYSICAL_ADDRESS {
                QuadPart: *bus as i64,
            },
            Length: *count as u32,
            Reserved: 0,
        };
        // SAFETY: an element is three qwords.
        unsafe {
            place
                .as_mut_ptr()
                .cast::<_SCATTER_GATHER_ELEMENT>()
                .write(element);
        };
    }
    let list = memory.as_mut_ptr();
    adapter.lists.borrow_mut().insert(
        list as usize,
        List {
            _memory: memory,
            runs,
            described,
            to_device,
        },
    );
    list.cast()
}

unsafe extern "win64" fn put_scatter_gather_list(
    adapter: PDMA_ADAPTER,
    list: PSCATTER_GATHER_LIST,
    write_to_device: BOOLEAN,
) {
    enter("PutScatterGatherList", Level::AtDispatch);
    let adapter = find(adapter, "PutScatterGatherList");
    let Some(list) = adapter.lists.borrow_mut().remove(&(list as usize)) else {
        sim::fail(
            DMA,
            "a scatter/gather list is given back that the adapter did not make",
        );
    };
    if list.to_device != (write_to_device != 0) {
        sim::fail(DMA, "a scatter/gather list is given back for the other direction");
    }
    if let Some(index) = mdl_changed(&list.described) {
        sim::fail(
            DMA,
            format!(
                "a scatter/gather list is given back after MDL {index} of its chain was freed or changed"
            ),
        );
    }
    for (bus, count) in list.runs {
        if !adapter.domain.give_back(bus, count) {
            sim::fail(
                DMA,
                format!("{count} bytes at bus address {bus:#x} are not mapped"),
            );
        }
    }
}
