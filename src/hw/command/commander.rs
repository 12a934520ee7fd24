//! [`Commander`]: the command queue.

use core::num::NonZeroU32;

use super::{
    super::{
        error::{CommandError, CommandFailure, CommandStatus, DeliveryStatus, HwError, Lie},
        init_segment::Registers,
        layout::CmdQueueEntry,
    },
    Command, Source, blocks,
    mailbox::{Chain, Reader, Writer, fits},
    signature::sign_entry,
    slots::{OWN_BLOCKS, Slot, Slots},
};
use crate::nt::{
    Dma, Passive, Ref, SharedMemory, SpinLock,
    sync::{
        AtomicBool, AtomicU8, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
        publish_to_device,
    },
    time::Instant,
};

/// Bytes of the queue: one page.
const QUEUE: u32 = 4096;
/// Entry type of `PCIe` transport.
const TYPE_PCIE: u32 = 7;
/// Offset of the ownership byte in an entry.
const OWNERSHIP: usize = 0x3f;
/// How long a waiter sleeps before it looks for itself, should an interrupt be lost.
const LOOK_MS: NonZeroU32 = NonZeroU32::new(500).expect("not zero");
/// Polls of a command between looks into the event queues.
const POLLS_PER_LOOK: u32 = 10;
/// Time for a command when the device names none. It is what other drivers give it (connectx interface, section 2): commands that make the
/// firmware start or stop really take many seconds.
pub const DEFAULT_TIMEOUT_MS: u32 = 60_000;
/// Time for a command of a device whose health counter stands still: two signs that nobody is there need less patience than one.
const STALE_TIMEOUT_MS: u64 = 10_000;
/// Tries of a command that gives something back, and the time between them: firmware that is busy refuses, and obeys soon after.
const DISPOSALS: u32 = 4;
const DISPOSAL_PAUSE_MS: u32 = 20;

/// Who watches over commands that wait for long. `<= DISPATCH_LEVEL`.
pub trait Watch: Send + Sync {
    /// Handles what lies in the event queues, for the case that an interrupt was lost.
    fn look(&self);

    /// The device did not answer this command in time, or is not there any more: it is dead.
    fn silent(&self, opcode: u16);
}

/// The command queue: sends commands and waits for them, up to eight at a time.
///
/// It polls until [`Self::use_events`] is called, and again after the call is undone. A command that gets no answer in time leaves its
/// entry and mailboxes to the device, until the answer comes after all; the device counts as dead from then on, so that one time limit is
/// all that anybody ever waits for it.
pub struct Commander {
    registers: Ref<Registers>,
    dma: Ref<Dma>,
    queue: SharedMemory,
    log_stride: u32,
    slots: Slots,
    timeout_ms: AtomicU32,
    token: AtomicU8,
    events: AtomicBool,
    dead: AtomicBool,
    /// The health counter stands still.
    stale: AtomicBool,
    watch: SpinLock<Option<Ref<dyn Watch>>>,
}

impl core::fmt::Debug for Commander {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Commander")
            .field("events", &self.events)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}

/// A command without its types.
struct Request<'a> {
    opcode: u16,
    input_length: usize,
    output_length: usize,
    supplies_pages: bool,
    encode: &'a dyn Fn(&mut dyn super::Sink),
}

impl Commander {
    /// Makes the queue and names it to the device.
    ///
    /// # Errors
    /// [`HwError::NoMemory`]; [`HwError::Lie`] for a queue shape that the interface does not allow.
    pub(in super::super) fn start(
        registers: &Ref<Registers>,
        dma: &Ref<Dma>,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, HwError> {
        let (log_size, log_stride) = registers.command_queue_shape()?;
        let queue = SharedMemory::allocate(dma, QUEUE, passive).map_err(|_| HwError::NoMemory)?;
        let slots = Slots::allocate(dma, 1 << log_size, passive)?;
        let this = Ref::try_new(Self {
            registers: registers.clone(),
            dma: dma.clone(),
            queue,
            log_stride,
            slots,
            timeout_ms: AtomicU32::new(registers.command_timeout_ms().unwrap_or(DEFAULT_TIMEOUT_MS)),
            token: AtomicU8::new(0),
            events: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            watch: SpinLock::new(None),
        })?;
        registers.set_command_queue(this.queue.bus_address(0));
        Ok(this)
    }

    /// Runs a command and waits for it, for the device's command timeout at most.
    ///
    /// # Errors
    /// Every way in which the device did not do it.
    pub fn execute<C: Command>(&self, command: &C, passive: Passive<'_>) -> Result<C::Out, CommandError> {
        let request = Request {
            opcode: C::OPCODE,
            input_length: command.input_length(),
            output_length: command.output_length(),
            supplies_pages: C::SUPPLIES_PAGES,
            encode: &|input| command.encode(input),
        };
        let mut out = None;
        let run = self.run(
            &request,
            &mut |output| out = Some(command.decode(output)),
            passive,
        );
        let failure = match (run, out) {
            (Ok(()), Some(Ok(out))) => return Ok(out),
            (Ok(()), Some(Err(lie))) => CommandFailure::Lie(lie),
            (Ok(()), None) => CommandFailure::Timeout,
            (Err(failure), _) => failure,
        };
        Err(CommandError {
            opcode: C::OPCODE,
            failure,
        })
    }

    /// Runs a command that gives an object back or ends what it does, again if the device refuses. Whether the device is done with the
    /// object: `false` means that it may still use its memory.
    pub fn dispose<C: Command<Out = ()>>(&self, command: &C, passive: Passive<'_>) -> bool {
        for turn in 1..=DISPOSALS {
            match self.execute(command, passive) {
                Ok(()) => return true,
                Err(_) if self.is_dead() || turn == DISPOSALS => break,
                Err(_) => passive.sleep_ms(DISPOSAL_PAUSE_MS),
            }
        }
        false
    }

    /// Waits for commands by event, or by polling.
    pub(in super::super) fn use_events(&self, events: bool) {
        self.events.store(events, Release);
    }

    /// Who watches over commands from now on.
    pub(in super::super) fn watch(&self, watch: Option<Ref<dyn Watch>>) {
        let before = core::mem::replace(&mut *self.watch.lock(), watch);
        drop(before);
    }

    /// Whether the health counter stands still.
    pub(in super::super) fn note_stale(&self, stale: bool) {
        self.stale.store(stale, Release);
    }

    /// The device completed the entries of `vector`. `<= DISPATCH_LEVEL`.
    pub(in super::super) fn completed(&self, vector: u32) {
        for slot in self.slots.iter().filter(|slot| vector >> slot.entry & 1 != 0) {
            if !self.owned_by_device(slot) {
                self.slots.recover(slot);
                slot.done.set();
            }
        }
    }

    /// The device is dead: all commands fail, now and later.
    pub(in super::super) fn kill(&self) {
        if !self.dead.swap(true, AcqRel) {
            self.slots.wake_all();
        }
    }

    /// Whether the device is dead.
    #[inline]
    pub fn is_dead(&self) -> bool {
        self.dead.load(Acquire)
    }

    /// Whether a command is still in the device's hands.
    pub(in super::super) fn is_busy(&self) -> bool {
        self.slots.iter().any(|slot| self.owned_by_device(slot))
    }

    fn run(
        &self,
        request: &Request<'_>,
        decode: &mut dyn FnMut(&dyn Source),
        passive: Passive<'_>,
    ) -> Result<(), CommandFailure> {
        if self.is_dead() {
            return Err(CommandFailure::Dead);
        }
        let deadline = Instant::now().plus_ms(u64::from(self.timeout_ms.load(Relaxed)));
        let Some(slot) = self
            .slots
            .take(request.supplies_pages, deadline, || self.is_dead(), passive)
        else {
            return Err(if self.is_dead() {
                CommandFailure::Dead
            } else {
                CommandFailure::Timeout
            });
        };
        let token = match self.fill(slot, request, passive) {
            Ok(token) => token,
            Err(failure) => {
                self.slots.put(slot);
                return Err(failure);
            }
        };
        // Orders entry and mailboxes before the doorbell, on which the device reads them.
        publish_to_device();
        self.registers.ring_command_doorbell(1 << slot.entry);
        if let Err(failure) = self.wait(slot, deadline, passive) {
            Slots::abandon(slot);
            // It may have come between our last look and the mark.
            if !self.owned_by_device(slot) {
                self.slots.recover(slot);
            }
            if failure == CommandFailure::Timeout {
                self.silent(request.opcode);
            }
            return Err(failure);
        }
        let outcome = self.collect(slot, request, token, decode);
        self.slots.put(slot);
        outcome
    }

    /// Writes mailboxes and entry, ownership last. Returns the token.
    fn fill(&self, slot: &Slot, request: &Request<'_>, passive: Passive<'_>) -> Result<u8, CommandFailure> {
        if !fits(request.output_length, OWN_BLOCKS) {
            return Err(CommandFailure::NoMemory);
        }
        let token = self.next_token();
        let used = blocks(request.input_length);
        let long = if used > slot.input.blocks() {
            Some(Chain::allocate(&self.dma, used, passive).map_err(|_| CommandFailure::NoMemory)?)
        } else {
            None
        };
        let chain = long.as_ref().unwrap_or(&slot.input);
        let mut writer = Writer::new(chain);
        (request.encode)(&mut writer);
        let inline = writer.inline;
        chain.link(used, token);
        let answer = blocks(request.output_length);
        slot.output.link(answer, token);
        let (input, output) = (chain.head(used).0, slot.output.head(answer).0);
        let before = core::mem::replace(&mut *slot.long.lock(), long);
        drop(before);
        slot.done.reset();
        let mut entry = CmdQueueEntry::new();
        entry
            .set_type_(TYPE_PCIE)
            .set_input_length(request.input_length as u32)
            .set_input_mailbox_pointer_63_32((input >> 32) as u32)
            .set_input_mailbox_pointer_31_9(input as u32 >> 9)
            .set_command_input_inline_data(&inline)
            .set_output_mailbox_pointer_63_32((output >> 32) as u32)
            .set_output_mailbox_pointer_31_9(output as u32 >> 9)
            .set_output_length(request.output_length as u32)
            .set_token(u32::from(token))
            .set_ownership(1);
        self.write_entry(slot, entry);
        Ok(token)
    }

    fn write_entry(&self, slot: &Slot, mut entry: CmdQueueEntry) {
        sign_entry(entry.as_bytes_mut());
        let bytes = entry.as_bytes();
        let (head, tail) = bytes.split_at(0x38);
        let at = self.entry_offset(slot);
        self.queue.write_bytes(at, head);
        // The last word carries the ownership bit: it is stored after all others.
        let last = tail.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.queue.store_be64(at + 0x38, last);
    }

    /// Waits until the device gave the entry back.
    fn wait(&self, slot: &Slot, deadline: Instant, passive: Passive<'_>) -> Result<(), CommandFailure> {
        let begun = Instant::now();
        for turn in 1_u32.. {
            if self.is_dead() {
                return Err(CommandFailure::Dead);
            }
            if !self.owned_by_device(slot) {
                return Ok(());
            }
            let now = Instant::now();
            let stale = self.stale.load(Acquire) && now.ms_since(begun) >= STALE_TIMEOUT_MS;
            if stale || now >= deadline {
                break;
            }
            if self.pause(slot, turn, passive) {
                if self.registers.is_gone() {
                    // Pulled out, and nobody has told us yet: no answer will come.
                    break;
                }
                self.look();
            }
        }
        Err(CommandFailure::Timeout)
    }

    /// Sleeps until the command may be done. Whether it is time to look into the event queues by hand: because an interrupt may be
    /// lost, or because none come and the device may wait for pages.
    fn pause(&self, slot: &Slot, turn: u32, passive: Passive<'_>) -> bool {
        if !self.events.load(Acquire) {
            passive.sleep_ms(1);
            return turn.is_multiple_of(POLLS_PER_LOOK);
        }
        let woken = slot.done.wait_ms(LOOK_MS, passive);
        if woken {
            // Before the next look at the ownership bit: an event that comes after that look sets it again.
            slot.done.reset();
        }
        !woken
    }

    fn look(&self) {
        let watch = self.watch.lock().clone();
        if let Some(watch) = watch {
            watch.look();
        }
    }

    fn silent(&self, opcode: u16) {
        let watch = self.watch.lock().clone();
        match watch {
            Some(watch) => watch.silent(opcode),
            // Nobody uses the device yet, or any more: whoever brings it up or down sees the failure.
            None => self.kill(),
        }
    }

    fn collect(
        &self,
        slot: &Slot,
        request: &Request<'_>,
        token: u8,
        decode: &mut dyn FnMut(&dyn Source),
    ) -> Result<(), CommandFailure> {
        let mut entry = CmdQueueEntry::new();
        self.queue
            .read_bytes(self.entry_offset(slot), entry.as_bytes_mut());
        DeliveryStatus::check(entry.status() as u8).map_err(CommandFailure::Delivery)?;
        let inline = *entry.command_output_inline_data();
        let syndrome = u32::from_be_bytes([inline[4], inline[5], inline[6], inline[7]]);
        CommandStatus::check(inline[0]).map_err(|status| CommandFailure::Status(status, syndrome))?;
        if entry.token() != u32::from(token) {
            return Err(CommandFailure::Lie(Lie::Token));
        }
        slot.output
            .check(blocks(request.output_length), token)
            .map_err(CommandFailure::Lie)?;
        decode(&Reader {
            inline,
            chain: &slot.output,
            length: request.output_length,
        });
        Ok(())
    }

    fn owned_by_device(&self, slot: &Slot) -> bool {
        self.queue.load_u8(self.entry_offset(slot) + OWNERSHIP) & 1 != 0
    }

    const fn entry_offset(&self, slot: &Slot) -> usize {
        (slot.entry as usize) << self.log_stride
    }

    /// Tokens are never 0 and change with every command.
    fn next_token(&self) -> u8 {
        loop {
            let token = self.token.fetch_add(1, Relaxed).wrapping_add(1);
            if token != 0 {
                return token;
            }
        }
    }
}
