//! What a program asks of the self-test and what it gets: format version 1.
//!
//! `DeviceIoControl` on [`LINK`](super::control::LINK) with [`IOCTL`]: the input is a [`TestRequest`], the output a [`TestReport`].
//! All numbers are little-endian. Every byte has a meaning.
//!
//! | status | when |
//! |---|---|
//! | `STATUS_SUCCESS` | the test ran: the report says how it ended |
//! | `STATUS_BUFFER_TOO_SMALL` | the input is shorter than a request, or the output buffer than a report |
//! | `STATUS_REVISION_MISMATCH` | a version that is not known |
//! | `STATUS_INVALID_PARAMETER` | a longer input, a wrong size in it, a number out of its range |
//! | `STATUS_NO_SUCH_DEVICE` | the driver has no such adapter |
//! | `STATUS_SHARING_VIOLATION` | another test runs |
//! | `STATUS_CANCELLED` | the request was cancelled, or its handle closed; the test was broken off |
//!
//! (The I/O manager copies no output with an error, so that a test that failed is a success of the request.)

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{
    co::format,
    nt::Status,
    sys::condis::{FILE_DEVICE_NETWORK, FILE_READ_WRITE_ACCESS, ctl_code_buffered},
};

/// The version that this page describes.
pub const VERSION: u16 = 1;
/// The code of the one request: METHOD_BUFFERED, for handles with read and write access.
pub const IOCTL: u32 = ctl_code_buffered(FILE_DEVICE_NETWORK, 0x801, FILE_READ_WRITE_ACCESS);
/// The most calls of a test.
pub const MAX_CALLS: u32 = 64;
/// The most messages of a call, each way.
pub const MAX_MESSAGES: u32 = 100_000;
/// The most bytes of a test, each way.
pub const MAX_BYTES: u64 = 1 << 30;
/// Steps of a test.
pub const STEPS: usize = 11;
/// In [`TestReport::steps`]: the test did not come so far.
pub const NOT_REACHED: u32 = Status::PENDING.bits();

/// What to do. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct TestRequest {
    /// [`VERSION`].
    pub version: u16,
    /// Size of this record.
    pub size: u16,
    /// Calls, one after the other: 1..=[`MAX_CALLS`].
    pub calls: u32,
    /// `NET_LUID` of the adapter; 0 for the driver's first.
    pub luid: u64,
    /// Messages of a call, each way: 0..=[`MAX_MESSAGES`].
    pub messages: u32,
    /// Bytes of a message: 1..=[`format::MAX_MESSAGE`].
    pub message_size: u32,
    /// What the messages' contents are made from.
    pub seed: u64,
}

/// What one side saw, over all calls. 40 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct SideReport {
    /// Calls that were made, or taken.
    pub calls: u32,
    /// Calls of `ProtocolClCloseCallComplete` with success.
    pub closes: u32,
    /// Calls of it with a failure.
    pub failed_closes: u32,
    /// Calls of `ProtocolClIncomingCloseCall`.
    pub peer_closes: u32,
    /// Messages given to the adapter.
    pub sent: u32,
    /// Messages that came back unsent.
    pub unsent: u32,
    /// Messages that arrived.
    pub received: u32,
    /// Of those, how many were not what they should have been.
    pub damaged: u32,
    /// Bytes that arrived.
    pub received_bytes: u64,
}

/// What came of it. 160 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct TestReport {
    /// [`VERSION`].
    pub version: u16,
    /// Size of this record.
    pub size: u16,
    /// How the test ended: an `NTSTATUS`.
    pub status: u32,
    /// `NET_LUID` of the adapter.
    pub luid: u64,
    /// The step that failed, by number; [`STEPS`] if none did.
    pub step: u32,
    /// 0.
    pub reserved: u32,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
    /// The side that makes the calls.
    pub caller: SideReport,
    /// The side that takes them.
    pub taker: SideReport,
    /// What each step came to, an `NTSTATUS` each; [`NOT_REACHED`]. See [`Step`].
    pub steps: [u32; STEPS],
    /// 0.
    pub padding: u32,
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<TestRequest>() == 32 && align_of::<TestRequest>() == 8);
    assert!(offset_of!(TestRequest, luid) == 8 && offset_of!(TestRequest, seed) == 24);
    assert!(size_of::<SideReport>() == 40 && offset_of!(SideReport, received_bytes) == 32);
    assert!(size_of::<TestReport>() == 160 && align_of::<TestReport>() == 8);
    assert!(offset_of!(TestReport, luid) == 8 && offset_of!(TestReport, elapsed_us) == 24);
    assert!(offset_of!(TestReport, caller) == 32 && offset_of!(TestReport, taker) == 72);
    assert!(offset_of!(TestReport, steps) == 112);
};

/// What the test does, in this order; from [`Step::Call`] to [`Step::Close`] once for each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    /// Finds an address of the adapter.
    Address = 0,
    /// Registers the client as a protocol driver.
    Register = 1,
    /// Waits until NDIS has bound it to the adapter.
    Bind = 2,
    /// Waits until the adapter's address family is open.
    Family = 3,
    /// Registers a SAP.
    Sap = 4,
    /// Makes a call to it and takes that.
    Call = 5,
    /// Sends messages both ways.
    Exchange = 6,
    /// Closes the call from one side, and answers that from the other.
    Close = 7,
    /// Deletes the VC and deregisters the SAP.
    Withdraw = 8,
    /// Closes the address family.
    Release = 9,
    /// Deregisters the protocol driver, which unbinds it.
    Deregister = 10,
}

impl SideReport {
    /// Of a side that saw nothing.
    pub const NOTHING: Self = Self {
        calls: 0,
        closes: 0,
        failed_closes: 0,
        peer_closes: 0,
        sent: 0,
        unsent: 0,
        received: 0,
        damaged: 0,
        received_bytes: 0,
    };
}

impl TestRequest {
    /// Nothing to do.
    pub const NOTHING: Self = Self {
        version: VERSION,
        size: size_of::<Self>() as u16,
        calls: 0,
        luid: 0,
        messages: 0,
        message_size: 0,
        seed: 0,
    };

    /// Reads a request and checks every field.
    ///
    /// # Errors
    /// The status of the module's page, for the first field that is wrong.
    pub fn parse(input: &[u8], room: usize) -> Result<Self, Status> {
        let (request, rest) = Self::read_from_prefix(input).map_err(|_| Status::BUFFER_TOO_SMALL)?;
        if request.version != VERSION {
            return Err(Status::REVISION_MISMATCH);
        }
        let right = rest.is_empty()
            && usize::from(request.size) == size_of::<Self>()
            && (1..=MAX_CALLS).contains(&request.calls)
            && request.messages <= MAX_MESSAGES
            && (1..=format::MAX_MESSAGE).contains(&request.message_size)
            && request.bytes() <= MAX_BYTES;
        if !right {
            return Err(Status::INVALID_PARAMETER);
        }
        if room < size_of::<TestReport>() {
            return Err(Status::BUFFER_TOO_SMALL);
        }
        Ok(request)
    }

    /// Bytes that go each way. All factors are in their ranges.
    const fn bytes(&self) -> u64 {
        (self.calls as u64)
            .saturating_mul(self.messages as u64)
            .saturating_mul(self.message_size as u64)
    }
}

impl TestReport {
    /// Of a test on `luid` that has not begun.
    pub const fn new(luid: u64) -> Self {
        Self {
            version: VERSION,
            size: size_of::<Self>() as u16,
            status: Status::SUCCESS.bits(),
            luid,
            step: STEPS as u32,
            reserved: 0,
            elapsed_us: 0,
            caller: SideReport::NOTHING,
            taker: SideReport::NOTHING,
            steps: [NOT_REACHED; STEPS],
            padding: 0,
        }
    }

    /// Notes what a step came to. The first failure is the test's.
    pub fn note(&mut self, step: Step, status: Status) {
        let place = self.steps.get_mut(step as usize);
        if let Some(place) = place {
            *place = status.bits();
        }
        if status != Status::SUCCESS && self.step == STEPS as u32 {
            self.step = step as u32;
            self.status = status.bits();
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}
