//! A tiny call manager and a tiny client that keep every rule, and all the ways in which they can be told to break one.

mod asks;
mod client;
mod crossings;
mod ends;
mod flows;
mod manager;
mod wrong;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::sys::ndis::NDIS_STATUS;

use crate::ndis::tests::halted_with;
use crate::ndis::{Adapter, Driver, kernel};
use crate::sim::{self, HostId};

pub(in crate::ndis) use self::manager::{
    attribute_flags, halt, register_family, registers_early, returned, set_options,
};

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    // The call manager.
    NoHandler,
    NoMiniportHandler,
    MiniportCreatesVcs,
    NotConnectionOriented,
    NoCallManager,
    OneEntry,
    CompletesTwice,
    CompletesPending,
    CompletesAndReturns,
    CompletesUnasked,
    CreatePends,
    DeletePends,
    MakesInactive,
    FailsActive,
    MakesForeignParty,
    ClosesBeforeMade,
    PartyContextOfNobody,
    ClosesActive,
    ClosesTwoParties,
    ClosesForeignParty,
    ClosesWithReceives,
    ModifiesWithoutActivation,
    ChangesWithoutActivation,
    AddsWithoutContext,
    HoldsModify,
    HoldsParty,
    AnswersTooMuch,
    NoticesTwice,
    ActivatesAsMiniport,
    DeactivatesAsMiniport,
    OffersOfOtherFamily,
    CreatesOnOtherAdapter,
    DeletesActive,
    DeletesClients,
    DeletesInHandler,
    DispatchesInHandler,
    OffersInactive,
    ConnectsUnasked,
    ReportsCloseInClose,
    ReportsCloseTwice,
    DropsLastParty,
    ActivatesIdle,
    UsesBeforeActivation,
    DeactivatesWithSends,
    DeactivatesWithReceives,
    SendTwice,
    SendPending,
    IndicatesEarly,
    IndicatesInactive,
    IndicatesMiscounted,
    IndicatesForeign,
    IndicatesLent,
    IndicatesPaused,
    PausesWithSends,
    PausesWithReceives,
    UnderLock,
    IgnoresResources,
    IndicatesOwnMemory,
    TouchesSent,
    IgnoresPause,
    CompletesSendLate,
    ClosesFamilyInUse,
    RegistersAtDispatch,
    RegistersEarly,
    RegistersLate,
    ForeignStatus,
    EarlyStatus,
    LateStatus,
    AnswersRequestPending,
    AnswersRequestTwice,
    AnswersRequestElsewhere,
    AnswersOfOtherVc,
    AnswersLate,
    OffersDeregistered,
    DropsLate,
    ManagerNotNull,
    HaltsWithFamily,
    // The client.
    NoClientHandler,
    NoProtocolHandler,
    BindsWithoutOpening,
    NeverBinds,
    OpensTwice,
    BindsAndCompletes,
    FailsToBindOpen,
    CompletesBindPending,
    CompletesBindTwice,
    OpensOutside,
    UnbindFails,
    UnbindsWithoutClosing,
    ClosesAdapterTwice,
    UsesClosedBinding,
    EventFails,
    SendsEarly,
    SendsAfterClose,
    SendsOtherSource,
    SendsUnderWay,
    SendsOwnMemory,
    FreesMdlUnderWay,
    FreesBufferUnderWay,
    FreesListUnderWay,
    SendsToldOfClose,
    MakesAfterFailure,
    CreatePendsClient,
    DeletePendsClient,
    AsksOfParty,
    AsksTwice,
    AsksPlainlyTwice,
    ClientAnswersPending,
    ClientAnswersOther,
    ClosesWithSends,
    ClosesTwice,
    ClosesIdle,
    ClosesWithoutParty,
    ClosesForeignCallsParty,
    DropsAfterClose,
    ModifiesTwice,
    OpensFamilyEarly,
    OpensWithoutParameters,
    OpensWithoutHeader,
    OpensByOtherName,
    OpensOtherMedium,
    StuckInEvent,
    DeletesConnected,
    DeletesManagers,
    UsesDeleted,
    UsesClosedManagers,
    UsesDroppedParty,
    UsesClosedFamily,
    UsesDeregisteredSap,
    MakesTwice,
    AnswersTwice,
    AnswersPending,
    ReturnsTwice,
    ClosesFamilyWithVc,
    AdapterClosedWithFamily,
    AddsToPointToPoint,
    ModifiesIdle,
    AtDirql,
    OpensAtDispatch,
    LiesAboutLevel,
    NotNull,
    NotClosedAtNotice,
    IgnoresNotice,
}

/// What the two keep, one of everything.
#[derive(Default)]
struct Pair {
    wrong: Cell<Option<Wrong>>,
    /// There is a call manager.
    on: Cell<bool>,
    /// The call manager completes later.
    pends: Cell<bool>,
    /// What it says to calls and closes.
    answer: Cell<NDIS_STATUS>,
    /// What the client says to offers; PENDING for later.
    decision: Cell<NDIS_STATUS>,
    adapter: Cell<usize>,
    protocol: Cell<usize>,
    binding: Cell<usize>,
    /// The name of the adapter that is being bound.
    adapter_name: Cell<usize>,
    /// The call manager's handles of the family and the SAP, of its own VC and the client's.
    managers: [Cell<usize>; 4],
    /// The client's handles of the same.
    clients: [Cell<usize>; 4],
    /// The parties' handles, as the client and as the call manager know them.
    parties: RefCell<Vec<usize>>,
    manager_parties: RefCell<Vec<usize>>,
    /// Packets that the call manager does not complete, that the client keeps.
    queued: RefCell<Vec<usize>>,
    kept: RefCell<Vec<usize>>,
    /// The client's pools of lists and buffers, and the call manager's of lists.
    pools: [Cell<usize>; 3],
    keeps: Cell<bool>,
    queues: Cell<bool>,
    parameters: Cell<usize>,
    closed: Cell<bool>,
    /// The request of a client that asks twice.
    request: Cell<usize>,
    /// The client pends binds and unbinds.
    binds_later: Cell<bool>,
    /// What the call manager does inside of its handlers.
    inside: RefCell<BTreeMap<&'static str, fn()>>,
    /// Activations that NDIS completed.
    activated: Cell<u32>,
    machine: RefCell<Option<Adapter>>,
    log: RefCell<Vec<String>>,
}

const FAMILY: usize = 0;
const SAP: usize = 1;
const INCOMING: usize = 2;
const OUTGOING: usize = 3;

fn pair() -> Rc<Pair> {
    sim::local::<Pair>()
}

fn wrong(what: Wrong) -> bool {
    pair().wrong.get() == Some(what)
}

fn note(what: impl Into<String>) {
    pair().log.borrow_mut().push(what.into());
}

/// Has the call manager do something inside of one of its handlers, once; or, at "connect", instead of telling that a call is connected.
fn at(handler: &'static str, f: fn()) {
    pair().inside.borrow_mut().insert(handler, f);
}

/// Does what was asked for inside of this handler; whether there was something.
fn inside(handler: &str) -> bool {
    let f = pair().inside.borrow_mut().remove(handler);
    f.into_iter().for_each(|f| f());
    f.is_some()
}

/// What happened since the last look.
fn log() -> Vec<String> {
    pair().log.take()
}

/// Runs `f` in a context of the host.
fn act<R: 'static>(f: impl FnOnce() -> R + 'static) -> R {
    kernel::on_host(host(), "action", f)
}

/// The adapter of the run.
fn adapter() -> Adapter {
    pair().machine.borrow().clone().expect("the run has one")
}

fn host() -> HostId {
    HostId(0)
}

/// Waits for something to be logged.
fn until(what: &str) {
    until_times(what, 1);
}

/// How often it was noted.
fn times(what: &str) -> usize {
    pair().log.borrow().iter().filter(|line| *line == what).count()
}

/// Waits until it is noted for the `count`th time.
fn until_times(what: &str, count: usize) {
    for _ in 0..10_000 {
        if times(what) >= count {
            return;
        }
        sim::sleep(sim::MICROSECOND);
    }
    panic!("waited in vain for {what}: {:?}", log());
}

/// The tiny driver with the call manager on a started adapter, and the tiny client on that with the family open.
fn start(seed: u64, what: Option<Wrong>, pends: bool) -> (Driver, Adapter) {
    pair().wrong.set(what);
    pair().pends.set(pends);
    pair().binds_later.set(seed % 2 == 1);
    pair().on.set(true);
    let (driver, adapter) = halted_with();
    pair().machine.replace(Some(adapter.clone()));
    adapter.start().expect("the adapter starts");
    act(client::register);
    until("open");
    (driver, adapter)
}

/// The end of a run whose adapter is halted, and whose client is gone.
fn unload(driver: Driver, adapter: Adapter) {
    adapter.remove();
    driver.unload();
}

/// Starts the adapter with the tiny call manager, and the tiny client on it; afterwards closes and stops everything.
fn run(seed: u64, what: Option<Wrong>, pends: bool, scenario: fn()) -> Result<(), sim::Failure> {
    sim::run(seed, move || {
        let (driver, adapter) = start(seed, what, pends);
        scenario();
        act(client::close_family);
        until("family closed");
        act(client::deregister);
        adapter.stop();
        unload(driver, adapter);
    })
}

/// The rule that ends the run, or "none".
fn caught(what: Wrong, scenario: fn()) -> &'static str {
    run(7, Some(what), true, scenario)
        .err()
        .map_or("none", |failure| failure.rule)
}
