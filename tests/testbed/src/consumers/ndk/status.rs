//! NTSTATUS values as errors of the consumer side.

use std::fmt;

/// An NTSTATUS that is not success.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i32);

macro_rules! status_table {
    ($($name:ident = $value:literal;)*) => {
        impl Status {
            $(
                #[doc = concat!("`STATUS_", stringify!($name), "`.")]
                pub const $name: Self = Self($value as u32 as i32);
            )*

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

status_table! {
    SUCCESS = 0;
    PENDING = 0x103;
    BUFFER_OVERFLOW = 0x8000_0005_u32;
    NO_MORE_ENTRIES = 0x8000_001a_u32;
    ACCESS_VIOLATION = 0xc000_0005_u32;
    INVALID_PARAMETER = 0xc000_000d_u32;
    INVALID_DEVICE_REQUEST = 0xc000_0010_u32;
    BUFFER_TOO_SMALL = 0xc000_0023_u32;
    INVALID_PARAMETER_MIX = 0xc000_0030_u32;
    DATA_OVERRUN = 0xc000_003c_u32;
    SHARING_VIOLATION = 0xc000_0043_u32;
    INSUFFICIENT_RESOURCES = 0xc000_009a_u32;
    IO_TIMEOUT = 0xc000_00b5_u32;
    NOT_SUPPORTED = 0xc000_00bb_u32;
    INVALID_NETWORK_RESPONSE = 0xc000_00c3_u32;
    INTERNAL_ERROR = 0xc000_00e5_u32;
    CANCELLED = 0xc000_0120_u32;
    REMOTE_RESOURCES = 0xc000_013d_u32;
    INVALID_ADDRESS = 0xc000_0141_u32;
    INVALID_BUFFER_SIZE = 0xc000_0206_u32;
    TOO_MANY_ADDRESSES = 0xc000_0209_u32;
    ADDRESS_ALREADY_EXISTS = 0xc000_020a_u32;
    CONNECTION_DISCONNECTED = 0xc000_020c_u32;
    CONNECTION_REFUSED = 0xc000_0236_u32;
    CONNECTION_INVALID = 0xc000_023a_u32;
    CONNECTION_ACTIVE = 0xc000_023b_u32;
    NETWORK_UNREACHABLE = 0xc000_023c_u32;
    HOST_UNREACHABLE = 0xc000_023d_u32;
    CONNECTION_ABORTED = 0xc000_0241_u32;
    IMPLEMENTATION_LIMIT = 0xc000_042b_u32;
}

impl Status {
    /// Success or the error.
    ///
    /// # Errors
    ///
    /// Every value but `STATUS_SUCCESS`, `STATUS_PENDING` included.
    pub const fn check(self) -> Result<(), Self> {
        if self.0 == 0 { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(status, _)| status == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Status {}
