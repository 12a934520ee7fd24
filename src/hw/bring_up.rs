//! Bring-up of a function and its exact reverse (connectx interface, section 4).
//!
//! Each [`Step`] that was reached is undone by [`undo`], whether bring-up failed half way or the device is torn down.

use super::{
    caps::{self, Caps},
    command::{Command, Commander, Watch},
    commands::{
        hca::{
            DisableHca, EnableHca, InitHca, PagePhase, QueryAdapter, QueryIssi, QuerySpecialContexts,
            SetDriverVersion, SetIssi, SpecialContexts, TeardownHca, TeardownProfile,
        },
        register::little_endian_host,
        vport::{EnableRoce, QueryNicVport, SetVportAddress},
    },
    error::{BringUpError, CommandFailure, CommandStatus, HwError, Lie, Step},
    events::Events,
    gids::Gids,
    health::Health,
    init_segment::{FirmwareVersion, Registers},
    pages::Pages,
    platform::Platform,
    port::PortState,
    quarantine::Quarantine,
    queues::{CONTROL_QUEUES, Look, Purpose, Queues},
    types::Mac,
    uar::Uars,
};
use crate::{
    dyn_ref,
    nt::{Passive, Ref, pci},
};

/// UAR pages that queues share.
const UAR_PAGES: usize = 8;
/// The interface step sequence id that the driver speaks.
const ISSI: u16 = 1;
/// How long the device may take to stop its DMA.
const DISABLE_TIMEOUT_MS: u64 = 3_000;
/// Tries to take the bus away from the device, and the time between them.
const BUS_TRIES: u32 = 10;
const BUS_PAUSE_MS: u32 = 10;

/// What a device that is up consists of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) registers: Ref<Registers>,
    pub(super) commander: Ref<Commander>,
    pub(super) pages: Ref<Pages>,
    pub(super) events: Ref<Events>,
    pub(super) health: Ref<Health>,
    pub(super) caps: Caps,
    pub(super) contexts: SpecialContexts,
    pub(super) board: [u8; 16],
    pub(super) mac: Mac,
    pub(super) permanent_mac: Mac,
    pub(super) firmware: FirmwareVersion,
    pub(super) uars: Ref<Uars>,
    pub(super) queues: Ref<Queues>,
    pub(super) gids: Gids,
}

/// A device on its way up, or down again.
struct Made {
    platform: Platform,
    registers: Ref<Registers>,
    commander: Ref<Commander>,
    pages: Ref<Pages>,
    events: Ref<Events>,
    health: Option<Ref<Health>>,
    uars: Option<Ref<Uars>>,
    queues: Option<Ref<Queues>>,
    /// The last step that was begun and may have to be undone.
    reached: Step,
}

/// What the device told about itself on the way.
struct Found {
    caps: Caps,
    contexts: SpecialContexts,
    board: [u8; 16],
    mac: Mac,
    permanent_mac: Mac,
    port: PortState,
    gids: Gids,
}

/// Brings a function up: its parts, and the state of its port.
///
/// # Errors
/// The step that failed; everything before it is undone.
pub(super) fn bring_up(platform: Platform, passive: Passive<'_>) -> Result<(Parts, PortState), BringUpError> {
    let at = |step| move |cause| BringUpError { step, cause };
    let mut made = begin(platform, passive)?;
    let result = made
        .run(passive)
        .and_then(|found| made.parts(found).map_err(at(Step::PortState)));
    if result.is_err() {
        made.undo(true, passive);
    }
    result
}

/// Registers and command queue: what needs no undoing but the stop of the device's DMA.
fn begin(platform: Platform, passive: Passive<'_>) -> Result<Made, BringUpError> {
    let at = |step| move |cause: HwError| BringUpError { step, cause };
    let registers = Registers::new(&platform.bar).map_err(at(Step::ReadRegisters))?;
    let registers = Ref::try_new(registers).map_err(|error| at(Step::ReadRegisters)(error.into()))?;
    registers.wait_ready(passive).map_err(at(Step::WaitReady))?;
    let fresh = || -> Result<(), HwError> {
        if registers.is_dead() {
            // It died under an earlier driver. Before it gets at memory again: it may remember what that gave to it.
            registers.reset(passive)?;
            registers.wait_ready(passive)?;
        }
        if pci::set_bus_master(platform.ndis, true) {
            Ok(())
        } else {
            Err(Lie::Register("bus master").into())
        }
    };
    fresh().map_err(at(Step::WaitReady))?;
    let commander = Commander::start(&registers, &platform.dma, passive).map_err(at(Step::CommandQueue))?;
    let refs = || -> Result<_, HwError> {
        registers.wait_queue_taken(passive)?;
        let (ndis, log) = (platform.ndis, platform.log);
        let pages = Pages::new(ndis, log, &commander, &platform.dma)?;
        let (parts, registers) = ((commander.clone(), pages.clone()), registers.clone());
        let events = Ref::try_new(Events::new(parts.0, parts.1, registers, ndis, log))?;
        Ok((pages, events))
    };
    let (pages, events) = match refs() {
        Ok(refs) => refs,
        Err(cause) => {
            // The queue page is named to the device and is freed now.
            stop_dma(&registers, &platform, passive);
            return Err(BringUpError {
                step: Step::CommandQueue,
                cause,
            });
        }
    };
    let (health, uars, queues, reached) = (None, None, None, Step::CommandQueue);
    Ok(Made {
        platform,
        registers,
        commander,
        pages,
        events,
        health,
        uars,
        queues,
        reached,
    })
}

impl Made {
    /// From the enabled function to the open port.
    fn run(&mut self, passive: Passive<'_>) -> Result<Found, BringUpError> {
        self.step(Step::EnableHca, |this| this.command(&EnableHca {}, passive))?;
        self.step(Step::Issi, |this| this.set_issi(passive))?;
        self.step(Step::BootPages, |this| {
            this.pages.supply(PagePhase::Boot, passive)
        })?;
        self.step(Step::HostEndianness, |this| {
            // Physical functions only: the register is not a virtual function's to write.
            if this.platform.is_virtual {
                Ok(())
            } else {
                this.command(&little_endian_host(), passive).map(|_| ())
            }
        })?;
        self.step(Step::Capabilities, |this| {
            caps::negotiate(&this.commander, passive)
        })?;
        self.step(Step::InitPages, |this| {
            this.pages.supply(PagePhase::Init, passive)
        })?;
        self.step(Step::InitHca, |this| {
            this.command(&InitHca { owner: None }, passive)
        })?;
        let caps = self.step(Step::CurrentCapabilities, |this| {
            Caps::read(&this.commander, passive)
        })?;
        if caps.driver_version {
            // Told for the record: whether the firmware cares does not matter.
            let version = SetDriverVersion {
                version: self.platform.version,
            };
            let _ = self.step(Step::DriverVersion, |this| this.command(&version, passive));
        }
        let contexts = self.step(Step::SpecialContexts, |this| {
            this.command(&QuerySpecialContexts {}, passive)
        })?;
        let board = self.step(Step::Adapter, |this| this.command(&QueryAdapter {}, passive))?;
        self.make_queues(&caps, passive)?;
        self.open_port(caps, contexts, board, passive)
    }

    /// Doorbells, event queues, and the watch over both.
    fn make_queues(&mut self, caps: &Caps, passive: Passive<'_>) -> Result<(), BringUpError> {
        self.step(Step::Uars, |this| {
            let uars = Ref::try_new(Uars::with_room(UAR_PAGES)?)?;
            let uars = this.uars.insert(uars);
            uars.allocate(&this.commander, &this.platform.bar, UAR_PAGES, passive)
        })?;
        let messages = self.platform.messages.count();
        let count = (messages - 1)
            .min(caps.max_eqs.saturating_sub(CONTROL_QUEUES))
            .max(1);
        self.step(Step::CommandEq, |this| {
            let queues = Ref::try_new(Queues::with_room(count, messages > 1)?)?;
            this.queues = Some(queues);
            this.add_queue(Purpose::Commands, passive)
        })?;
        self.step(Step::AsyncEq, |this| this.add_queue(Purpose::News, passive))?;
        self.step(Step::PagesEq, |this| this.add_queue(Purpose::Pages, passive))?;
        self.step(Step::CompletionEqs, |this| {
            // With one message only, completions share it.
            (0..count).try_for_each(|index| {
                let message = if messages > 1 { index + 1 } else { 0 };
                this.add_queue(Purpose::Completions(message), passive)
            })?;
            this.watch()
        })?;
        Ok(())
    }

    fn open_port(
        &mut self,
        caps: Caps,
        contexts: SpecialContexts,
        board: [u8; 16],
        passive: Passive<'_>,
    ) -> Result<Found, BringUpError> {
        let address = self.platform.address;
        let vport = self.step(Step::Vport, |this| {
            let vport = this.command(&QueryNicVport {}, passive)?;
            if address.is_some() {
                this.command(&SetVportAddress { address }, passive)?;
            }
            Ok(vport)
        })?;
        self.step(Step::RoceEnable, |this| {
            this.command(&EnableRoce { enable: true }, passive)
        })?;
        self.step(Step::PortState, |this| {
            let port = PortState::query(&this.commander, passive)?;
            let gids = Gids::new(caps.roce_addresses)?;
            Ok(Found {
                caps,
                contexts,
                board,
                mac: address.unwrap_or(vport.mac),
                permanent_mac: vport.mac,
                port,
                gids,
            })
        })
    }

    /// Does a step, which counts as reached from its beginning.
    fn step<T>(
        &mut self,
        step: Step,
        action: impl FnOnce(&mut Self) -> Result<T, HwError>,
    ) -> Result<T, BringUpError> {
        let before = core::mem::replace(&mut self.reached, step);
        let result = action(self);
        if result.is_err() && is_single_command(step) {
            // It did not happen: there is nothing to undo of it.
            self.reached = before;
        } else if result.is_ok() && step == Step::EnableHca {
            let (ndis, log) = (self.platform.ndis, self.platform.log);
            let health = Health::start(ndis, log, &self.registers, &self.events);
            self.health = Some(health.map_err(|error| BringUpError {
                step,
                cause: error.into(),
            })?);
        }
        result.map_err(|cause| BringUpError { step, cause })
    }

    fn command<C: Command>(&self, command: &C, passive: Passive<'_>) -> Result<C::Out, HwError> {
        Ok(self.commander.execute(command, passive)?)
    }

    /// A device that does not know of interface ids speaks id 0, which is too old for nothing that this driver does.
    fn set_issi(&self, passive: Passive<'_>) -> Result<(), HwError> {
        match self.commander.execute(&QueryIssi {}, passive) {
            Ok(supported) if supported >> ISSI & 1 != 0 => self.command(&SetIssi { issi: ISSI }, passive),
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.failure,
                    CommandFailure::Status(CommandStatus::BadOperation, _)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn add_queue(&self, purpose: Purpose, passive: Passive<'_>) -> Result<(), HwError> {
        let (Some(queues), Some(uars)) = (&self.queues, &self.uars) else {
            return Err(HwError::NoMemory);
        };
        let uar = uars.deal()?;
        queues.add(purpose, &self.commander, &self.platform.dma, &uar, passive)
    }

    fn watch(&self) -> Result<(), HwError> {
        let Some(queues) = &self.queues else {
            return Err(HwError::NoMemory);
        };
        let look = Ref::try_new(Look {
            queues: queues.clone(),
            events: self.events.clone(),
        })?;
        self.commander.watch(Some(dyn_ref!(look => dyn Watch)));
        Ok(())
    }

    fn parts(&self, found: Found) -> Result<(Parts, PortState), HwError> {
        let (Some(health), Some(uars), Some(queues)) = (&self.health, &self.uars, &self.queues) else {
            return Err(HwError::NoMemory);
        };
        let parts = Parts {
            registers: self.registers.clone(),
            commander: self.commander.clone(),
            pages: self.pages.clone(),
            events: self.events.clone(),
            health: health.clone(),
            caps: found.caps,
            contexts: found.contexts,
            board: found.board,
            mac: found.mac,
            permanent_mac: found.permanent_mac,
            firmware: self.registers.firmware(),
            uars: uars.clone(),
            queues: queues.clone(),
            gids: found.gids,
        };
        Ok((parts, found.port))
    }

    /// Undoes all steps that were reached, last first. `clean`: the device has let go of all objects that were made on it.
    fn undo(&self, mut clean: bool, passive: Passive<'_>) {
        let reached = |step| self.reached >= step;
        if reached(Step::RoceEnable) {
            let _ = self.commander.dispose(&EnableRoce { enable: false }, passive);
        }
        if reached(Step::Vport) && self.platform.address.is_some() {
            let _ = self
                .commander
                .dispose(&SetVportAddress { address: None }, passive);
        }
        // Queues that the device does not give up keep their memory until it is stopped.
        let mut kept = Quarantine::new();
        if let Some(queues) = &self.queues {
            queues.destroy(&self.commander, passive, |memory| {
                clean = false;
                kept.keep(memory.clone());
            });
        }
        if let Some(uars) = &self.uars {
            uars.free(&self.commander, passive);
        }
        self.pages.drain(passive);
        if reached(Step::InitHca) {
            let teardown = TeardownHca {
                profile: TeardownProfile::Graceful,
            };
            clean &= self.commander.execute(&teardown, passive).is_ok();
        }
        if reached(Step::BootPages) {
            clean &= self.pages.reclaim(passive).is_ok();
        }
        if let Some(health) = &self.health {
            health.stop(passive);
        }
        if reached(Step::EnableHca) {
            clean &= self.commander.dispose(&DisableHca {}, passive);
        }
        // To the end, so that the event log knows of a device that falls silent on the way.
        self.commander.watch(None);
        self.settle(clean, passive);
        drop(kept);
    }

    /// Sees to it that the device reaches no memory of ours any more, and frees what it had.
    fn settle(&self, clean: bool, passive: Passive<'_>) {
        if clean && !self.commander.is_busy() {
            // It has nothing of us any more; this only makes sure.
            pci::set_bus_master(self.platform.ndis, false);
        } else {
            stop_dma(&self.registers, &self.platform, passive);
        }
        self.pages.forget();
    }
}

/// Sees to it that the device reaches no memory any more. Past the time limits there is nothing left to try.
pub(super) fn stop_dma(registers: &Registers, platform: &Platform, passive: Passive<'_>) {
    // Asked for itself, so that it forgets what it knew; whoever is gone does no DMA either.
    let disabled = registers.disable(DISABLE_TIMEOUT_MS, passive);
    for _ in 0..BUS_TRIES {
        if pci::set_bus_master(platform.ndis, false) || disabled.is_ok() {
            return;
        }
        passive.sleep_ms(BUS_PAUSE_MS);
    }
}

/// Steps that are one command without effect when it fails.
const fn is_single_command(step: Step) -> bool {
    matches!(step, Step::EnableHca | Step::InitHca | Step::RoceEnable)
}

/// Takes a function down, in the reverse order of bring-up; no interrupts come any more. `clean`: the device has let go of all objects that were
/// made on it.
pub(super) fn tear_down(platform: &Platform, parts: &Parts, clean: bool, passive: Passive<'_>) {
    let made = Made {
        platform: platform.clone(),
        registers: parts.registers.clone(),
        commander: parts.commander.clone(),
        pages: parts.pages.clone(),
        events: parts.events.clone(),
        health: Some(parts.health.clone()),
        uars: Some(parts.uars.clone()),
        queues: Some(parts.queues.clone()),
        reached: Step::PortState,
    };
    made.undo(clean, passive);
}
