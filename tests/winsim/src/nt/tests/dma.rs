//! DMA adapters and scatter/gather lists: DMA-10, and the levels of their calls.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use wdk_standin::{
    _DEVICE_DESCRIPTION, _DMA_ADAPTER, _DMA_OPERATIONS, _IRP, PDEVICE_OBJECT, PMDL, PSCATTER_GATHER_LIST,
};

use super::super::{
    ExAllocatePoolWithTag, IoAllocateMdl, IoFreeMdl, IoGetDmaAdapter, MmBuildMdlForNonPagedPool, at_irql,
    device_object, dma_outstanding, expect_no_dma,
};
use super::{caught, passes};
use crate::pci::{Function, Identity};
use crate::sim;

const TAG: u32 = u32::from_le_bytes(*b"Test");
const LENGTH: u32 = 20_000;

/// A wrong or right driver of one device.
struct Tiny {
    device: PDEVICE_OBJECT,
    adapter: *mut _DMA_ADAPTER,
}

impl Tiny {
    fn new() -> Self {
        let identity = Identity {
            vendor: 0x15b3,
            device: 0x1017,
            revision: 0,
            class: 0x02_0000,
            subsystem_vendor: 0x15b3,
            subsystem: 0x20,
        };
        let device = device_object(&Function::plain("tiny", &identity, &[0x1000], 1));
        let mut description = _DEVICE_DESCRIPTION {
            Version: 2,
            Master: 1,
            ScatterGather: 1,
            Dma64BitAddresses: 1,
            MaximumLength: LENGTH,
            ..Default::default()
        };
        let mut registers = 0;
        // SAFETY: a description and a place for the answer.
        let adapter = unsafe { IoGetDmaAdapter(device, &raw mut description, &raw mut registers) };
        Self { device, adapter }
    }

    fn operations(&self) -> &'static _DMA_OPERATIONS {
        // SAFETY: the adapter lives, and its table for ever.
        unsafe { &*(*self.adapter).DmaOperations }
    }

    fn put(&self) {
        // SAFETY: what is wrong with it is what the test is about.
        unsafe { self.operations().PutDmaAdapter.expect("a function")(self.adapter) }
    }

    /// Maps the MDL and returns the list when its routine has run. `context` of the routine is the place for it.
    fn map(&self, mdl: PMDL, from: *mut c_void, to_device: bool) -> PSCATTER_GATHER_LIST {
        let place: &'static Cell<usize> = Box::leak(Box::new(Cell::new(0)));
        let get = self.operations().GetScatterGatherList.expect("a function");
        at_irql(2, || {
            let context = ptr::from_ref(place).cast_mut().cast();
            // SAFETY: the MDL and the place live for the run.
            let status = unsafe {
                get(
                    self.adapter,
                    self.device,
                    mdl,
                    from,
                    LENGTH,
                    Some(arrived),
                    context,
                    u8::from(to_device),
                )
            };
            assert_eq!(status, 0);
        });
        while place.get() == 0 {
            sim::sleep(sim::MICROSECOND);
        }
        place.get() as PSCATTER_GATHER_LIST
    }

    fn unmap(&self, list: PSCATTER_GATHER_LIST, to_device: bool) {
        let put = self.operations().PutScatterGatherList.expect("a function");
        // SAFETY: what is wrong with it is what the test is about.
        at_irql(2, || unsafe { put(self.adapter, list, u8::from(to_device)) });
    }
}

unsafe extern "win64" fn arrived(
    _: PDEVICE_OBJECT,
    _: *mut _IRP,
    list: PSCATTER_GATHER_LIST,
    context: *mut c_void,
) {
    // SAFETY: `Tiny::map` gives a cell that lives for ever.
    unsafe { &*context.cast::<Cell<usize>>() }.set(list as usize);
}

/// An MDL of pool, with its pages or without, and the address that it begins at.
fn mdl(resident: bool) -> (PMDL, *mut c_void) {
    // SAFETY: a live simulation.
    let memory = unsafe { ExAllocatePoolWithTag(512, u64::from(LENGTH), TAG) };
    // SAFETY: as above.
    let mdl = unsafe { IoAllocateMdl(memory, LENGTH, 0, 0, ptr::null_mut()) };
    if resident {
        // SAFETY: allocated just now, of pool.
        unsafe { MmBuildMdlForNonPagedPool(mdl) };
    }
    (mdl, memory)
}

#[test]
fn a_list_that_is_given_back_passes() {
    passes(|host| {
        let tiny = Tiny::new();
        let (mdl, memory) = mdl(true);
        let list = tiny.map(mdl, memory, true);
        assert_eq!(dma_outstanding(host), (1, 1));
        tiny.unmap(list, true);
        tiny.put();
        expect_no_dma(host, "the test");
    });
}

/// DMA-10, MR-73: the runs of a list are single pages, a few pages or all of it, as the seed says.
#[test]
fn lists_have_runs_of_one_page_or_many() {
    let runs = |seed| {
        let runs = sim::run(seed, || {
            let _ = super::super::add_host("host", 2);
            super::super::on_host(sim::HostId(0), "map", || {
                let tiny = Tiny::new();
                let (mdl, memory) = mdl(true);
                let list = tiny.map(mdl, memory, true);
                // SAFETY: the list begins with its number of elements, and lives.
                let count = unsafe { (*list).NumberOfElements };
                tiny.unmap(list, true);
                tiny.put();
                count
            })
        });
        runs.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"))
    };
    let pages = LENGTH.div_ceil(4096);
    let seen: Vec<u32> = (0..32).map(runs).collect();
    assert!(seen.iter().all(|runs| (1..=pages + 1).contains(runs)), "{seen:?}");
    // One page each, all together, and something between.
    assert!(seen.iter().any(|runs| *runs >= pages), "{seen:?}");
    assert!(seen.contains(&1), "{seen:?}");
    assert!(seen.iter().any(|runs| (2..pages).contains(runs)), "{seen:?}");
}

/// DMA-10: balanced release.
#[test]
fn what_is_not_given_back_is_caught() {
    caught("DMA-10", |host| {
        Tiny::new();
        expect_no_dma(host, "the test");
    });
    caught("DMA-10", |_| {
        let tiny = Tiny::new();
        let (mdl, memory) = mdl(true);
        tiny.map(mdl, memory, false);
        tiny.put();
    });
}

/// DMA-10: released once, by whom it belongs to, as it was made.
#[test]
fn what_is_given_back_wrongly_is_caught() {
    caught("DMA-10", |_| {
        let tiny = Tiny::new();
        let put = tiny.operations().PutDmaAdapter.expect("a function");
        for _ in 0..2 {
            // SAFETY: the first gives the adapter back, the second is caught.
            unsafe { put(tiny.adapter) };
        }
    });
    caught("DMA-10", |_| {
        let tiny = Tiny::new();
        let (mdl, memory) = mdl(true);
        let list = tiny.map(mdl, memory, true);
        tiny.unmap(list, true);
        tiny.unmap(list, true);
    });
    caught("DMA-10", |_| {
        let tiny = Tiny::new();
        let (mdl, memory) = mdl(true);
        let list = tiny.map(mdl, memory, true);
        tiny.unmap(list, false);
    });
}

/// DMA-10: the system reads an MDL again when its mapping ends; it is there until then, and as it was.
#[test]
fn an_mdl_that_goes_before_its_mapping_is_caught() {
    caught("DMA-10", |_| {
        let tiny = Tiny::new();
        let (mdl, memory) = mdl(true);
        let list = tiny.map(mdl, memory, true);
        // SAFETY: an MDL of IoAllocateMdl.
        unsafe { IoFreeMdl(mdl) };
        tiny.unmap(list, true);
    });
    caught("DMA-10", |_| {
        let tiny = Tiny::new();
        let (mdl, memory) = mdl(true);
        let list = tiny.map(mdl, memory, true);
        // SAFETY: it lives.
        unsafe { (*mdl).ByteCount -= 1 };
        tiny.unmap(list, true);
    });
}

/// DMA-10: pages that may move are not mapped.
#[test]
fn memory_that_is_not_locked_is_not_mapped() {
    caught("DMA-10", |_| {
        let (mdl, memory) = mdl(false);
        Tiny::new().map(mdl, memory, true);
    });
}

/// VRF-32, VRF-34: adapters at PASSIVE_LEVEL, lists at DISPATCH_LEVEL.
#[test]
fn calls_at_the_wrong_level_are_caught() {
    caught("VRF-32", |_| {
        sim::set_irql(2);
        Tiny::new();
    });
    caught("VRF-34", |_| {
        let tiny = Tiny::new();
        let put = tiny.operations().PutScatterGatherList.expect("a function");
        // SAFETY: the level is checked first.
        unsafe { put(tiny.adapter, ptr::null_mut(), 0) };
    });
}
