//! Two devices and a link: doorbells, rings, keys, packets, completions and events together (connectx.md 8 to 13).

use std::cell::Cell;

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Memory, dword};
use connectx_model::{Config, Qpn, State};
use cxndk_testbed::environment::simulated;
use cxndk_testbed::sim::{self, Stream};
use cxndk_testbed::wire::link::{Faults, Link, LinkConfig};

const ENTRIES: usize = 64;
const DATA: usize = 4 << 20;
/// Variant of the keys.
const VARIANT: u32 = 0x11;
const ANY_QP: u32 = 0x00ff_ffff;

/// Opcodes of send WQEs.
pub(super) const WRITE: u32 = 0x08;
const SEND: u32 = 0x0a;
const READ: u32 = 0x10;
const UMR: u32 = 0x25;

/// A device with one connected queue pair, and memory behind a key.
pub(super) struct End {
    pub(super) driver: Driver,
    pub(super) pd: u32,
    pub(super) qpn: u32,
    context: hw::Qpc,
    /// Receive ring, then send ring.
    pub(super) ring: Memory,
    pub(super) record: Memory,
    queue: Memory,
    queue_record: Memory,
    pub(super) data: Memory,
    pub(super) key: u32,
    pub(super) sent: Cell<u32>,
    received: Cell<u32>,
    consumed: Cell<usize>,
}

const fn mac(index: usize) -> [u8; 6] {
    [2, 0, 0, 0, 1, index as u8 + 1]
}

const fn gid(index: usize) -> [u8; 16] {
    [
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0xff,
        0xff,
        10,
        0,
        0,
        index as u8 + 1,
    ]
}

/// A data segment.
pub(super) fn piece(key: u32, address: u64, length: usize) -> Vec<u8> {
    let mut segment = hw::HwWqeDataSeg::new();
    segment
        .set_byte_count(length as u32)
        .set_lkey(key)
        .set_local_virtual_address(address);
    segment.as_bytes().to_vec()
}

/// A remote address segment.
pub(super) fn remote(key: u32, address: u64) -> Vec<u8> {
    let mut segment = hw::HwWqeRaddrSeg::new();
    segment.set_rkey(key).set_remote_virtual_address(address);
    segment.as_bytes().to_vec()
}

impl End {
    pub(super) fn new(index: usize) -> Self {
        let driver = Driver::with(Config::new(format!("cx{index}"), mac(index)));
        driver.bring_up();
        driver.make_event_queue();
        driver.set_roce(true).expect("roce_en");
        driver
            .set_gid(0, &gid(index), mac(index))
            .expect("SET_ROCE_ADDRESS");
        driver.device.set_carrier(true);
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let (queue, queue_record) = (driver.memory(ENTRIES * 64), driver.memory(4096));
        let cqn = completion_queue(&driver, &queue, &queue_record);
        let (ring, record) = (driver.memory(ENTRIES * 128), driver.memory(4096));
        let mut input = hw::CreateQpIn::new();
        input.set_opcode(u32::from(op::CREATE_QP));
        let context = input.qpc_mut();
        context
            .set_pd(pd)
            .set_uar_page(driver.uar.get())
            .set_cqn_snd(cqn)
            .set_cqn_rcv(cqn)
            .set_pm_state(3);
        context
            .set_log_sq_size(6)
            .set_log_rq_size(6)
            .set_log_rq_stride(2)
            .set_dbr_addr(record.bus);
        context.set_rlky(1).set_fre(1).set_user_index(0x00ff_ffff);
        let context = *input.qpc();
        let pages = ring.pages().into_iter().flat_map(u64::to_be_bytes);
        let input: Vec<u8> = input.as_bytes().iter().copied().chain(pages).collect();
        let qpn = dword(&driver.command(&input, 16).expect("CREATE_QP"), 8) & 0x00ff_ffff;
        let data = driver.memory(DATA);
        let key = physical_key(&driver, pd);
        Self {
            driver,
            pd,
            qpn,
            context,
            ring,
            record,
            queue,
            queue_record,
            data,
            key,
            sent: Cell::new(0),
            received: Cell::new(0),
            consumed: Cell::new(0),
        }
    }

    fn modify(&self, opcode: u16, change: impl FnOnce(&mut hw::Qpc)) {
        let mut input = hw::Rst2initQpIn::new();
        input.set_opcode(u32::from(opcode)).set_qpn(self.qpn);
        *input.qpc_mut() = self.context;
        change(input.qpc_mut());
        self.driver
            .command(&input.as_bytes()[..], 16)
            .expect("a transition");
    }

    /// RESET to RTS, with the other end as peer.
    pub(super) fn connect(&self, index: usize, peer: u32) {
        self.modify(op::RST2INIT_QP, |context| {
            context.set_rwe(1).set_rre(1);
            context.primary_address_path_mut().set_vhca_port_num(1);
        });
        let other = mac(1 - index);
        self.modify(op::INIT2RTR_QP, |context| {
            context
                .set_mtu(3)
                .set_log_msg_max(30)
                .set_remote_qpn(peer)
                .set_next_rcv_psn(0x0012_3456);
            context
                .set_log_rra_max(4)
                .set_min_rnr_nak(1)
                .set_rre(1)
                .set_rwe(1);
            let path = context.primary_address_path_mut();
            path.set_vhca_port_num(1)
                .set_hop_limit(64)
                .set_udp_sport(0xc123)
                .set_rgid_rip(&gid(1 - index));
            path.set_rmac_47_32(u32::from_be_bytes([0, 0, other[0], other[1]]));
            path.set_rmac_31_0(u32::from_be_bytes([other[2], other[3], other[4], other[5]]));
        });
        self.modify(op::RTR2RTS_QP, |context| {
            context
                .set_next_send_psn(0x0012_3456)
                .set_retry_count(7)
                .set_rnr_retry(7)
                .set_log_sra_max(2);
            context.primary_address_path_mut().set_ack_timeout(8);
        });
    }

    /// Posts a signaled WQE and rings the doorbell.
    fn post(&self, opcode: u32, immediate: u32, segments: &[u8]) {
        let doorbell = self.put(opcode, immediate, segments);
        self.count_sent();
        self.ring_with(doorbell);
    }

    /// Writes a signaled WQE behind the others; the doorbell that belongs to it.
    pub(super) fn put(&self, opcode: u32, immediate: u32, segments: &[u8]) -> u64 {
        let counter = self.sent.get();
        let mut control = hw::HwWqeCtrlSeg::new();
        control
            .set_opcode(opcode)
            .set_wqe_index(counter)
            .set_qp_or_sq(self.qpn)
            .set_ds(1 + segments.len() as u32 / 16);
        control
            .set_completion_mode(2)
            .set_fence_mode(if opcode == UMR { 3 } else { 0 })
            .set_imm_inv_umr_key(immediate);
        let mut wqe = control.as_bytes().to_vec();
        wqe.extend_from_slice(segments);
        for (index, block) in wqe.chunks(64).enumerate() {
            let slot = (counter as usize + index) % ENTRIES;
            self.ring.write((ENTRIES + slot) * 64, block);
        }
        self.sent.set((counter + wqe.len().div_ceil(64) as u32) & 0xffff);
        let control = *control.as_bytes();
        u64::from_be_bytes(control[..8].try_into().expect("8 bytes"))
    }

    /// Writes the doorbell record.
    pub(super) fn count_sent(&self) {
        self.record.write_be32(4, self.sent.get());
    }

    /// Rings.
    pub(super) fn ring_with(&self, doorbell: u64) {
        let at = u64::from(self.driver.uar.get()) * 4096 + 0x800;
        self.driver.write64(at, doorbell);
    }

    /// Posts a receive of `length` bytes at `offset` of the data.
    pub(super) fn receive(&self, offset: usize, length: usize) {
        let mut wqe = piece(self.key, self.data.bus + offset as u64, length);
        wqe.extend(piece(0x100, 0, 0));
        let counter = self.received.get();
        self.ring.write(counter as usize % ENTRIES * 64, &wqe);
        self.received.set((counter + 1) & 0xffff);
        self.record.write_be32(0, self.received.get());
    }

    /// Waits for the next completion: its opcode and the whole of it.
    fn completion(&self) -> (u32, hw::HwCqe64) {
        let index = self.consumed.get();
        self.consumed.set(index + 1);
        let mut cqe = hw::HwCqe64::new();
        for _ in 0..1_000_000 {
            *cqe.as_bytes_mut() = self.queue.read(index % ENTRIES * 64);
            if cqe.opcode() != 0xf && cqe.owner() as usize == (index / ENTRIES) & 1 {
                self.queue_record
                    .write_be32(0, self.consumed.get() as u32 & 0x00ff_ffff);
                return (cqe.opcode(), cqe);
            }
            sim::sleep(sim::MICROSECOND);
        }
        panic!("no completion {index}");
    }

    fn fill(&self, offset: usize, length: usize, seed: u8) {
        let bytes: Vec<u8> = (0..length)
            .map(|index| ((index * 7 + (index >> 8)) as u8) ^ seed)
            .collect();
        self.data.write(offset, &bytes);
    }

    pub(super) fn at(&self, offset: usize) -> u64 {
        self.data.bus + offset as u64
    }
}

fn same(one: &Memory, at: usize, other: &Memory, there: usize, length: usize) -> bool {
    (0..length)
        .step_by(64)
        .all(|step| one.read::<64>(at + step) == other.read::<64>(there + step))
}

pub(super) fn completion_queue(driver: &Driver, ring: &Memory, record: &Memory) -> u32 {
    for entry in 0..ENTRIES {
        ring.write(entry * 64 + 63, &[0xf0]);
    }
    let mut input = hw::CreateCqIn::new();
    input.set_opcode(u32::from(op::CREATE_CQ));
    let context = input.cq_context_mut();
    context
        .set_log_cq_size(6)
        .set_uar_page(driver.uar.get())
        .set_c_eqn_or_apu_element(driver.eqn.get())
        .set_dbr_addr(record.bus);
    let input = [&input.as_bytes()[..], &ring.bus.to_be_bytes()[..]].concat();
    dword(&driver.command(&input, 16).expect("CREATE_CQ"), 8) & 0x00ff_ffff
}

/// A key over all memory with all rights.
pub(super) fn physical_key(driver: &Driver, pd: u32) -> u32 {
    let mut input = hw::CreateMkeyIn::new();
    input.set_opcode(u32::from(op::CREATE_MKEY));
    let context = input.memory_key_mkey_entry_mut();
    context
        .set_length64(1)
        .set_pd(pd)
        .set_qpn(ANY_QP)
        .set_mkey_7_0(VARIANT);
    context.set_lr(1).set_lw(1).set_rr(1).set_rw(1);
    let out = driver.command(&input.as_bytes()[..], 16).expect("CREATE_MKEY");
    (dword(&out, 8) & 0x00ff_ffff) << 8 | VARIANT
}

/// A free key with room for eight pages; its index, shifted.
fn fast_key(end: &End) -> u32 {
    let mut input = hw::CreateMkeyIn::new();
    input.set_opcode(u32::from(op::CREATE_MKEY));
    let context = input.memory_key_mkey_entry_mut();
    context
        .set_free(1)
        .set_umr_en(1)
        .set_access_mode_1_0(1)
        .set_pd(end.pd)
        .set_qpn(ANY_QP)
        .set_lr(1);
    context.set_translations_octword_size(4);
    let out = end
        .driver
        .command(&input.as_bytes()[..], 16)
        .expect("CREATE_MKEY");
    (dword(&out, 8) & 0x00ff_ffff) << 8
}

/// The segments that register `pages` under `key` from address `start` on, for reads and writes of the peer.
fn registration(key: u32, start: u64, pages: &[u64]) -> Vec<u8> {
    let mut control = hw::HwWqeUmrCtrlSeg::new();
    let fields = [0, 1, 6, 8, 13, 17, 18, 19, 20, 29]
        .iter()
        .fold(0, |mask, bit| mask | (1 << bit));
    control
        .set_flags(0x80 | 0x20)
        .set_klm_octowords(4)
        .set_mkey_mask(fields);
    let mut context = hw::HwWqeMkeySeg::new();
    context
        .set_flags(0x04 | 0x08 | 0x10 | 0x20 | 1)
        .set_qpn(ANY_QP)
        .set_mkey_7_0(key & 0xff);
    context
        .set_start_addr(start)
        .set_len(pages.len() as u64 * 4096)
        .set_log_page_size(12);
    let mut segments = [&control.as_bytes()[..], &context.as_bytes()[..]].concat();
    segments.extend(pages.iter().flat_map(|page| (page | 3).to_be_bytes()));
    segments.resize(48 + 64 + 64, 0);
    segments
}

/// The segments that free a key.
fn invalidation() -> Vec<u8> {
    let mut control = hw::HwWqeUmrCtrlSeg::new();
    control.set_flags(0x80).set_mkey_mask(1 << 29);
    let mut context = hw::HwWqeMkeySeg::new();
    context.set_free(1);
    [&control.as_bytes()[..], &context.as_bytes()[..]].concat()
}

/// Runs `scenario` on both ends of a connection over a link with these faults.
fn connected(seed: u64, faults: Faults, scenario: impl FnOnce(&[End; 2]) + Send) {
    sim::run(seed, move || {
        let config = LinkConfig {
            faults,
            ..LinkConfig::default()
        };
        let link = Link::new(simulated(Stream::Wire), config);
        let ends = [End::new(0), End::new(1)];
        for (index, end) in ends.iter().enumerate() {
            let port = link.port(index);
            let device = end.driver.device.clone();
            port.on_receive(move |frame| device.deliver_frame(&frame));
            end.driver.device.plug(move |frame| {
                port.transmit(frame);
            });
            end.connect(index, ends[1 - index].qpn);
        }
        scenario(&ends);
        for (index, end) in ends.iter().enumerate() {
            link.port(index).disconnect();
            end.driver.device.plug(drop);
        }
    })
    .expect("the run ends well");
}

/// A megabyte each way and a message, over a wire with those faults.
fn move_data(ends: &[End; 2]) {
    let [a, b] = ends;
    let length = 1 << 20;
    a.fill(0, length, 0x5a);
    b.receive(3 << 20, 5000);
    let source = piece(a.key, a.at(0), length);
    a.post(WRITE, 0, &[remote(b.key, b.at(0)), source].concat());
    a.post(SEND, 0, &piece(a.key, a.at(64), 4992));
    let back = piece(a.key, a.at(2 << 20), length);
    a.post(READ, 0, &[remote(b.key, b.at(0)), back].concat());
    let (opcode, cqe) = b.completion();
    assert_eq!((opcode, cqe.byte_cnt(), cqe.qpn()), (2, 4992, b.qpn));
    for byte_count in [0, 0, length as u32] {
        let (opcode, cqe) = a.completion();
        assert_eq!((opcode, cqe.byte_cnt()), (0, byte_count));
    }
    assert!(same(&a.data, 0, &b.data, 0, length));
    assert!(same(&a.data, 2 << 20, &b.data, 0, length));
    assert!(same(&a.data, 64, &b.data, 3 << 20, 4992));
}

/// Proves connectx 9, 10, 8: from the doorbell to the completion, through both devices.
#[test]
fn a_megabyte_goes_there_and_back() {
    connected(1, Faults::default(), |ends| {
        move_data(ends);
        let counters = ends[0].driver.device.engine.borrow().counters();
        assert_eq!((counters.doorbells, counters.retransmitted), (3, 0));
    });
}

/// Proves connectx 13: the device's switch keeps what goes to the port's own address, unless that is switched off; without carrier
/// it is lost like anything else.
#[test]
fn a_queue_pair_talks_to_its_own_port() {
    sim::run(2, || {
        let end = End::new(0);
        let device = &end.driver.device;
        let cable = std::rc::Rc::new(Cell::new(0));
        let frames = std::rc::Rc::clone(&cable);
        device.plug(move |_| frames.set(frames.get() + 1));
        // The peer of end 1 is end 0: this one.
        end.connect(1, end.qpn);
        end.fill(0, 9000, 0x3c);
        end.receive(1 << 20, 9000);
        end.post(SEND, 0, &piece(end.key, end.at(0), 9000));
        let mut opcodes = [end.completion().0, end.completion().0];
        opcodes.sort_unstable();
        assert_eq!(opcodes, [0, 2]);
        assert!(same(&end.data, 0, &end.data, 1 << 20, 8960));
        assert_eq!((cable.get(), device.traffic().sent_frames), (0, 0));
        let looped = device.traffic().looped_frames;
        assert!(looped > 9, "nine packets and an acknowledgement: {looped}");
        device.set_carrier(false);
        device.send_frame([&mac(0)[..], &[0; 54]].concat());
        device.set_carrier(true);
        assert_eq!(device.traffic().looped_frames, looped);
        let mut input = hw::ModifyNicVportContextIn::new();
        input.set_opcode(u32::from(op::MODIFY_NIC_VPORT_CONTEXT));
        input.field_select_mut().set_disable_uc_local_lb(1);
        input.nic_vport_context_mut().set_disable_uc_local_lb(1);
        end.driver
            .command(&input.as_bytes()[..], 16)
            .expect("MODIFY_NIC_VPORT_CONTEXT");
        device.send_frame([&mac(0)[..], &[0; 54]].concat());
        assert_eq!((cable.get(), device.traffic().looped_frames), (1, looped));
        device.plug(drop);
    })
    .expect("the run ends well");
}

/// Proves roce-wire 2: on a wire that loses, repeats, reorders and damages.
#[test]
fn a_megabyte_survives_a_bad_wire() {
    let faults = Faults {
        loss: 20_000,
        duplication: 5_000,
        reordering: 2_000,
        corruption: 5_000,
    };
    for seed in 0..5 {
        connected(seed, faults, |ends| {
            move_data(ends);
            let counters = ends[0].driver.device.engine.borrow().counters();
            assert_ne!(counters.retransmitted, 0);
        });
    }
}

/// Proves connectx 12: a registration opens scattered pages to the peer, an invalidation closes them; then the peer's
/// access is an error on both sides and an event here.
#[test]
fn a_fast_registration_opens_and_an_invalidation_closes() {
    connected(7, Faults::default(), |ends| {
        let [a, b] = ends;
        let key = fast_key(b) | 0x77;
        let pages = [5, 2, 9].map(|page| b.at(page * 4096));
        b.post(UMR, key, &registration(key, 0xdead_0000, &pages));
        assert_eq!(b.completion().0, 0);
        a.fill(0, 8192, 0x33);
        let source = piece(a.key, a.at(0), 8192);
        a.post(WRITE, 0, &[remote(key, 0xdead_0800), source.clone()].concat());
        assert_eq!(a.completion().0, 0);
        assert!(same(&a.data, 0, &b.data, 5 * 4096 + 0x800, 0x800));
        assert!(same(&a.data, 0x800, &b.data, 2 * 4096, 4096));
        assert!(same(&a.data, 0x1800, &b.data, 9 * 4096, 0x800));
        b.post(UMR, key, &invalidation());
        assert_eq!(b.completion().0, 0);
        a.post(WRITE, 0, &[remote(key, 0xdead_0800), source].concat());
        let (opcode, cqe) = a.completion();
        assert_eq!((opcode, cqe.as_bytes()[0x37]), (13, 0x13));
        sim::sleep(sim::MICROSECOND);
        for end in ends {
            let qp = end.driver.device.qp(Qpn(end.qpn)).expect("it exists");
            assert_eq!(qp.state.get(), State::Error);
        }
        let event = b.driver.next_event_of(0x11).expect("an access violation");
        assert_eq!(dword(event.event_data(), 0x18) & 0x00ff_ffff, b.qpn);
    });
}

/// Proves connectx 9: QUERY_QP shows how far the queue pair has come.
#[test]
fn a_query_shows_the_progress() {
    connected(8, Faults::default(), |ends| {
        let [a, b] = ends;
        let source = piece(a.key, a.at(0), 4096);
        a.post(WRITE, 0, &[remote(b.key, b.at(0)), source].concat());
        a.completion();
        let query = |end: &End| {
            let input = super::driver::header(op::QUERY_QP, 0, [end.qpn, 0]);
            let out = end.driver.command(&input, 0x110).expect("QUERY_QP");
            *hw::Qpc::from_bytes(&out[0x18..]).expect("a context")
        };
        let (own, peer) = (query(a), query(b));
        assert_eq!((own.next_send_psn(), own.hw_sq_wqebb_counter()), (0x0012_345a, 1));
        assert_eq!(peer.next_rcv_psn(), 0x0012_345a);
    });
}
