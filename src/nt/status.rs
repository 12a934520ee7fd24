//! `NTSTATUS` and `NDIS_STATUS` as one type: NDIS shares the kernel's encoding, and NDK uses plain `NTSTATUS`.

use core::fmt;

/// A kernel status: negative is an error, everything else succeeded (MS-ERREF section 2.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Status(pub i32);

macro_rules! statuses {
    ($($name:ident = $value:literal, $doc:literal;)*) => {
        impl Status {
            $(
                #[doc = $doc]
                pub const $name: Self = Self(u32::cast_signed($value));
            )*
        }

        impl fmt::Debug for Status {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.write_str(stringify!($name)),)*
                    Self(other) => write!(f, "Status({other:#010x})"),
                }
            }
        }
    };
}

statuses! {
    SUCCESS = 0x0000_0000, "Done.";
    PENDING = 0x0000_0103, "Not done yet; a completion follows.";
    TIMEOUT = 0x0000_0102, "A wait ended without its event.";
    BUFFER_OVERFLOW = 0x8000_0005, "More data than the buffer holds; a part was returned.";
    UNSUCCESSFUL = 0xc000_0001, "Failed, no better word for it (`NDIS_STATUS_FAILURE`).";
    INVALID_PARAMETER = 0xc000_000d, "A parameter is wrong (`NDIS_STATUS_INVALID_PARAMETER`).";
    NO_MORE_ENTRIES = 0x8000_001a, "No room, or nothing left.";
    ACCESS_VIOLATION = 0xc000_0005, "Memory or rights do not allow it.";
    INVALID_PARAMETER_MIX = 0xc000_0030, "Parameters that do not go together.";
    DATA_OVERRUN = 0xc000_003c, "More data or pieces than possible.";
    REMOTE_RESOURCES = 0xc000_013d, "The remote side refused or failed.";
    IMPLEMENTATION_LIMIT = 0xc000_042b, "More than this provider can do.";
    REVISION_MISMATCH = 0xc000_0059, "A version is not known.";
    NO_SUCH_DEVICE = 0xc000_000e, "There is no such device.";
    INVALID_DEVICE_REQUEST = 0xc000_0010, "Not possible in this state.";
    ACCESS_DENIED = 0xc000_0022, "Not allowed.";
    BUFFER_TOO_SMALL = 0xc000_0023, "The buffer cannot hold the result.";
    INSUFFICIENT_RESOURCES = 0xc000_009a, "No memory (`NDIS_STATUS_RESOURCES`).";
    SHARING_VIOLATION = 0xc000_0043, "Somebody else has it.";
    INVALID_BUFFER_SIZE = 0xc000_0206, "A buffer has the wrong size.";
    TOO_MANY_ADDRESSES = 0xc000_0209, "All addresses are in use.";
    DEVICE_NOT_READY = 0xc000_00a3, "The device is not ready.";
    IO_TIMEOUT = 0xc000_00b5, "The other side did not answer in time.";
    NOT_SUPPORTED = 0xc000_00bb, "Not supported (`NDIS_STATUS_NOT_SUPPORTED`).";
    INTERNAL_ERROR = 0xc000_00e5, "Something that cannot happen did.";
    NOT_FOUND = 0xc000_0225, "There is no such thing.";
    CANCELLED = 0xc000_0120, "Cancelled.";
    INVALID_ADDRESS = 0xc000_0141, "An address is wrong.";
    CONNECTION_DISCONNECTED = 0xc000_020c, "The peer has disconnected.";
    CONNECTION_RESET = 0xc000_020d, "The connection was reset.";
    IO_DEVICE_ERROR = 0xc000_0185, "The device reported an error.";
    DEVICE_REMOVED = 0xc000_02b6, "The device is gone.";
    CONNECTION_REFUSED = 0xc000_0236, "The peer refused.";
    CONNECTION_INVALID = 0xc000_023a, "No such connection.";
    CONNECTION_ACTIVE = 0xc000_023b, "The connection exists already.";
    NETWORK_UNREACHABLE = 0xc000_023c, "No route.";
    HOST_UNREACHABLE = 0xc000_023d, "No neighbour.";
    CONNECTION_ABORTED = 0xc000_0241, "The connection was given up.";
    ADDRESS_ALREADY_EXISTS = 0xc000_020a, "The address is in use.";
    NDIS_CLOSING = 0xc001_0002, "The object is closing.";
    NDIS_BAD_VERSION = 0xc001_0004, "The version is not supported.";
    NDIS_MULTICAST_FULL = 0xc001_0009, "The multicast list has no room for so many.";
    NDIS_ADAPTER_NOT_READY = 0xc001_0011, "The adapter cannot be opened now.";
    NDIS_INVALID_LENGTH = 0xc001_0014, "A length is wrong.";
    NDIS_INVALID_DATA = 0xc001_0015, "A value is wrong.";
    NDIS_BUFFER_TOO_SHORT = 0xc001_0016, "The buffer is too short; `BytesNeeded` says how much it takes.";
    NDIS_INVALID_OID = 0xc001_0017, "No such OID.";
    NDIS_NOT_ACCEPTED = 0x0001_0003, "Not accepted in this state or with this configuration. (By its value a success: compare, do not test.)";
    NDIS_REQUEST_ABORTED = 0xc001_000c, "The request was cancelled.";
    NDIS_SEND_ABORTED = 0xc023_000c, "The send was cancelled.";
    NDIS_PAUSED = 0xc023_002a, "The adapter is paused.";
    NDIS_LOW_POWER_STATE = 0xc023_002f, "The adapter sleeps.";
    NDIS_MEDIA_DISCONNECTED = 0xc023_001f, "No carrier.";
}

impl Status {
    /// `NT_SUCCESS`: success and information are; warnings and errors are not.
    pub const fn is_success(self) -> bool {
        wdk::nt_success(self.0)
    }

    /// `Ok` for any success.
    ///
    /// # Errors
    /// The status itself.
    pub const fn ok(self) -> Result<(), Self> {
        if self.is_success() { Ok(()) } else { Err(self) }
    }

    /// The bits, as event log and hardware counters show them.
    pub const fn bits(self) -> u32 {
        self.0.cast_unsigned()
    }
}

/// The status of a `Result`.
impl<E: Into<Self>> From<Result<(), E>> for Status {
    fn from(result: Result<(), E>) -> Self {
        result.map_or_else(Into::into, |()| Self::SUCCESS)
    }
}

/// Memory ran out. Becomes [`Status::INSUFFICIENT_RESOURCES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl From<NoMemory> for Status {
    fn from(_: NoMemory) -> Self {
        Self::INSUFFICIENT_RESOURCES
    }
}

impl From<allocator_api2::alloc::AllocError> for NoMemory {
    fn from(_: allocator_api2::alloc::AllocError) -> Self {
        Self
    }
}

impl From<allocator_api2::collections::TryReserveError> for NoMemory {
    fn from(_: allocator_api2::collections::TryReserveError) -> Self {
        Self
    }
}
