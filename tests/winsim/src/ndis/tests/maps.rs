//! Lists of pieces of frames: DMA-03 ... DMA-06, VRF-34, VRF-45.

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndis::*;
use wdk_standin::{_DEVICE_OBJECT as DEVICE_OBJECT, _SCATTER_GATHER_LIST as SCATTER_GATHER_LIST};

use super::tiny::complete_send;
use super::{ended_by, frames, handle, tiny};
use crate::ndis::sg_list::{NdisMAllocateNetBufferSGList, NdisMFreeNetBufferSGList};
use crate::ndis::{Outgoing, kernel};
use crate::pci;
use crate::sim::{self, Stream, faults};

/// `NDIS_SG_LIST_WRITE_TO_DEVICE`.
const WRITE_TO_DEVICE: u32 = 1;
/// Words of the memory for a list.
const ROOM: usize = 16;

/// Lists that the tiny miniport was given, with the context of each.
#[derive(Default)]
struct Given(RefCell<Vec<(usize, usize)>>);

fn given() -> Rc<Given> {
    sim::local::<Given>()
}

/// `MiniportProcessSGList`.
pub(super) unsafe extern "win64" fn process_list(
    _device: *mut DEVICE_OBJECT,
    _reserved: *mut c_void,
    list: *mut SCATTER_GATHER_LIST,
    context: *mut c_void,
) {
    assert_eq!(sim::irql(), sim::DISPATCH_LEVEL);
    given().0.borrow_mut().push((list as usize, context as usize));
}

/// `NdisMAllocateNetBufferSGList` with memory of our own.
fn allocate(buffer: *mut NET_BUFFER, memory: &mut [u64; ROOM], flags: u32) -> i32 {
    let dma = handle(&tiny().dma);
    let (place, size) = (memory.as_mut_ptr().cast(), (ROOM * 8) as u32);
    // SAFETY: it is checked; the memory stays until the list is freed.
    unsafe { NdisMAllocateNetBufferSGList(dma, buffer, buffer.cast(), flags, place, size) }
}

/// `NdisMFreeNetBufferSGList`.
fn release(list: usize, buffer: *mut NET_BUFFER) {
    // SAFETY: it is checked.
    unsafe { NdisMFreeNetBufferSGList(handle(&tiny().dma), list as *mut SCATTER_GATHER_LIST, buffer) };
}

/// The list of a buffer, once it is given.
fn wait_for(buffer: *mut NET_BUFFER) -> usize {
    loop {
        let found = given()
            .0
            .borrow()
            .iter()
            .find(|(_, of)| *of == buffer as usize)
            .copied();
        match found {
            Some((list, _)) => return list,
            None => sim::sleep(sim::MICROSECOND),
        }
    }
}

/// Sends that the tiny miniport has taken.
fn taken() -> Vec<*mut NET_BUFFER_LIST> {
    let lists = tiny().queued_sends.take();
    lists
        .into_iter()
        .map(|list| list as *mut NET_BUFFER_LIST)
        .collect()
}

/// One packet of the run, and its only buffer.
fn one() -> (*mut NET_BUFFER_LIST, *mut NET_BUFFER) {
    let list = taken()[0];
    // SAFETY: a packet that we have.
    (list, unsafe { (*list).FirstNetBuffer })
}

/// At `DISPATCH_LEVEL`.
fn raised<T>(act: impl FnOnce() -> T) -> T {
    let old = kernel::raise(sim::DISPATCH_LEVEL);
    let result = act();
    kernel::lower(old);
    result
}

/// The rule that ends a run in which the tiny miniport does this with a packet that it was given.
fn ends(seed: u64, act: fn()) -> &'static str {
    ended_by(seed, None, move |_, adapter| {
        tiny().keeps_sends.set(true);
        adapter.start().expect("the adapter starts");
        adapter.send(&[&[9; 100]]);
        adapter.on_host("mapping", move |_| act());
        adapter.sent();
        adapter.stop();
    })
}

/// Ways to map a packet that no miniport may take, with what they break.
const WRONGS: [(&str, fn()); 8] = [
    ("none", || {
        let (list, buffer) = one();
        let mut memory = [0; ROOM];
        assert_eq!(raised(|| allocate(buffer, &mut memory, WRITE_TO_DEVICE)), 0);
        let pieces = wait_for(buffer);
        raised(|| release(pieces, buffer));
        complete_send(list, NDIS_STATUS_SUCCESS);
    }),
    ("VRF-34", || {
        allocate(one().1, &mut [0; ROOM], WRITE_TO_DEVICE);
    }),
    ("DMA-03", || {
        raised(|| allocate(one().1, &mut [0; ROOM], 0));
    }),
    ("DMA-03", || {
        let (_, buffer) = one();
        let mut memory = [[0; ROOM]; 2];
        raised(|| {
            allocate(buffer, &mut memory[0], WRITE_TO_DEVICE);
            allocate(buffer, &mut memory[1], WRITE_TO_DEVICE);
        });
    }),
    ("DMA-06", || raised(|| release(0x1000, one().1))),
    ("DMA-06", || {
        let (_, buffer) = one();
        raised(|| allocate(buffer, &mut [0; ROOM], WRITE_TO_DEVICE));
        wait_for(buffer);
        raised(|| release(0x1000, buffer));
    }),
    ("VRF-45", || {
        let (list, buffer) = one();
        raised(|| allocate(buffer, &mut [0; ROOM], WRITE_TO_DEVICE));
        wait_for(buffer);
        complete_send(list, NDIS_STATUS_SUCCESS);
    }),
    ("DMA-06", || {
        let (_, buffer) = one();
        raised(|| allocate(buffer, &mut [0; ROOM], WRITE_TO_DEVICE));
        let pieces = wait_for(buffer);
        // SAFETY: a chain that we have.
        unsafe { (*(*buffer).CurrentMdl).ByteCount += 1 };
        raised(|| release(pieces, buffer));
    }),
];

/// Proves the checks of DMA-03, DMA-06, VRF-34 and VRF-45.
#[test]
fn lists_of_pieces_are_made_and_freed_once_and_in_time() {
    for (at, (rule, act)) in WRONGS.iter().enumerate() {
        assert_eq!(ends(5, *act), *rule, "way {at}");
    }
}

/// Proves the check of DMA-04: whoever takes success for a list that is there is caught, at some seeds.
#[test]
fn a_list_of_pieces_is_freed_after_it_was_handed_over() {
    let act: fn() = || {
        let (list, buffer) = one();
        let mut memory = [0; ROOM];
        raised(|| {
            allocate(buffer, &mut memory, WRITE_TO_DEVICE);
            let last = given().0.borrow().last().map(|(list, _)| *list);
            release(last.unwrap_or(memory.as_mut_ptr() as usize), buffer);
        });
        complete_send(list, NDIS_STATUS_SUCCESS);
    };
    let rules: Vec<_> = (0..40).map(|seed| ends(seed, act)).collect();
    assert!(rules.contains(&"none") && rules.contains(&"DMA-04"));
    let allowed = ["none", "DMA-04", "DMA-06"];
    assert!(rules.iter().all(|rule| allowed.contains(rule)), "{rules:?}");
}

/// Proves the check of VRF-45: the registration ends with a list left.
#[test]
fn a_list_of_pieces_that_is_left_is_caught() {
    let rule = ended_by(5, None, |_, adapter| {
        adapter.start().expect("the adapter starts");
        adapter.on_host("mapping", |_| {
            let list = frames::packet(&[1; 60]);
            // SAFETY: a packet of ours.
            let buffer = unsafe { (*list).FirstNetBuffer };
            raised(|| allocate(buffer, Box::leak(Box::new([0; ROOM])), WRITE_TO_DEVICE));
            wait_for(buffer);
        });
        adapter.stop();
    });
    assert_eq!(rule, "VRF-45");
}

/// What the pieces of a list hold, read as a device reads it.
fn read(function: &pci::Function, list: usize) -> Vec<u8> {
    let words = list as *const u64;
    // SAFETY: a list begins with the number of its elements.
    let count = unsafe { words.read() } as u32 as usize;
    let mut bytes = Vec::new();
    for at in 0..count {
        let element = words.wrapping_add(2 + 3 * at);
        // SAFETY: an element is an address, a length and a word.
        let (bus, length) = unsafe { (element.read(), element.add(1).read() as u32 as usize) };
        assert!(length > 0, "a piece of nothing");
        let from = bytes.len();
        bytes.resize(from + length, 0);
        function
            .dma()
            .read(bus, &mut bytes[from..])
            .expect("it is mapped");
    }
    bytes
}

/// Maps every buffer of the taken packets, looks at what a device sees there, and completes them.
fn map_all(function: &pci::Function, wanted: &[Vec<u8>]) -> (usize, usize) {
    let (mut pieces, mut own, mut frames) = (0, 0, Vec::new());
    for list in taken() {
        // SAFETY: a packet that we have.
        let mut next = unsafe { (*list).FirstNetBuffer };
        while !next.is_null() {
            let buffer = next;
            let mut memory = [0; ROOM];
            assert_eq!(raised(|| allocate(buffer, &mut memory, WRITE_TO_DEVICE)), 0);
            let at = wait_for(buffer);
            own += usize::from(at == memory.as_ptr() as usize);
            let bytes = read(function, at);
            // SAFETY: a buffer that we have.
            let (skip, length) = unsafe { ((*buffer).CurrentMdlOffset as usize, (*buffer).stDataLength) };
            frames.push(bytes[skip..skip + length].to_vec());
            // SAFETY: the list is ours until it is freed.
            pieces += unsafe { (at as *const u64).read() } as u32 as usize;
            raised(|| release(at, buffer));
            given().0.borrow_mut().clear();
            // SAFETY: as above.
            next = unsafe { (*buffer).Next };
        }
        complete_send(list, NDIS_STATUS_SUCCESS);
    }
    assert_eq!(frames, wanted);
    (pieces, own)
}

/// Proves DMA-04, DMA-05 and SEND-06: a device finds the frame behind the offset of the first MDL, in whatever pieces it was cut; the list
/// is the miniport's or another one, and as long as it has to be.
#[test]
fn a_device_finds_the_frame_behind_the_offset_of_its_first_mdl() {
    let (mut most, mut own, mut other) = (0, 0, 0);
    for seed in 0..30 {
        let seen = sim::run(seed, || {
            let (function, driver, adapter) = super::halted();
            tiny().keeps_sends.set(true);
            adapter.start().expect("the adapter starts");
            let lengths = [60, 61, 1514, 9000, 40_000];
            let sent: Vec<Vec<u8>> = lengths.iter().map(|length| random(*length)).collect();
            let packets = vec![
                Outgoing {
                    buffers: sent[..2].to_vec(),
                    ..Outgoing::default()
                },
                Outgoing {
                    buffers: sent[2..].to_vec(),
                    ..Outgoing::default()
                },
            ];
            let ids = adapter.send_packets(packets);
            assert_eq!(ids, [1, 2]);
            let (pieces, own) = adapter.on_host("mapping", move |_| map_all(&function, &sent));
            let back: Vec<_> = adapter.completions().iter().map(|packet| packet.id).collect();
            assert_eq!(back, ids);
            adapter.stop();
            adapter.remove();
            driver.unload();
            (pieces, own)
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        most = most.max(seen.0);
        own += seen.1;
        other += 5 - seen.1;
    }
    assert!(most > 5 && own > 0 && other > 0);
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    sim::fill(Stream::Consumer, &mut bytes);
    bytes
}

/// Proves DMA-03: a list may be refused, and may be had again.
#[test]
fn a_list_of_pieces_can_be_refused() {
    let act: fn() = || {
        let (list, buffer) = one();
        let plan = faults::Plan::new().fail("NdisMAllocateNetBufferSGList", faults::When::Nth(1));
        faults::set(Some(plan));
        let status = raised(|| allocate(buffer, &mut [0; ROOM], WRITE_TO_DEVICE));
        assert_eq!(status, NDIS_STATUS_RESOURCES);
        complete_send(list, NDIS_STATUS_RESOURCES);
    };
    assert_eq!(ends(5, act), "none");
}
