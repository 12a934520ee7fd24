//! Received packets: RECV-01 ... RECV-08, OFL-03, SEND-08, SEND-12, VRF-37 ... VRF-40, VRF-43.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::{Wrong, caught, ended_by, handle, tiny};
use crate::ndis::receive::NdisMIndicateReceiveNetBufferLists;
use crate::ndis::{Adapter, Received};
use crate::sim::{self, MILLISECOND, Stream};
use crate::{nt, pci};

/// Bytes of a receive buffer.
const BUFFER: usize = 2048;
const TAG: u32 = 0x796e_6954;

/// What the tiny miniport has of receive packets.
#[derive(Default)]
pub(super) struct Frames {
    pool: Cell<usize>,
    lists: RefCell<Vec<usize>>,
    /// Those that came back, in order, with the processor on which they did and the length of their chain.
    back: RefCell<Vec<(usize, u32, usize)>>,
}

pub(super) fn frames() -> Rc<Frames> {
    sim::local::<Frames>()
}

/// A frame for the tiny miniport's address.
fn frame(length: usize) -> Vec<u8> {
    let mut bytes = vec![7; length];
    bytes[..14].copy_from_slice(&[0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]);
    bytes
}

/// A packet of the tiny miniport that holds a frame.
pub(super) fn packet(frame: &[u8]) -> *mut NET_BUFFER_LIST {
    let adapter = handle(&tiny().adapter);
    if frames().pool.get() == 0 {
        let mut parameters = NET_BUFFER_LIST_POOL_PARAMETERS {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
                Revision: 1,
                Size: 16,
            },
            ProtocolId: 0,
            fAllocateNetBuffer: 1,
            ContextSize: 0,
            PoolTag: TAG,
            DataSize: 0,
        };
        // SAFETY: the parameters are complete.
        let pool = unsafe { NdisAllocateNetBufferListPool(adapter, &raw mut parameters) };
        frames().pool.set(pool as usize);
    }
    let memory = Box::leak(Box::new([0_u64; BUFFER / 8])).as_mut_ptr().cast::<u8>();
    // SAFETY: the buffer has room.
    unsafe { memory.copy_from_nonoverlapping(frame.as_ptr(), frame.len()) };
    // SAFETY: the memory stays.
    let mdl = unsafe { NdisAllocateMdl(adapter, memory.cast(), BUFFER as u32) };
    let pool = handle(&frames().pool);
    // SAFETY: a pool of lists with buffers, an MDL with room.
    let list = unsafe { NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, frame.len()) };
    // SAFETY: a packet of ours.
    unsafe { (*list).SourceHandle = adapter };
    frames().lists.borrow_mut().push(list as usize);
    list
}

/// `MiniportReturnNetBufferLists`; false if the packets are not of here.
pub(super) fn returned(first: *mut NET_BUFFER_LIST) -> bool {
    let frames = frames();
    if !frames.lists.borrow().contains(&(first as usize)) {
        return false;
    }
    let (mut chain, mut next) = (Vec::new(), first);
    while !next.is_null() {
        chain.push(next as usize);
        // SAFETY: a packet of ours.
        next = unsafe { (*next).Next };
    }
    let processor = sim::processor();
    let back = chain.iter().map(|list| (*list, processor, chain.len()));
    frames.back.borrow_mut().extend(back);
    true
}

/// Gives packets and pool back.
pub(super) fn free() {
    for list in frames().lists.take() {
        let list = list as *mut NET_BUFFER_LIST;
        // SAFETY: a packet of ours with its MDL.
        let mdl = unsafe { (*(*list).FirstNetBuffer).MdlChain };
        // SAFETY: it is back.
        unsafe { NdisFreeNetBufferList(list) };
        // SAFETY: nobody uses it any more.
        unsafe { NdisFreeMdl(mdl) };
    }
    if frames().pool.get() != 0 {
        // SAFETY: it is empty.
        unsafe { NdisFreeNetBufferListPool(handle(&frames().pool)) };
        frames().pool.set(0);
    }
}

/// What an indication says.
struct Indication {
    lists: Vec<*mut NET_BUFFER_LIST>,
    count: u32,
    flags: u32,
    port: u32,
    locked: bool,
}

impl Indication {
    fn of(lists: Vec<*mut NET_BUFFER_LIST>) -> Self {
        Self {
            count: lists.len() as u32,
            lists,
            flags: 0,
            port: 0,
            locked: false,
        }
    }

    fn first(&self) -> &'static mut NET_BUFFER_LIST {
        let first = self.lists[0];
        // SAFETY: a packet of ours.
        unsafe { &mut *first }
    }

    fn buffer(&self) -> &'static mut NET_BUFFER {
        // SAFETY: the buffer of a packet of ours.
        unsafe { &mut *self.first().FirstNetBuffer }
    }

    /// The bytes of the first frame.
    fn bytes(&self) -> &'static mut [u8] {
        // SAFETY: the MDL of a packet of ours.
        let start = unsafe { (*self.buffer().MdlChain).MappedSystemVa.cast::<u8>() };
        // SAFETY: it describes the whole buffer.
        unsafe { std::slice::from_raw_parts_mut(start, BUFFER) }
    }

    /// `NdisMIndicateReceiveNetBufferLists`.
    fn indicate(&self) {
        let mut first = ptr::null_mut();
        for list in self.lists.iter().rev() {
            // SAFETY: a packet of ours.
            unsafe { (**list).Next = first };
            first = *list;
        }
        let lock = tiny().lock.get() as *mut u64;
        // SAFETY: the lock is live.
        let old = self
            .locked
            .then(|| unsafe { nt::KeAcquireSpinLockRaiseToDpc(lock) });
        let adapter = handle(&tiny().adapter);
        // SAFETY: it is checked.
        unsafe { NdisMIndicateReceiveNetBufferLists(adapter, first, self.port, self.count, self.flags) };
        if let Some(old) = old {
            // SAFETY: the lock is held.
            unsafe { nt::KeReleaseSpinLock(lock, old) };
        }
    }
}

/// Indicates packets with frames of 60 bytes, as many as wanted.
pub(super) fn indicate(count: usize) {
    Indication::of((0..count).map(|_| packet(&frame(60))).collect()).indicate();
}

/// Waits until as many packets are back as went.
pub(super) fn await_all(adapter: &Adapter) {
    adapter.on_host("wait", |_| {
        while frames().back.borrow().len() < frames().lists.borrow().len() {
            sim::sleep(10 * sim::MICROSECOND);
        }
    });
}

/// The rule that ends a run in which two packets are indicated with something wrong about them.
fn spoiled(spoil: Spoil) -> &'static str {
    ended_by(3, None, move |_, adapter| {
        adapter.start().expect("the adapter starts");
        adapter.on_receive(Rc::new(|_| {}));
        sim::sleep(20 * MILLISECOND);
        adapter.on_host("receive", move |_| {
            let mut indication = Indication::of(vec![packet(&frame(60)), packet(&frame(1514))]);
            spoil(&mut indication);
            indication.indicate();
        });
        await_all(adapter);
        adapter.on_host("free", |_| free());
        adapter.stop();
    })
}

fn tag(list: *mut NET_BUFFER_LIST, vlan: usize) {
    // SAFETY: a packet of ours.
    unsafe { (*list).NetBufferListInfo[4] = (vlan << 4) as *mut _ };
}

/// What to do to an indication.
type Spoil = fn(&mut Indication);
/// What to do with the tiny miniport's adapter.
type Act = fn(&Adapter);

/// Ways to indicate packets that no miniport may, with what they break.
const WRONGS: [(&str, Spoil); 20] = [
    ("none", |_| {}),
    ("none", |this| tag(this.lists[0], 5)),
    ("RECV-01", |this| this.first().SourceHandle = ptr::null_mut()),
    ("RECV-01", |this| this.first().Status = NDIS_STATUS_FAILURE),
    ("RECV-04", |this| this.first().FirstNetBuffer = ptr::null_mut()),
    ("RECV-04", |this| this.buffer().Next = this.first().FirstNetBuffer),
    ("RECV-04", |this| this.buffer().stDataLength = 13),
    ("RECV-04", |this| this.buffer().stDataLength = 1515),
    ("RECV-04", |this| this.buffer().stDataLength = BUFFER + 1),
    ("RECV-04", |this| this.buffer().CurrentMdlOffset = 2),
    ("RECV-04", |this| this.bytes()[12..14].copy_from_slice(&[0x81, 0])),
    ("RECV-05", |this| {
        this.bytes()[12] = 8;
        this.flags = 0x100;
    }),
    ("RECV-05", |this| {
        tag(this.lists[1], 5);
        this.flags = 0x200;
    }),
    ("RECV-07", |this| this.bytes()[5] = 2),
    ("OFL-03", |this| {
        this.first().NetBufferListInfo[0] = 0b00_1001 as *mut _
    }),
    ("SEND-08", |this| this.flags = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL),
    ("SEND-12", |this| this.port = 3),
    ("VRF-38", |this| this.locked = true),
    ("VRF-43", |this| this.count = 3),
    ("PACKET", |this| {
        // SAFETY: all fields may be zero.
        this.lists[0] = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    }),
];

/// Proves the checks of RECV-01, RECV-04, RECV-05, RECV-07, OFL-03, SEND-08, SEND-12, VRF-38 and VRF-43.
#[test]
fn packets_that_no_miniport_may_indicate_are_caught() {
    for (at, (rule, spoil)) in WRONGS.iter().enumerate() {
        assert_eq!(spoiled(*spoil), *rule, "way {at}");
    }
}

/// The rule that ends a run in which the tiny miniport, started and listened to, does this with its packets.
fn ends(act: Act) -> &'static str {
    ended_by(3, None, move |_, adapter| {
        adapter.start().expect("the adapter starts");
        adapter.on_receive(Rc::new(|_| {}));
        act(adapter);
        await_all(adapter);
        adapter.on_host("free", |_| free());
        adapter.stop();
    })
}

/// Proves the checks of RECV-02, VRF-37 and VRF-39: what is lent is neither indicated, written, followed nor forgotten.
#[test]
fn packets_that_are_lent_are_left_alone() {
    let cases: [(&str, Act); 4] = [
        ("VRF-39", |adapter| {
            adapter.on_host("receive", |_| {
                let indication = Indication::of(vec![packet(&frame(60))]);
                indication.indicate();
                indication.indicate();
            });
        }),
        ("RECV-02", |adapter| {
            adapter.on_host("receive", |_| {
                let list = packet(&frame(60));
                // SAFETY: a packet of ours.
                let start = unsafe { (*(*(*list).FirstNetBuffer).MdlChain).MappedSystemVa.cast::<u8>() };
                Indication::of(vec![list]).indicate();
                // SAFETY: memory that stays.
                unsafe { start.add(40).write_volatile(1) };
            });
        }),
        ("FAULT", |adapter| {
            adapter.on_host("receive", |_| {
                let list = packet(&frame(60));
                Indication::of(vec![list]).indicate();
                // SAFETY: none; the packet is lent, and leads nowhere.
                let buffer = unsafe { (&raw const (*list).FirstNetBuffer).read_volatile() };
                // SAFETY: as above.
                unsafe { (&raw const (*buffer).MdlChain).read_volatile() };
            });
        }),
        ("VRF-37", |adapter| {
            adapter.on_host("receive", |_| indicate(1));
            adapter.pause();
        }),
    ];
    for (rule, act) in cases {
        assert_eq!(ends(act), rule);
    }
}

/// Proves the checks of RECV-06 and VRF-40.
#[test]
fn nothing_is_indicated_that_nobody_wants() {
    let without_filter: Act = |adapter| {
        adapter.set(0x0001_010e, &[0; 4]).expect("the filter is set");
        sim::sleep(20 * MILLISECOND);
        adapter.on_host("receive", |_| indicate(1));
    };
    assert_eq!(ends(without_filter), "RECV-06");
    let paused: Act = |adapter| {
        adapter.pause();
        adapter.on_host("receive", |_| indicate(1));
    };
    assert_eq!(ends(paused), "VRF-40");
}

fn interrupted(function: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    for message in 0..16 {
        function.raise(message % 4);
        sim::sleep(MILLISECOND);
    }
    adapter.on_host("free", |_| free());
    adapter.stop();
}

/// Proves the check of RECV-08.
#[test]
fn a_dpc_that_indicates_more_than_it_may_is_caught() {
    assert_eq!(caught(Wrong::DpcIndicatesTooMany, interrupted), "RECV-08");
}

/// Proves RECV-02 and RECV-03: packets come back once, on other processors and in chains of other indications; all of them at once if
/// nobody listens, and none that was lent for the time of the call.
#[test]
fn packets_come_back_in_any_order_from_any_processor() {
    let (mut elsewhere, mut mixed, mut late) = (false, false, false);
    for seed in 0..20 {
        let seen = sim::run(seed, || {
            let (_, driver, adapter) = super::halted();
            adapter.start().expect("the adapter starts");
            adapter.on_host("receive", |_| indicate(3));
            assert_eq!(frames().back.borrow().len(), 3, "nobody listens");
            let heard = Rc::new(RefCell::new(Vec::new()));
            let listener = Rc::clone(&heard);
            adapter.on_receive(Rc::new(move |received: &Received| {
                listener.borrow_mut().push(received.short)
            }));
            adapter.on_host("receive", |_| {
                for _ in 0..4 {
                    indicate(2);
                    sim::sleep(sim::choose(Stream::Device, 20_000));
                }
            });
            let before = frames().back.borrow().len();
            await_all(&adapter);
            adapter.on_host("receive", |_| {
                let mut short = Indication::of(vec![packet(&frame(60)), packet(&frame(60))]);
                short.flags = NDIS_RECEIVE_FLAGS_RESOURCES;
                short.indicate();
                // SAFETY: a packet that is ours again.
                assert_eq!(unsafe { (*short.lists[0]).Next }, short.lists[1]);
            });
            sim::sleep(MILLISECOND);
            let back = frames().back.take();
            assert_eq!(back.len(), 11);
            let distinct: std::collections::BTreeSet<_> = back.iter().map(|(list, ..)| *list).collect();
            assert_eq!(distinct.len(), 11);
            assert_eq!(heard.borrow().iter().filter(|short| **short).count(), 2);
            adapter.on_host("free", |_| free());
            adapter.stop();
            adapter.remove();
            driver.unload();
            let processors: std::collections::BTreeSet<_> = back.iter().map(|(_, on, _)| *on).collect();
            (
                processors.len() > 1,
                back[3..].iter().any(|(.., chain)| *chain > 2),
                before < 11,
            )
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
        elsewhere |= seen.0;
        mixed |= seen.1;
        late |= seen.2;
    }
    assert!(elsewhere && mixed && late);
}
