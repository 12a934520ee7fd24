//! What both ends do. The connector offers memory with a pattern; the listener reads it, checks it, writes another pattern
//! beside it and says so; the connector checks that and disconnects.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::{
    ABORTED, DATA_ERROR, Event, KeSetEvent, NdkAdapter, NdkConnector, NdkListener, SocketAddress, Status,
    TIMEOUT,
};
use crate::adapter::Client;
use crate::buffer::Buffer;
use crate::queue::Queue;
use crate::request::{self, Owned};
use crate::settings::{Role, Settings};

/// Bytes of each pattern.
pub const PATTERN: u32 = 48 * 1024;
/// Places in the buffer: what is sent, what is received, the connector's pattern, the listener's.
const SENT: u32 = 0;
const RECEIVED: u32 = 64;
const FIRST: u32 = 4096;
const SECOND: u32 = FIRST + PATTERN;
const LENGTH: u32 = SECOND + PATTERN;
/// Bytes of an offer: address of the first pattern, of the second, token.
const OFFER: u32 = 20;
/// RDMA reads that may be outstanding, each way.
const READS: u32 = 4;
/// Seconds to wait for the peer.
const PATIENCE: i64 = 30;

/// Byte `index` of a pattern.
const fn pattern(seed: u8, index: usize) -> u8 {
    seed.wrapping_mul(31).wrapping_add((index % 251) as u8) ^ (index >> 8) as u8
}

fn fill(bytes: &mut [u8], seed: u8) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = pattern(seed, index);
    }
}

fn check(bytes: &[u8], seed: u8) -> Result<(), Status> {
    let same = bytes
        .iter()
        .enumerate()
        .all(|(index, byte)| *byte == pattern(seed, index));
    if same { Ok(()) } else { Err(DATA_ERROR) }
}

fn part(bytes: &mut [u8], at: u32, length: u32) -> &mut [u8] {
    bytes
        .get_mut(at as usize..(at + length) as usize)
        .unwrap_or_default()
}

/// Runs one end to its end. The bytes that went over the wire by RDMA. `PASSIVE_LEVEL`.
pub fn run(settings: &Settings) -> Result<u32, Status> {
    let mut client = Client::new();
    let adapter = client.open(settings.interface)?;
    let mut event = Event::new();
    let mut queue = Queue::new(adapter.get(), &mut event)?;
    let mut buffer = Buffer::new(queue.pd(), LENGTH)?;
    match settings.role {
        Role::Connector => connector(adapter.get(), settings, &mut queue, &mut buffer)?,
        Role::Listener => listener(adapter.get(), settings, &mut queue, &mut buffer)?,
    }
    Ok(2 * PATTERN)
}

/// What happens to a connection, and to the listener. Stays where it is.
struct Events {
    arrived: Event,
    gone: Event,
    connector: AtomicPtr<NdkConnector>,
}

impl Events {
    const fn new() -> Self {
        Self {
            arrived: Event::new(),
            gone: Event::new(),
            connector: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn prepare(&mut self) -> *mut Self {
        request::clear_event(&raw mut self.arrived);
        request::clear_event(&raw mut self.gone);
        ptr::from_mut(self)
    }
}

/// `NdkConnectEventCallback`.
unsafe extern "win64" fn arrived(context: *mut c_void, connector: *mut NdkConnector) {
    let events = context.cast::<Events>();
    // SAFETY: the events live longer than the listener.
    unsafe { (*events).connector.store(connector, Ordering::Release) };
    // SAFETY: as above.
    unsafe { KeSetEvent(&raw mut (*events).arrived, 0, 0) };
}

/// `NdkDisconnectEventCallback`.
unsafe extern "win64" fn gone(context: *mut c_void) {
    // SAFETY: the events live longer than the connector.
    unsafe { KeSetEvent(&raw mut (*context.cast::<Events>()).gone, 0, 0) };
}

fn own(connector: *mut NdkConnector) -> Owned<NdkConnector> {
    // SAFETY: the connector is open.
    Owned::new(connector, unsafe { (*(*connector).dispatch).close })
}

fn disconnect(connector: &Owned<NdkConnector>) -> Result<(), Status> {
    let object = connector.get();
    // SAFETY: the connector is open.
    request::run(|context| unsafe { ((*(*object).dispatch).disconnect)(object, request::completed, context) })
}

fn connector(
    adapter: *mut NdkAdapter,
    settings: &Settings,
    queue: &mut Queue<'_>,
    buffer: &mut Buffer,
) -> Result<(), Status> {
    fill(part(buffer.bytes(), FIRST, PATTERN), 1);
    queue.receive(buffer.piece(RECEIVED, 64))?;
    let mut events = Events::new();
    let events = events.prepare();
    let connector = connect(adapter, settings, queue, events)?;

    let offer = [
        buffer.remote_address(FIRST),
        buffer.remote_address(SECOND),
        u64::from(buffer.remote_token()),
    ];
    let place = part(buffer.bytes(), SENT, 24);
    for (bytes, value) in place.chunks_exact_mut(8).zip(offer) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    queue.send(buffer.piece(SENT, OFFER))?;
    // The send's completion and the answer's, in either order.
    queue.completion()?;
    queue.completion()?;
    check(part(buffer.bytes(), SECOND, PATTERN), 2)?;
    disconnect(&connector)
}

/// Connects to the listener; it may not be there yet.
fn connect(
    adapter: *mut NdkAdapter,
    settings: &Settings,
    queue: &Queue<'_>,
    events: *mut Events,
) -> Result<Owned<NdkConnector>, Status> {
    let connector = request::create(
        // SAFETY: the adapter is open.
        |context, place| unsafe {
            ((*(*adapter).dispatch).create_connector)(adapter, request::created, context, place)
        },
        // SAFETY: made just now.
        |connector: *mut NdkConnector| unsafe { (*(*connector).dispatch).close },
    )?;
    let object = connector.get();
    let local = SocketAddress::new(settings.local, 0);
    let remote = SocketAddress::new(settings.remote, settings.port);
    let none = ptr::null();
    // SAFETY: connector and queue pair are open; the addresses are read during the call.
    request::run(|context| unsafe {
        let connect = (*(*object).dispatch).connect;
        let (local, remote) = (&raw const local, &raw const remote);
        connect(
            object,
            queue.qp(),
            local,
            16,
            remote,
            16,
            READS,
            READS,
            none,
            0,
            request::completed,
            context,
        )
    })?;
    // SAFETY: the connector is open; the events live longer.
    request::run(|context| unsafe {
        ((*(*object).dispatch).complete_connect)(object, gone, events.cast(), request::completed, context)
    })?;
    Ok(connector)
}

fn listener(
    adapter: *mut NdkAdapter,
    settings: &Settings,
    queue: &mut Queue<'_>,
    buffer: &mut Buffer,
) -> Result<(), Status> {
    queue.receive(buffer.piece(RECEIVED, 64))?;
    let mut events = Events::new();
    let events = events.prepare();
    let accepted = accept(adapter, settings, queue, events)?;

    if queue.completion()? != OFFER {
        return Err(DATA_ERROR);
    }
    let mut offer = [0; 3];
    for (value, bytes) in offer
        .iter_mut()
        .zip(part(buffer.bytes(), RECEIVED, 24).chunks_exact(8))
    {
        *value = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    let [first, second, token] = offer;
    queue.read(buffer.piece(FIRST, PATTERN), first, token as u32)?;
    check(part(buffer.bytes(), FIRST, PATTERN), 1)?;
    fill(part(buffer.bytes(), SECOND, PATTERN), 2);
    queue.write(buffer.piece(SECOND, PATTERN), second, token as u32)?;
    queue.send(buffer.piece(SENT, 1))?;
    queue.completion()?;
    // SAFETY: the events live until this function returns.
    if !request::wait_for(unsafe { (&raw mut (*events).gone).cast() }, Some(PATIENCE)) {
        return Err(TIMEOUT);
    }
    disconnect(&accepted.connector)
}

/// A connection that came. What is declared first goes first: the listener's close waits for the connector's (LIFE-57).
struct Accepted {
    connector: Owned<NdkConnector>,
    _listener: Owned<NdkListener>,
}

/// Listens, and takes the one peer that comes.
fn accept(
    adapter: *mut NdkAdapter,
    settings: &Settings,
    queue: &Queue<'_>,
    events: *mut Events,
) -> Result<Accepted, Status> {
    let listener = request::create(
        // SAFETY: the adapter is open; the events live longer than the listener.
        |context, place| unsafe {
            let create = (*(*adapter).dispatch).create_listener;
            create(adapter, arrived, events.cast(), request::created, context, place)
        },
        // SAFETY: made just now.
        |listener: *mut NdkListener| unsafe { (*(*listener).dispatch).close },
    )?;
    let object = listener.get();
    let at = SocketAddress::new(settings.local, settings.port);
    // SAFETY: the listener is open; the address is read during the call.
    request::run(|context| unsafe {
        ((*(*object).dispatch).listen)(object, &raw const at, 16, request::completed, context)
    })?;
    // SAFETY: the events live until the caller returns.
    let come = request::wait_for(unsafe { (&raw mut (*events).arrived).cast() }, Some(PATIENCE));
    // SAFETY: as above.
    let connector = unsafe { (*events).connector.load(Ordering::Acquire) };
    if connector.is_null() {
        return Err(if come { ABORTED } else { TIMEOUT });
    }
    let connector = own(connector);
    let object = connector.get();
    let none = ptr::null();
    // SAFETY: connector and queue pair are open; the events live longer.
    request::run(|context| unsafe {
        let accept = (*(*object).dispatch).accept;
        accept(
            object,
            queue.qp(),
            READS,
            READS,
            none,
            0,
            gone,
            events.cast(),
            request::completed,
            context,
        )
    })?;
    Ok(Accepted {
        connector,
        _listener: listener,
    })
}
