//! The Ethernet data path of one adapter: frames of NDIS's protocols to the wire and back.
//!
//! | module | what lives there |
//! |---|---|
//! | [`transmit`] | sends |
//! | [`receive`] | receives |
//! | [`offload`] | which checksums and large sends are left to the device |
//! | [`filter`] | which frames are received |
//! | `kinds`, [`scale`] | which queue and which processor they come to |
//! | `complete` | packets on their way back to NDIS |
//!
//! RDMA has its own queue pairs and is not seen here.

mod complete;
pub mod filter;
mod kinds;
pub mod offload;
pub mod receive;
pub mod scale;
pub mod transmit;

use core::ffi::c_void;

pub use self::kinds::HASH_TYPES;

use self::{
    complete::complete_sends,
    filter::{Filter, Wanted},
    kinds::Kinds,
    offload::Offloads,
    receive::{Receive, queue::Reception, verdict::Beside},
    scale::{MOST_ENTRIES, Processor, Scale},
    transmit::{Transmit, plan::Limits},
};
use crate::{
    hw::{
        Device, HwError,
        ether::{Domain, EtherCaps},
    },
    nt::{
        Dma, NdisHandle, Passive, Ref, SpinLock, Status,
        out_of_band::ChecksumVerdict,
        packet::Packets,
        pool::{self, Box},
    },
};

/// How an adapter sends and receives.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes of the longest IP packet.
    pub mtu: u32,
    /// Tags are put in and told: priority, VLAN id.
    pub tags: (bool, bool),
    /// Task offloads that are on.
    pub offloads: Offloads,
    /// Frames that a send ring has with the device, at most.
    pub transmit_frames: u32,
    /// Buffers of a receive queue.
    pub receive_buffers: u32,
    /// Send rings and receive queues.
    pub queues: u32,
}

/// Bytes of an Ethernet header.
const HEADER: u32 = 14;
/// The longest message that the device cuts into frames, as NDIS is told, in bytes with headers.
pub const MOST_LARGE_SEND: u32 = 0x1_0000;

/// The Ethernet half of an adapter.
#[derive(Debug)]
pub struct Ether {
    ndis: NdisHandle,
    domain: Domain,
    transmit: Transmit,
    receive: Receive,
    kinds: Kinds,
    filter: Filter,
    scale: SpinLock<Box<Scale>>,
    beside: SpinLock<Beside>,
    /// What the device can offload, and what of it is on.
    possible: Offloads,
    offloads: SpinLock<Offloads>,
    /// What is received over IPv4 and IPv6 is verified (rule OFL-11).
    verifies: SpinLock<(bool, bool)>,
}

impl Ether {
    /// Makes everything, closed.
    ///
    /// # Errors
    /// [`HwError::Limit`], [`HwError::NoMemory`], those of the commands; nothing stays.
    pub fn create(
        device: &Ref<Device>,
        dma: &Ref<Dma>,
        config: &Config,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, HwError> {
        let scale = pool::try_box(Scale::OFF)?;
        let caps = EtherCaps::read(device, passive)?;
        let domain = Domain::create(device, passive)?;
        // A queue for each processor, as far as there are messages for them.
        let most = device.completion_vectors().min(device.completion_processors());
        let queues = config.queues.clamp(1, most.max(1));
        let limits = limits(caps, config);
        let log = |frames: u32| frames.next_power_of_two().ilog2().min(caps.log_max_queue);
        let transmit = Transmit::create(
            &domain,
            dma,
            (queues, log(config.transmit_frames)),
            limits,
            passive,
        )
        .inspect_err(|_| domain.destroy(passive))?;
        let reception = Reception {
            mtu: config.mtu,
            log_buffers: log(config.receive_buffers),
            beside: beside(config),
        };
        let entries = 1 << caps.log_max_table.min(MOST_ENTRIES.ilog2());
        let receive = Receive::create(&domain, dma.ndis(), (queues, entries), reception, passive)
            .inspect_err(|_| {
                transmit.destroy(passive);
                domain.destroy(passive);
            })?;
        let kinds =
            Kinds::create(device, receive.target(), caps.matches_ip_version, passive).inspect_err(|_| {
                receive.destroy(passive);
                transmit.destroy(passive);
                domain.destroy(passive);
            })?;
        let filter =
            Filter::create(device, kinds.number(), caps.multicast_list, passive).inspect_err(|_| {
                kinds.destroy(passive);
                receive.destroy(passive);
                transmit.destroy(passive);
                domain.destroy(passive);
            })?;
        let possible = if limits.large_send != 0 {
            Offloads::ALL
        } else {
            Offloads::NONE
        };
        let this = Ref::try_new_or_back(Self {
            ndis: dma.ndis(),
            domain,
            transmit,
            receive,
            kinds,
            filter,
            scale: SpinLock::new(scale),
            beside: SpinLock::new(reception.beside),
            possible,
            offloads: SpinLock::new(Offloads::NONE),
            verifies: SpinLock::new((false, false)),
        })
        .map_err(|back| {
            back.destroy(passive);
            HwError::NoMemory
        })?;
        this.set_offloads(&config.offloads);
        Ok(this)
    }

    /// Task offloads that the device has.
    pub const fn possible_offloads(&self) -> Offloads {
        self.possible
    }

    /// Task offloads that are on.
    pub fn offloads(&self) -> Offloads {
        *self.offloads.lock()
    }

    /// Switches task offloads on and off, as far as the device has them.
    pub fn set_offloads(&self, wanted: &Offloads) {
        let now = if self.possible == Offloads::NONE {
            Offloads::NONE
        } else {
            *wanted
        };
        *self.offloads.lock() = now;
        self.transmit.allow_large((now.large4, now.large6));
        self.verify();
    }

    /// What is received over IPv4 and over IPv6 is verified from now on, as far as that is on (rule OFL-11).
    pub fn start_offloads(&self, versions: (bool, bool)) {
        *self.verifies.lock() = versions;
        self.verify();
    }

    fn verify(&self) {
        let (now, (ipv4, ipv6)) = (self.offloads(), *self.verifies.lock());
        let good = |on: bool, verdict| if on { verdict } else { ChecksumVerdict::default() };
        let over4 = good(now.ipv4.receive, ChecksumVerdict::IP_GOOD)
            .and(good(now.tcp4.receive, ChecksumVerdict::TCP_GOOD))
            .and(good(now.udp4.receive, ChecksumVerdict::UDP_GOOD));
        let over6 = good(now.tcp6.receive, ChecksumVerdict::TCP_GOOD)
            .and(good(now.udp6.receive, ChecksumVerdict::UDP_GOOD));
        self.tell_beside(|beside| {
            beside.verdicts4 = good(ipv4, over4);
            beside.verdicts6 = good(ipv6, over6);
        });
    }

    /// `MiniportSendNetBufferLists`. `<= DISPATCH_LEVEL`; `dispatch` if it is that for sure.
    pub fn send(&self, packets: Packets, dispatch: bool) {
        self.transmit.send(packets, dispatch);
    }

    /// `MiniportCancelSend`. `<= DISPATCH_LEVEL`.
    pub fn cancel(&self, id: *mut c_void) {
        self.transmit.cancel(id);
    }

    /// `MiniportReturnNetBufferLists`. `<= DISPATCH_LEVEL`.
    pub fn give_back(&self, packets: Packets) {
        self.receive.give_back(packets);
    }

    /// Looks at the receive queues of a message whose events were just handed on, in its DPC at `DISPATCH_LEVEL`: indicates `most` frames
    /// of each at most, but for queues that `elsewhere` sees to on their own processor. `true` when there may be more: come again.
    #[inline]
    pub fn serve(&self, message: u32, most: u32, elsewhere: impl Fn(Processor) -> bool) -> bool {
        self.receive.serve(message, most, elsewhere)
    }

    /// Receive queues that there are.
    pub fn receive_queues(&self) -> usize {
        self.receive.count()
    }

    /// How frames are spread.
    pub fn scale(&self) -> Scale {
        **self.scale.lock()
    }

    /// Spreads frames over processors otherwise (rules RSS-05 to RSS-07). Changes are serialised by the caller.
    ///
    /// # Errors
    /// Those of the commands: frames are spread in part as before.
    pub fn spread(&self, scale: &Scale, passive: Passive<'_>) -> Result<(), HwError> {
        if scale.types != 0 {
            self.receive.spread(scale, passive)?;
        }
        self.kinds.spread(
            &self.domain,
            self.receive.table(),
            (scale.types, &scale.key),
            passive,
        )?;
        if scale.types == 0 {
            self.receive.gather();
        }
        **self.scale.lock() = *scale;
        self.tell_beside(|beside| beside.hash_types = scale.types);
        Ok(())
    }

    /// Changes what is told beside frames.
    fn tell_beside(&self, change: impl FnOnce(&mut Beside)) {
        let now = {
            let mut beside = self.beside.lock();
            change(&mut beside);
            *beside
        };
        self.receive.tell_beside(now);
    }

    /// Events were handed on outside of a DPC: names the messages whose DPCs have to look at receive queues. `<= DISPATCH_LEVEL`.
    pub fn each_signal(&self, tell: impl FnMut(u32)) {
        self.receive.each_signal(tell);
    }

    /// Sends are taken from now on.
    pub fn open_transmit(&self) {
        self.transmit.open();
    }

    /// Frames are indicated from now on.
    pub fn open_receive(&self) {
        self.receive.open();
    }

    /// Sends are answered with `status` from now on, and none is outstanding when this returns; no frame is indicated any more. Whether
    /// all received packets are back: if not, the last one completes the pause (rules PAUSE-01 to PAUSE-04).
    pub fn pause(&self, status: Status, passive: Passive<'_>) -> bool {
        self.transmit.close(status, passive);
        self.receive.close(passive)
    }

    /// What NDIS wants to receive (rule OID-11).
    ///
    /// # Errors
    /// Those of the commands.
    pub fn want(&self, wanted: &Wanted, passive: Passive<'_>) -> Result<(), HwError> {
        self.filter.want(wanted, passive)
    }

    /// What NDIS wanted last.
    pub fn wanted(&self) -> Wanted {
        self.filter.wanted()
    }

    /// Frames that were not sent: discarded, and failed by the device; that were not indicated: bad, and discarded.
    pub fn lost(&self) -> ((u64, u64), (u64, u64)) {
        (self.transmit.losses(), self.receive.dropped())
    }

    /// Destroys everything. Sends and receives are paused, all packets are back.
    pub fn destroy(&self, passive: Passive<'_>) {
        self.transmit.close(Status::NDIS_NOT_ACCEPTED, passive);
        self.filter.destroy(passive);
        self.kinds.destroy(passive);
        self.receive.destroy(passive);
        self.transmit.destroy(passive);
        self.domain.destroy(passive);
    }

    /// Answers packets that nobody sends.
    pub fn refuse(ndis: NdisHandle, mut packets: Packets, status: Status, dispatch: bool) {
        packets.set_status(status);
        complete_sends(ndis, packets, dispatch);
    }

    /// The adapter's NDIS handle.
    pub const fn ndis(&self) -> NdisHandle {
        self.ndis
    }
}

fn limits(caps: EtherCaps, config: &Config) -> Limits {
    let large = (1 << caps.log_max_large_send.min(31)).min(MOST_LARGE_SEND);
    Limits {
        frame: (config.mtu + HEADER) as usize,
        tags: config.tags,
        vlan: 0,
        large: (false, false),
        large_send: if caps.checksums && caps.log_max_large_send != 0 {
            large as usize
        } else {
            0
        },
        caps,
    }
}

fn beside(config: &Config) -> Beside {
    let (priority, vlan) = config.tags;
    Beside {
        verdicts4: ChecksumVerdict::default(),
        verdicts6: ChecksumVerdict::default(),
        tag_mask: if priority { 0xf000 } else { 0 } | if vlan { 0x0fff } else { 0 },
        hash_types: 0,
    }
}
