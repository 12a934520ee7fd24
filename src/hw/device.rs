//! [`Device`]: one function of the device, from the end of bring-up to teardown.

use super::{
    bring_up::Parts,
    caps::Caps,
    command::Commander,
    error::{BringUpError, CommandError, HwError, Step},
    events::Events,
    fatal::Fatal,
    gids::GidKey,
    init_segment::FirmwareVersion,
    messages::Processors,
    pages::Pages,
    platform::{DeviceEvents, Platform},
    port::{self, PortState},
    quarantine::Quarantine,
    queues::Queues,
    target::PortWatch,
    types::{DEFAULT_TERMINATE_KEY, GidIndex, Key, Mac},
    uar::Uars,
};
use crate::{
    dyn_ref,
    nt::{
        Passive, Ref, ScatterGather, SharedMemory, SpinLock, Vec, WorkItem,
        sync::{AtomicU8, Ordering::Relaxed},
    },
};

/// One function of a ConnectX, brought up.
///
/// All objects made on it hold a reference; [`Self::tear_down`] comes after all of them are destroyed.
#[derive(Debug)]
pub struct Device {
    pub(super) platform: Platform,
    pub(super) parts: Parts,
    /// Last known state of the port.
    port: SpinLock<PortState>,
    port_work: WorkItem<Self>,
    /// Variant of the next memory key: changes with every key, so that stale keys of a reused index are caught.
    variant: AtomicU8,
    /// Memory that the device did not say it is done with; goes when the device cannot reach memory any more.
    quarantine: SpinLock<Quarantine>,
    /// The same of mapped memory.
    mappings: SpinLock<Vec<ScatterGather>>,
}

/// Looks at the port of a device in its work item.
struct Watch(Ref<Device>);

impl PortWatch for Watch {
    fn changed(&self) {
        self.0.port_work.queue(self.0.clone());
    }
}

impl Device {
    /// Brings the function up (see [`super::bring_up`]). It raises no interrupts before [`Self::start`].
    ///
    /// # Errors
    /// The step that failed and why; everything is undone.
    pub fn bring_up(platform: Platform, passive: Passive<'_>) -> Result<Ref<Self>, BringUpError> {
        let no_memory = |_| BringUpError {
            step: Step::ReadRegisters,
            cause: HwError::NoMemory,
        };
        let port_work = WorkItem::try_new(platform.ndis, Self::look_at_port).map_err(no_memory)?;
        let (parts, port) = super::bring_up::bring_up(platform.clone(), passive)?;
        let device = Self {
            platform,
            parts,
            port: SpinLock::new(port),
            port_work,
            variant: AtomicU8::new(0),
            quarantine: SpinLock::new(Quarantine::new()),
            mappings: SpinLock::new(Vec::new_in(crate::nt::NonPaged)),
        };
        Ref::try_new_or_back(device).map_err(|device| {
            device.tear_down(passive);
            BringUpError {
                step: Step::PortState,
                cause: HwError::NoMemory,
            }
        })
    }

    /// Arms all event queues and tells news from here on. The adapter calls [`Self::on_message`] for every interrupt from now.
    ///
    /// # Errors
    /// [`HwError::NoMemory`].
    pub fn start(this: &Ref<Self>, news: Ref<dyn DeviceEvents>) -> Result<(), HwError> {
        let watch = Ref::try_new(Watch(this.clone()))?;
        this.events()
            .tell(Some(news), Some(dyn_ref!(watch => dyn PortWatch)));
        this.parts.queues.arm();
        this.commander().use_events(true);
        Ok(())
    }

    /// Stops telling news and waits for commands by polling, for the time before interrupts are disconnected and
    /// [`Self::tear_down`].
    pub fn stop(&self, passive: Passive<'_>) {
        self.commander().use_events(false);
        self.events().tell(None, None);
        self.port_work.drain(passive);
    }

    /// Tears the function down, in the exact reverse of bring-up. After [`Self::stop`], all objects destroyed, interrupts disconnected.
    pub fn tear_down(&self, passive: Passive<'_>) {
        let kept = (self.take_quarantine(), self.take_mappings());
        let clean = kept.0.is_empty() && kept.1.is_empty();
        super::bring_up::tear_down(&self.platform, &self.parts, clean, passive);
        drop(kept);
    }

    /// The device left without notice: nothing touches its registers any more, and who uses it is told. `<= DISPATCH_LEVEL`.
    pub fn removed(&self) {
        self.events().fail(Fatal::Removed);
    }

    /// Stops all DMA of the device, for the shutdown of the system; everything stays allocated. Whoever waits for a command is let go.
    pub fn shut_down(&self, passive: Passive<'_>) {
        self.parts.health.stop(passive);
        self.events().shut_down();
        self.stop(passive);
        super::bring_up::stop_dma(&self.parts.registers, &self.platform, passive);
        self.events().cut_off(true);
    }

    /// The device would not let go of memory when the command `opcode` asked for it, again and again: it counts as dead, and is cut off
    /// from memory. Whether it is: `false` when memory has to stay where it is. [`Self::is_cut_off`] for a device that is dead already.
    pub(super) fn give_up(&self, opcode: u16, passive: Passive<'_>) -> bool {
        self.events().fail_and_wait(Fatal::Refuses(opcode), passive)
    }

    /// Whether the device is dead and reaches no memory any more.
    pub fn is_cut_off(&self) -> bool {
        self.events().is_cut_off()
    }

    /// An interrupt message came: handles events of its queues, `budget` each at most, at `DISPATCH_LEVEL`. `true` when there are more: call again.
    pub fn on_message(&self, message: u32, budget: u32) -> bool {
        self.parts.queues.handle(self.events(), message, budget)
    }

    /// Looks at all event queues, should an interrupt have been lost. `<= DISPATCH_LEVEL`.
    pub fn look(&self) {
        self.parts.queues.look(self.events());
    }

    /// Capabilities in force.
    pub const fn caps(&self) -> &Caps {
        &self.parts.caps
    }

    /// Address that the port answers to.
    pub const fn mac(&self) -> Mac {
        self.parts.mac
    }

    /// Address that the port was made with.
    pub const fn permanent_mac(&self) -> Mac {
        self.parts.permanent_mac
    }

    /// Board id (PSID).
    pub const fn board(&self) -> &[u8; 16] {
        &self.parts.board
    }

    /// Version of the firmware.
    pub fn firmware(&self) -> FirmwareVersion {
        self.parts.firmware
    }

    /// Last known state of the port. `<= DISPATCH_LEVEL`.
    pub fn port_state(&self) -> PortState {
        *self.port.lock()
    }

    /// Makes the port carry IP packets of `ip_mtu` bytes. Returns what it carries.
    ///
    /// # Errors
    /// Those of the commands.
    pub fn set_mtu(&self, ip_mtu: u32, passive: Passive<'_>) -> Result<u32, HwError> {
        port::set_mtu(self.commander(), ip_mtu, passive)
    }

    /// Completion vectors: completion queues choose one.
    pub fn completion_vectors(&self) -> u32 {
        self.parts.queues.completion_vectors()
    }

    /// Processors that completions are told on.
    pub fn completion_processors(&self) -> u32 {
        self.platform.messages.completion_processors()
    }

    /// How badly the message of a completion vector suits these processors: to how many others it may come; `None` if to none of these.
    pub fn misfit(&self, vector: u32, processors: Processors) -> Option<u32> {
        self.platform.messages.misfit(self.message_of(vector), processors)
    }

    /// The interrupt message of a completion vector, counted round and round.
    pub fn message_of(&self, vector: u32) -> u32 {
        self.parts.queues.completion_message(vector).unwrap_or(0)
    }

    /// A completion vector whose message comes to one of these processors, and to few others; of equals the first from `turn` on, counted
    /// round and round. `turn` itself if none does. `<= DISPATCH_LEVEL`.
    pub fn vector_on(&self, processors: Processors, turn: u32) -> u32 {
        if processors.mask == 0 {
            return turn;
        }
        let vectors = (0..self.completion_vectors()).map(|step| turn.wrapping_add(step));
        let suits = |vector: &u32| {
            let message = self.parts.queues.completion_message(*vector)?;
            let misfit = self.platform.messages.misfit(message, processors)?;
            Some((misfit, *vector))
        };
        let best = vectors
            .filter_map(|vector| suits(&vector))
            .min_by_key(|(misfit, _)| *misfit);
        best.map_or(turn, |(_, vector)| vector)
    }

    /// Sends commands.
    pub fn commander(&self) -> &Commander {
        &self.parts.commander
    }

    /// Whether the device is dead: nothing touches registers any more.
    #[inline]
    pub fn is_dead(&self) -> bool {
        self.commander().is_dead()
    }

    /// Pages that the firmware has from us.
    pub fn firmware_pages(&self) -> u32 {
        self.pages().given()
    }

    /// Makes an address of ours usable as the source of connections; entries are shared and counted.
    ///
    /// # Errors
    /// [`HwError::Limit`] when the table is full, the command's.
    pub fn acquire_gid(&self, key: GidKey, passive: Passive<'_>) -> Result<GidIndex, HwError> {
        self.parts.gids.acquire(self.commander(), key, passive)
    }

    /// Gives an entry of [`Self::acquire_gid`] back.
    pub fn release_gid(&self, index: GidIndex, passive: Passive<'_>) {
        self.parts.gids.release(self.commander(), index, passive);
    }

    pub(super) fn events(&self) -> &Ref<Events> {
        &self.parts.events
    }

    pub(super) fn pages(&self) -> &Ref<Pages> {
        &self.parts.pages
    }

    pub(super) fn uars(&self) -> &Uars {
        &self.parts.uars
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.parts.queues
    }

    pub(super) fn terminate_key(&self) -> Key {
        self.parts.contexts.terminate.unwrap_or(DEFAULT_TERMINATE_KEY)
    }

    pub(super) fn next_key_variant(&self) -> u8 {
        self.variant.fetch_add(1, Relaxed)
    }

    /// Memory that the device and the driver share.
    ///
    /// # Errors
    /// [`HwError::NoMemory`].
    pub fn shared_memory(&self, bytes: u32, passive: Passive<'_>) -> Result<Ref<SharedMemory>, HwError> {
        let memory =
            SharedMemory::allocate(&self.platform.dma, bytes, passive).map_err(|_| HwError::NoMemory)?;
        Ok(Ref::try_new(memory)?)
    }

    /// The same, for what the device knows by its pages: those need not be neighbours on the bus.
    ///
    /// # Errors
    /// [`HwError::NoMemory`].
    pub fn shared_pages(&self, bytes: u32, passive: Passive<'_>) -> Result<Ref<SharedMemory>, HwError> {
        let memory = SharedMemory::allocate_pages(&self.platform.dma, bytes, passive)
            .map_err(|_| HwError::NoMemory)?;
        Ok(Ref::try_new(memory)?)
    }

    /// An object is destroyed: when the device is not known to be done with its memory, that stays until the device is reset. Again is
    /// nothing.
    pub fn release(&self, memory: &Ref<SharedMemory>, done: bool) {
        if !done && !self.is_cut_off() {
            self.quarantine.lock().keep(memory.clone());
        }
    }

    /// What came of a command that makes an object in `memory`: where nobody knows whether the device has made it, the memory stays as
    /// in [`Self::release`].
    pub(super) fn made<T>(
        &self,
        result: Result<T, CommandError>,
        memory: &Ref<SharedMemory>,
    ) -> Result<T, HwError> {
        let result = result.map_err(HwError::from);
        if let Err(error) = &result {
            self.release(memory, error.is_refusal());
        }
        result
    }

    /// As [`Self::release`], for memory that was mapped: it stays mapped until the device cannot reach it any more.
    pub fn keep_mapped(&self, memory: ScatterGather) {
        if self.is_cut_off() {
            return drop(memory);
        }
        let mut mappings = self.mappings.lock();
        if mappings.try_reserve(1).is_ok() {
            mappings.push(memory);
        } else {
            // Nowhere to note it: it is lost rather than unmapped under the device's hands.
            core::mem::forget(memory);
        }
    }

    /// Mapped memory that was kept.
    fn take_mappings(&self) -> Vec<ScatterGather> {
        core::mem::replace(&mut *self.mappings.lock(), Vec::new_in(crate::nt::NonPaged))
    }

    /// What the quarantine holds.
    fn take_quarantine(&self) -> Quarantine {
        core::mem::replace(&mut *self.quarantine.lock(), Quarantine::new())
    }

    fn look_at_port(this: &Ref<Self>, passive: Passive<'_>) {
        let Ok(state) = PortState::query(this.commander(), passive) else {
            return;
        };
        let before = core::mem::replace(&mut *this.port.lock(), state);
        if before != state
            && let Some(news) = this.events().news()
        {
            news.port_changed(state);
        }
    }
}
