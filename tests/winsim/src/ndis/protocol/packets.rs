//! Packets of protocol drivers: those that they send, and those that they are shown.
//!
//! | rule | what |
//! |---|---|
//! | PACKET | a packet that is sent is of a pool, of this binding, and its data lies in its MDLs |
//! | VRF-37 | it is not sent while it is under way |
//! | PROTO-BIND | a binding that was paused or closes has none under way, in either direction |
//! | VRF-38 | no spin lock is held |
//! | SEND-08 | a flag that says `DISPATCH_LEVEL` is true |

use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::{NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES};
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS_PENDING, NET_BUFFER_LIST};

use super::binding::bindings_of;
use super::{BIND, Binding, open_binding};
use crate::ndis::adapter::AdapterState;
use crate::ndis::kernel::{self, Level};
use crate::ndis::packet::{self, PACKET};
use crate::ndis::send::{DISPATCH_LEVEL, expect_level, expect_no_lock};
use crate::nt;
use crate::sim;

/// A chain of these packets, in this order.
///
/// # Safety
/// The packets are good, and nobody else uses them.
pub(in crate::ndis) unsafe fn chained(lists: &[*mut NET_BUFFER_LIST]) -> *mut NET_BUFFER_LIST {
    let mut first = ptr::null_mut();
    for list in lists.iter().rev() {
        // SAFETY: the caller's packet.
        unsafe { (**list).Next = first };
        first = *list;
    }
    first
}

/// What is wrong with a packet that is sent ends the run.
///
/// # Safety
/// What is of a pool is complete.
unsafe fn expect_sendable(ddi: &str, binding: &Binding, list: *mut NET_BUFFER_LIST) {
    if packet::is_under_way(list as usize) {
        sim::fail("VRF-37", format!("{ddi}: {list:p} is under way already"));
    }
    if !packet::is_of_pool(list as usize) {
        sim::fail(PACKET, format!("{ddi}: {list:p} is no list of a pool (any more)"));
    }
    // SAFETY: a list of a pool.
    let source = unsafe { (*list).SourceHandle };
    if source != binding.handle {
        sim::fail(
            PACKET,
            format!("{ddi}: SourceHandle {source:p} of {list:p} is not that of the binding"),
        );
    }
    // SAFETY: as above.
    unsafe { packet::expect_data(ddi, list) };
}

/// `NdisSendNetBufferLists`: to the miniport, which completes each once; back at once if the miniport takes nothing.
///
/// # Safety
/// The chain is the caller's until each packet of it is completed.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisSendNetBufferLists(
    handle: NDIS_HANDLE,
    first: *mut NET_BUFFER_LIST,
    port: u32,
    flags: u32,
) {
    let ddi = "NdisSendNetBufferLists";
    kernel::enter(ddi, Level::Dispatch);
    expect_level(ddi, flags);
    expect_no_lock(ddi);
    let binding = open_binding(handle, ddi);
    if port != 0 {
        sim::fail(
            "SEND-12",
            format!("{ddi} on port {port}, which was not allocated"),
        );
    }
    let (mut lists, mut next) = (Vec::new(), first);
    while !next.is_null() {
        // SAFETY: what is of a pool is complete.
        unsafe { expect_sendable(ddi, &binding, next) };
        lists.push(next);
        // SAFETY: a packet that was looked at.
        next = unsafe {
            (*next).Status = NDIS_STATUS_PENDING;
            (*next).Next
        };
    }
    binding.sends.set(binding.sends.get() + lists.len());
    // SAFETY: the caller's packets, which are complete.
    unsafe { Rc::clone(&binding.adapter).send_for(&binding, &lists, flags) };
}

/// `ProtocolSendNetBufferListsComplete`: packets of the binding are its own again.
pub(in crate::ndis) fn sent(binding: &Binding, lists: &[*mut NET_BUFFER_LIST]) {
    binding.sends.set(binding.sends.get() - lists.len());
    let handler = binding.protocol.characteristics.SendNetBufferListsCompleteHandler;
    let handler = handler.expect("checked at registration");
    // SAFETY: packets that are not with the miniport any more.
    let first = unsafe { chained(lists) } as usize;
    let flags = DISPATCH_LEVEL * u32::from(sim::irql() == sim::DISPATCH_LEVEL);
    let context = binding.context() as usize;
    nt::call_driver("ProtocolSendNetBufferListsComplete", sim::irql(), || {
        // SAFETY: the protocol driver registered the handler; the packets are its own.
        unsafe { handler(context as *mut _, first as *mut NET_BUFFER_LIST, flags) };
    });
}

impl Binding {
    /// Whether it is shown frames: it is open and not paused, and set a packet filter.
    fn listens(&self) -> bool {
        self.open.get() && !self.paused.get() && !self.closing.get() && self.wants.any()
    }

    /// No packet of it is under way, in either direction.
    pub(super) fn expect_no_packet(&self, when: &str) {
        let (sends, lent) = (
            self.sends.get(),
            self.adapter.receives.lent.with_protocol(self.handle),
        );
        if sends + lent > 0 {
            sim::fail(
                BIND,
                format!("{when} with {sends} packets sent and {lent} received packets not returned"),
            );
        }
    }

    /// `ProtocolReceiveNetBufferLists`.
    ///
    /// # Safety
    /// The packets are complete; with RESOURCES they stay so for the call, else until the protocol driver returns them.
    unsafe fn show(&self, lists: &[*mut NET_BUFFER_LIST], flags: u32) {
        let handler = self.protocol.characteristics.ReceiveNetBufferListsHandler;
        let handler = handler.expect("checked at registration");
        // SAFETY: the caller's packets.
        let first = unsafe { chained(lists) } as usize;
        let count = lists.len() as u32;
        let level = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL * u32::from(sim::irql() == sim::DISPATCH_LEVEL);
        let (context, flags) = (self.context() as usize, flags | level);
        self.indications.set(self.indications.get() + 1);
        nt::call_driver("ProtocolReceiveNetBufferLists", sim::irql(), || {
            // SAFETY: the protocol driver registered the handler; the packets are lent to it.
            unsafe { handler(context as *mut _, first as *mut NET_BUFFER_LIST, 0, count, flags) };
        });
        self.indications.set(self.indications.get() - 1);
    }
}

/// A packet and its frame.
type Shown = (*mut NET_BUFFER_LIST, Vec<u8>);

/// Shows packets to the protocol drivers that want them, one driver after the other. All but the last that wants a packet see it for the
/// time of the call; the last keeps it until it returns it, unless the miniport wants it back at once. The packets that nobody keeps.
///
/// # Safety
/// The packets are complete, and NDIS's; if it is not to be given back at once, each is lent.
pub(in crate::ndis) unsafe fn deliver(
    adapter: &AdapterState,
    packets: &[Shown],
    flags: u32,
) -> Vec<*mut NET_BUFFER_LIST> {
    let mac = adapter.mac();
    let mut listening = bindings_of(adapter);
    listening.retain(|binding| binding.listens());
    let flags = flags & !DISPATCH_LEVEL;
    let keep = flags & NDIS_RECEIVE_FLAGS_RESOURCES == 0;
    let last = |frame: &[u8]| {
        listening
            .iter()
            .rposition(|binding| binding.wants.takes(frame, mac))
    };
    let lasts: Vec<_> = packets
        .iter()
        .map(|(_, frame)| last(frame).filter(|_| keep))
        .collect();
    let mut nobodys = Vec::new();
    for (at, binding) in listening.iter().enumerate() {
        let (mut kept, mut seen) = (Vec::new(), Vec::new());
        for ((list, frame), last) in packets.iter().zip(&lasts) {
            if *last == Some(at) {
                kept.push(*list);
            } else if binding.wants.takes(frame, mac) {
                seen.push(*list);
            }
        }
        // It may have been paused or closed since.
        if !binding.listens() {
            nobodys.append(&mut kept);
            continue;
        }
        if !seen.is_empty() {
            // SAFETY: the caller's packets, of which nobody keeps these yet.
            unsafe { binding.show(&seen, flags | NDIS_RECEIVE_FLAGS_RESOURCES) };
        }
        if !kept.is_empty() {
            adapter.receives.lent.lend_to(binding.handle, &kept);
            // SAFETY: the caller's packets, which nobody else has.
            unsafe { binding.show(&kept, flags) };
        }
    }
    let unwanted = packets.iter().zip(&lasts).filter(|(_, last)| last.is_none());
    nobodys.extend(unwanted.map(|(packet, _)| packet.0));
    nobodys
}
