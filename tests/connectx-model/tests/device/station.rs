//! A device with an Ethernet queue of each kind, filled and steered as a small driver does it.

use std::cell::{Cell, RefCell};

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Failed, Memory, dword};
use super::traffic::{completion_queue, physical_key, piece};
use connectx_model::Config;
use cxndk_testbed::sim;

/// Elements of a ring.
pub(super) const ENTRIES: usize = 64;
/// Receive queues; their table has two entries for each.
pub(super) const QUEUES: usize = 2;
/// Bytes of a receive element's buffer.
pub(super) const ROOM: usize = 1536;
/// The key of the hash.
pub(super) const KEY: [u8; 40] = [0x6d; 40];
/// Where frames are made that are to be sent.
pub(super) const OUTGOING: usize = 1 << 20;

/// MAC address of a station.
pub(super) const fn mac(index: usize) -> [u8; 6] {
    [2, 0, 0, 0, 3, index as u8 + 1]
}

/// One receive queue with what it needs.
pub(super) struct Receiver {
    pub(super) number: u32,
    ring: Memory,
    pub(super) record: Memory,
    completions: Completions,
    posted: Cell<u32>,
    /// Where its buffers begin in the data.
    base: usize,
}

/// A completion queue that is polled.
struct Completions {
    number: u32,
    ring: Memory,
    record: Memory,
    consumed: Cell<usize>,
}

impl Completions {
    fn new(driver: &Driver) -> Self {
        let (ring, record) = (driver.memory(ENTRIES * 64), driver.memory(4096));
        Self {
            number: completion_queue(driver, &ring, &record),
            ring,
            record,
            consumed: Cell::new(0),
        }
    }

    /// The next completion if it comes within a millisecond.
    fn next(&self) -> Option<hw::HwCqe64> {
        let index = self.consumed.get();
        let mut cqe = hw::HwCqe64::new();
        for _ in 0..1000 {
            *cqe.as_bytes_mut() = self.ring.read(index % ENTRIES * 64);
            if cqe.opcode() != 0xf && cqe.owner() as usize == (index / ENTRIES) & 1 {
                self.consumed.set(index + 1);
                self.record.write_be32(0, (index + 1) as u32);
                return Some(cqe);
            }
            sim::sleep(sim::MICROSECOND);
        }
        None
    }
}

/// What one frame was: its bytes and its completion.
pub(super) struct Arrived {
    pub(super) bytes: Vec<u8>,
    pub(super) cqe: hw::HwCqe64,
}

pub(super) struct Station {
    pub(super) driver: Driver,
    pub(super) domain: u32,
    pub(super) pd: u32,
    pub(super) key: u32,
    pub(super) tis: u32,
    pub(super) sqn: u32,
    ring: Memory,
    pub(super) record: Memory,
    completions: Completions,
    sent: Cell<u32>,
    pub(super) receivers: Vec<Receiver>,
    pub(super) data: Memory,
    pub(super) table: u32,
    pub(super) tir: u32,
    pub(super) addresses: u32,
    pub(super) group: Cell<u32>,
    entries: RefCell<Vec<u32>>,
}

/// The ring part of a queue's context.
fn ring_context(wq: &mut hw::Wq, pd: u32, log_stride: u32, record: &Memory) {
    wq.set_wq_type(1).set_pd(pd).set_log_wq_stride(log_stride);
    wq.set_log_wq_sz(6).set_dbr_addr(record.bus);
}

fn with_pages(input: &[u8], ring: &Memory) -> Vec<u8> {
    let pages = ring.pages().into_iter().flat_map(u64::to_be_bytes);
    input.iter().copied().chain(pages).collect()
}

fn number(answer: Result<Vec<u8>, Failed>, what: &str) -> u32 {
    dword(&answer.unwrap_or_else(|failed| panic!("{what}: {failed:?}")), 8) & 0x00ff_ffff
}

/// `CREATE_SQ` as a station means it; `change` may spoil it.
pub(super) fn create_sq(
    driver: &Driver,
    (pd, tis, cq): (u32, u32, u32),
    (ring, record): (&Memory, &Memory),
    change: impl FnOnce(&mut hw::Sqc),
) -> Result<Vec<u8>, Failed> {
    let mut input = hw::CreateSqIn::new();
    input.set_opcode(u32::from(op::CREATE_SQ));
    let context = input.ctx_mut();
    context.set_cqn(cq).set_tis_lst_sz(1).set_tis_num_0(tis);
    context.set_flush_in_error_en(1);
    ring_context(context.wq_mut(), pd, 6, record);
    context.wq_mut().set_uar_page(driver.uar.get());
    change(context);
    driver.command(&with_pages(input.as_bytes(), ring), 16)
}

/// `MODIFY_SQ` or `MODIFY_RQ` from one state to another: both have the same shape.
pub(super) fn modify_queue(
    driver: &Driver,
    opcode: u16,
    queue: u32,
    from: u32,
    to: u32,
) -> Result<Vec<u8>, Failed> {
    let mut input = hw::ModifySqIn::new();
    input
        .set_opcode(u32::from(opcode))
        .set_sqn(queue)
        .set_sq_state(from);
    input.ctx_mut().set_state(to);
    driver.command(&input.as_bytes()[..], 16)
}

impl Station {
    pub(super) fn new(index: usize) -> Self {
        let driver = Driver::with(Config::new(format!("cx{index}"), mac(index)));
        driver.bring_up();
        driver.make_event_queue();
        driver.device.set_carrier(true);
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let domain = driver.allocate(op::ALLOC_TRANSPORT_DOMAIN).expect("a domain");
        let key = physical_key(&driver, pd);
        let tis = {
            let mut input = hw::CreateTisIn::new();
            input.set_opcode(u32::from(op::CREATE_TIS));
            input.ctx_mut().set_transport_domain(domain);
            number(driver.command(&input.as_bytes()[..], 16), "CREATE_TIS")
        };
        let (ring, record) = (driver.memory(ENTRIES * 64), driver.memory(4096));
        let completions = Completions::new(&driver);
        let sqn = create_sq(&driver, (pd, tis, completions.number), (&ring, &record), |_| ());
        let sqn = number(sqn, "CREATE_SQ");
        modify_queue(&driver, op::MODIFY_SQ, sqn, 0, 1).expect("ready");
        let receivers: Vec<_> = (0..QUEUES)
            .map(|queue| Receiver::new(&driver, pd, queue))
            .collect();
        let table = spread(&driver, &receivers);
        let tir = tir(&driver, domain, table);
        let addresses = address_table(&driver);
        Self {
            data: driver.memory(4 << 20),
            driver,
            domain,
            pd,
            key,
            tis,
            sqn,
            ring,
            record,
            completions,
            sent: Cell::new(0),
            receivers,
            table,
            tir,
            addresses: addresses.0,
            group: Cell::new(addresses.1),
            entries: RefCell::default(),
        }
    }

    /// Has frames to this address come to the TIR.
    pub(super) fn listen(&self, address: [u8; 6]) -> u32 {
        let index = self.entries.borrow().len() as u32;
        let mut input = hw::SetFteIn::new();
        input
            .set_opcode(u32::from(op::SET_FLOW_TABLE_ENTRY))
            .set_table_id(self.addresses)
            .set_flow_index(index);
        let context = input.flow_context_mut();
        context.set_group_id(self.group.get()).set_action(4);
        context.set_destination_list_size(1);
        to_mac(context.match_value_mut(), address);
        let mut destination = hw::DestFormatStruct::new();
        destination.set_destination_type(2).set_destination_id(self.tir);
        let input = [&input.as_bytes()[..], &destination.as_bytes()[..]].concat();
        self.driver.command(&input, 16).expect("SET_FLOW_TABLE_ENTRY");
        self.entries.borrow_mut().push(index);
        index
    }

    /// Posts so many buffers to a receive queue.
    pub(super) fn fill(&self, queue: usize, count: u32) {
        let receiver = &self.receivers[queue];
        for _ in 0..count {
            let slot = receiver.posted.get() as usize % ENTRIES;
            let at = self.data.bus + (receiver.base + slot * ROOM) as u64;
            let wqe = [piece(self.key, at, ROOM), piece(0x100, 0, 0)].concat();
            receiver.ring.write(slot * 32, &wqe);
            receiver.posted.set((receiver.posted.get() + 1) & 0xffff);
        }
        receiver.record.write_be32(0, receiver.posted.get());
    }

    /// The next frame of a receive queue, if one comes soon.
    pub(super) fn arrival(&self, queue: usize) -> Option<Arrived> {
        let receiver = &self.receivers[queue];
        let cqe = receiver.completions.next()?;
        let at = receiver.base + cqe.wqe_counter() as usize % ENTRIES * ROOM;
        let length = if cqe.opcode() == 2 {
            cqe.byte_cnt() as usize
        } else {
            0
        };
        let bytes = (0..length)
            .map(|byte| self.data.read::<1>(at + byte)[0])
            .collect();
        Some(Arrived { bytes, cqe })
    }

    /// The next frame of any queue.
    pub(super) fn any_arrival(&self) -> Option<Arrived> {
        (0..QUEUES).find_map(|queue| self.arrival(queue))
    }

    /// Puts an element into the ring: its segments behind the control segment.
    pub(super) fn put(&self, opcode: u32, segments: &[u8], spoil: impl FnOnce(&mut hw::HwWqeCtrlSeg)) -> u64 {
        let counter = self.sent.get();
        let mut control = hw::HwWqeCtrlSeg::new();
        control
            .set_opcode(opcode)
            .set_wqe_index(counter)
            .set_qp_or_sq(self.sqn)
            .set_ds(1 + segments.len() as u32 / 16);
        control.set_completion_mode(2);
        spoil(&mut control);
        let mut wqe = control.as_bytes().to_vec();
        wqe.extend_from_slice(segments);
        for (index, block) in wqe.chunks(64).enumerate() {
            self.ring.write((counter as usize + index) % ENTRIES * 64, block);
        }
        self.sent.set((counter + wqe.len().div_ceil(64) as u32) & 0xffff);
        u64::from_be_bytes(control.as_bytes()[..8].try_into().expect("8 bytes"))
    }

    /// Counts what was put, and rings.
    pub(super) fn ring(&self, doorbell: u64) {
        self.record.write_be32(4, self.sent.get());
        self.driver
            .write64(u64::from(self.driver.uar.get()) * 4096 + 0x800, doorbell);
    }

    /// The ring is empty and begins anew.
    pub(super) fn restart(&self) {
        self.sent.set(0);
    }

    /// Sends a frame as it is, but for what the Ethernet segment asks for.
    pub(super) fn send(&self, frame: &[u8], change: impl FnOnce(&mut hw::HwWqeEthSeg)) {
        self.data.write(OUTGOING, frame);
        let mut segment = hw::HwWqeEthSeg::new();
        change(&mut segment);
        let data = piece(self.key, self.data.bus + OUTGOING as u64, frame.len());
        let doorbell = self.put(0x0a, &[&segment.as_bytes()[..], &data].concat(), |_| ());
        self.ring(doorbell);
    }

    /// The next completion of the send queue.
    pub(super) fn sent(&self) -> Option<hw::HwCqe64> {
        self.completions.next()
    }
}

impl Receiver {
    fn new(driver: &Driver, pd: u32, queue: usize) -> Self {
        let (ring, record) = (driver.memory(ENTRIES * 32), driver.memory(4096));
        let completions = Completions::new(driver);
        let mut input = hw::CreateRqIn::new();
        input.set_opcode(u32::from(op::CREATE_RQ));
        let context = input.ctx_mut();
        context.set_cqn(completions.number).set_flush_in_error_en(1);
        ring_context(context.wq_mut(), pd, 5, &record);
        let made = driver.command(&with_pages(input.as_bytes(), &ring), 16);
        let made = number(made, "CREATE_RQ");
        modify_queue(driver, op::MODIFY_RQ, made, 0, 1).expect("ready");
        Self {
            number: made,
            ring,
            record,
            completions,
            posted: Cell::new(0),
            base: (2 + queue) << 20,
        }
    }
}

fn spread(driver: &Driver, receivers: &[Receiver]) -> u32 {
    let mut input = hw::CreateRqtIn::new();
    input.set_opcode(u32::from(op::CREATE_RQT));
    let context = input.rqt_context_mut();
    context
        .set_rqt_max_size(128)
        .set_rqt_actual_size(receivers.len() as u32 * 2);
    let list = receivers.iter().chain(receivers);
    let list = list.flat_map(|receiver| receiver.number.to_be_bytes());
    let input: Vec<u8> = input.as_bytes().iter().copied().chain(list).collect();
    number(driver.command(&input, 16), "CREATE_RQT")
}

fn tir(driver: &Driver, domain: u32, table: u32) -> u32 {
    let mut input = hw::CreateTirIn::new();
    input.set_opcode(u32::from(op::CREATE_TIR));
    let context = input.ctx_mut();
    context.set_disp_type(1).set_transport_domain(domain);
    context.set_indirect_table(table).set_rx_hash_fn(2);
    context.set_rx_hash_toeplitz_key(&KEY);
    context
        .rx_hash_field_selector_outer_mut()
        .set_selected_fields(0xf);
    number(driver.command(&input.as_bytes()[..], 16), "CREATE_TIR")
}

/// Matches a destination address.
pub(super) fn to_mac(param: &mut hw::FteMatchParam, address: [u8; 6]) {
    let headers = param.outer_headers_mut();
    headers.set_dmac_47_16(u32::from_be_bytes([
        address[0], address[1], address[2], address[3],
    ]));
    headers.set_dmac_15_0(u32::from(u16::from_be_bytes([address[4], address[5]])));
}

/// A table of addresses, the root, with a group of exact ones.
fn address_table(driver: &Driver) -> (u32, u32) {
    let mut input = hw::CreateFlowTableIn::new();
    input.set_opcode(u32::from(op::CREATE_FLOW_TABLE));
    input.flow_table_context_mut().set_level(2).set_log_size(4);
    let table = number(driver.command(&input.as_bytes()[..], 16), "CREATE_FLOW_TABLE");
    let mut input = hw::CreateFlowGroupIn::new();
    input
        .set_opcode(u32::from(op::CREATE_FLOW_GROUP))
        .set_table_id(table)
        .set_end_flow_index(7)
        .set_match_criteria_enable(1);
    to_mac(input.match_criteria_mut(), [0xff; 6]);
    let group = number(driver.command(&input.as_bytes()[..], 16), "CREATE_FLOW_GROUP");
    let mut input = hw::SetFlowTableRootIn::new();
    input
        .set_opcode(u32::from(op::SET_FLOW_TABLE_ROOT))
        .set_table_id(table);
    driver
        .command(&input.as_bytes()[..], 16)
        .expect("SET_FLOW_TABLE_ROOT");
    (table, group)
}
