//! The command queue: entries fetched, checked, executed and answered in virtual time (connectx.md section 3).

mod bring_up;
mod completion_queues;
mod ether_queues;
mod ether_targets;
mod event_queues;
mod keys;
mod mailbox;
mod network;
mod queue_pairs;
mod registers;
mod reserved;
mod resources;
mod status;
mod steering;
mod table;
mod transitions;

use std::cell::{Cell, RefCell};

use cxndk::hw::layout::{CmdIfBox, CmdIn, CmdQueueEntry};

use self::mailbox::{ChainFault, Side};
pub(super) use self::reserved::is_clear;
use self::status::Delivery;
pub use self::status::{Refusal, Status};
use super::event_queue::Event;
use super::faults::CommandFault;
use super::init_segment::Health;
use super::{Device, Phase, judge};
use roce_wire::environment::MICROSECOND;

/// Execution takes this long, plus what the seed adds.
const MIN_EXECUTION_NS: u64 = 2 * MICROSECOND;
/// Longest addition to [`MIN_EXECUTION_NS`]: answers overtake each other.
const EXECUTION_SPREAD_NS: u64 = 18 * MICROSECOND;
/// Longest time from the answer to its completion event.
const EVENT_SPREAD_NS: u64 = 2 * MICROSECOND;
/// Type of an entry whose mailboxes are in host memory.
const TYPE_PCIE: u32 = 7;

/// A command whose entry and mailboxes were good.
struct Command {
    slot: u32,
    input: Vec<u8>,
    output_length: usize,
    output_chain: Vec<(u64, CmdIfBox)>,
    fault: Option<CommandFault>,
}

/// The device's side of the queue.
#[derive(Default)]
pub(super) struct Queue {
    base: Cell<u64>,
    /// Entries that the device has and has not answered.
    busy: Cell<u32>,
    /// Commands that wait for pages, in order of arrival.
    waiting: RefCell<Vec<Command>>,
}

impl Queue {
    pub(super) fn set_base(&self, base: u64) {
        self.base.set(base);
        self.busy.set(0);
    }

    pub(super) fn forget(&self) {
        self.set_base(0);
        self.waiting.borrow_mut().clear();
    }

    /// Entries that were submitted and not answered.
    pub(super) fn outstanding(&self) -> u32 {
        self.busy.get()
    }
}

/// Why an entry has no answer in its output.
enum Undelivered {
    Delivery(Delivery),
    /// Host memory could not be reached.
    Bus,
}

impl From<ChainFault> for Undelivered {
    fn from(fault: ChainFault) -> Self {
        match fault {
            ChainFault::Delivery(delivery) => Self::Delivery(delivery),
            ChainFault::Bus => Self::Bus,
        }
    }
}

impl Device {
    const fn entry_address(&self, slot: u32) -> u64 {
        self.commands.base.get() + ((slot as u64) << self.config.log_stride)
    }

    fn serves_commands(&self) -> bool {
        let phase = matches!(
            self.phase.get(),
            Phase::Commands | Phase::Enabled | Phase::Initialized
        );
        phase && !self.is_wedged()
    }

    /// A write of the command doorbell: one bit for each entry to execute.
    pub(super) fn command_doorbell(&self, vector: u32) {
        if !self.serves_commands() {
            return;
        }
        for slot in (0..1 << self.config.log_entries).filter(|slot| vector >> slot & 1 != 0) {
            let bit = 1 << slot;
            if self.commands.busy.get() & bit != 0 {
                self.driver_error(
                    "connectx.md 3: entry reuse",
                    &format!("entry {slot} rung before it was answered"),
                );
            }
            self.commands.busy.set(self.commands.busy.get() | bit);
            let delay = MIN_EXECUTION_NS + self.environment().choose(EXECUTION_SPREAD_NS);
            self.in_this_life(delay, move |device| {
                if device.serves_commands() {
                    device.start(slot);
                }
            });
        }
    }

    fn start(&self, slot: u32) {
        match self.fetch(slot) {
            Ok(Some(command)) => self.execute(command),
            Ok(None) => self.commands.busy.set(self.commands.busy.get() & !(1 << slot)),
            Err(Undelivered::Delivery(delivery)) => self.finish_entry(slot, delivery as u8, true),
            Err(Undelivered::Bus) => self.die(Health::IcmFetch),
        }
    }

    /// Reads and checks an entry. `None` if the driver did not give it to the device.
    fn fetch(&self, slot: u32) -> Result<Option<Command>, Undelivered> {
        let mut entry = CmdQueueEntry::new();
        self.dma_read(self.entry_address(slot), entry.as_bytes_mut())
            .map_err(|_| Undelivered::Bus)?;
        if entry.ownership() == 0 {
            return Ok(None);
        }
        check_entry(&entry).map_err(Undelivered::Delivery)?;
        let token = entry.token() as u8;
        let (input_length, output_length) = (entry.input_length() as usize, entry.output_length() as usize);
        let input_at = u64::from(entry.input_mailbox_pointer_63_32()) << 32
            | u64::from(entry.input_mailbox_pointer_31_9()) << 9;
        let output_at = u64::from(entry.output_mailbox_pointer_63_32()) << 32
            | u64::from(entry.output_mailbox_pointer_31_9()) << 9;
        let chain = mailbox::walk(self, input_at, input_length, token, Side::Input)?;
        let output_chain = mailbox::walk(self, output_at, output_length, token, Side::Output)?;
        let mut input = entry.command_input_inline_data().to_vec();
        input.extend(mailbox::collect(&chain, input_length));
        input.truncate(input_length);
        Ok(Some(Command {
            slot,
            input,
            output_length,
            output_chain,
            fault: None,
        }))
    }

    fn execute(&self, mut command: Command) {
        let opcode = CmdIn::from_bytes(&command.input).map_or(0, CmdIn::opcode) as u16;
        let fault = self.faults.borrow().consult(opcode);
        if let Some(fault) = &fault {
            self.platform.note(format!(
                "{}: command {opcode:#x} meets {fault:?}",
                self.config.name
            ));
        }
        if fault.as_ref().is_some_and(|fault| judge::excuses(opcode, fault)) {
            self.refused.set(true);
        }
        if matches!(fault, Some(CommandFault::Lie(_))) {
            self.lied.set(true);
        }
        match fault {
            Some(CommandFault::Status(status, syndrome)) => {
                self.answer(&command, &failure(status, syndrome));
            }
            Some(CommandFault::Delivery(status)) => self.finish_entry(command.slot, status, true),
            Some(CommandFault::Silence) => {}
            Some(CommandFault::Death) => self.die(Health::Internal),
            Some(CommandFault::Late(ns)) => {
                self.in_this_life(ns, move |device| device.perform(command));
            }
            other => {
                command.fault = other;
                self.perform(command);
            }
        }
    }

    /// Executes, and answers unless the command has to wait for pages.
    fn perform(&self, command: Command) {
        if !self.serves_commands() {
            return;
        }
        let output = match table::dispatch(self, &command.input, command.output_length) {
            Ok(output) => output,
            Err(Refusal::Status(status)) => failure(status as u8, 0),
            Err(Refusal::NeedsPages) => {
                self.commands.waiting.borrow_mut().push(command);
                return;
            }
        };
        self.answer(&command, &output);
    }

    /// Tries the commands that wait for pages again; if the host has `denied` pages they fail instead.
    fn resume_waiting(&self, denied: bool) {
        for command in self.commands.waiting.take() {
            if denied {
                self.answer(&command, &failure(Status::NoResources as u8, 0));
            } else {
                self.perform(command);
            }
        }
    }

    fn answer(&self, command: &Command, output: &[u8]) {
        if self.phase.get() == Phase::Failed {
            return;
        }
        let mut output = output.to_vec();
        output.resize(command.output_length, 0);
        if let Some(CommandFault::Lie(lie)) = &command.fault {
            lie(&mut output);
            output.resize(command.output_length, 0);
        }
        let rest = output.get(mailbox::INLINE..).unwrap_or_default();
        let inline = self.entry_address(command.slot) + 0x20;
        let written = mailbox::fill(self, &command.output_chain, rest).is_ok()
            && self.dma_write(inline, &output[..mailbox::INLINE]).is_ok();
        if !written {
            self.die(Health::IcmFetch);
            return;
        }
        let event = !matches!(command.fault, Some(CommandFault::LostEvent));
        self.finish_entry(command.slot, 0, event);
    }

    /// Gives the entry back, and tells so if there is a queue for command events.
    fn finish_entry(&self, slot: u32, delivery: u8, event: bool) {
        self.refresh_timers();
        self.commands.busy.set(self.commands.busy.get() & !(1 << slot));
        self.counters.tally(|sums| sums.commands += 1);
        if self
            .dma_write(self.entry_address(slot) + 0x3f, &[delivery << 1])
            .is_err()
        {
            self.die(Health::IcmFetch);
            return;
        }
        let done = Event::Commands(1 << slot);
        if event && self.has_event_target(done) {
            self.in_this_life(self.environment().choose(EVENT_SPREAD_NS), move |device| {
                device.raise_event(done);
            });
        }
    }

    /// Entries that were submitted and not answered, one bit each.
    pub fn outstanding_commands(&self) -> u32 {
        self.commands.outstanding()
    }
}

/// The checks that come before anything is read from mailboxes.
fn check_entry(entry: &CmdQueueEntry) -> Result<(), Delivery> {
    let bytes = entry.as_bytes();
    if entry.signature() != 0 && mailbox::fold(bytes) != 0xff {
        return Err(Delivery::Signature);
    }
    if entry.type_() != TYPE_PCIE {
        return Err(Delivery::DescriptorType);
    }
    if entry.token() == 0 {
        return Err(Delivery::Token);
    }
    if (entry.input_length() as usize) < mailbox::INLINE {
        return Err(Delivery::InputLength);
    }
    if (entry.output_length() as usize) < mailbox::INLINE {
        return Err(Delivery::OutputLength);
    }
    let reserved = [&bytes[1..4], &bytes[0x3e..0x3f]].concat();
    if reserved.iter().any(|byte| *byte != 0) || bytes[0x0f] != 0 || bytes[0x0e] & 1 != 0 {
        return Err(Delivery::ReservedNotClear);
    }
    Ok(())
}

/// The head of an output that tells of a failure.
fn failure(status: u8, syndrome: u32) -> Vec<u8> {
    let mut output = vec![status, 0, 0, 0];
    output.extend(syndrome.to_be_bytes());
    output
}
