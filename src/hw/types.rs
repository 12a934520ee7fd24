//! Typed numbers: what the device names with bare integers never mixes in the driver.

/// Defines 24-bit object numbers that the device hands out.
macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u32);

        impl $name {
            /// The low 24 bits of `raw`.
            pub const fn new(raw: u32) -> Self {
                Self(raw & 0x00ff_ffff)
            }

            /// The number as the device writes it.
            pub const fn raw(self) -> u32 {
                self.0
            }
        }
    )*};
}

numbers! {
    /// Queue pair number.
    Qpn;
    /// Completion queue number.
    Cqn;
    /// Protection domain number.
    Pdn;
    /// Index of a UAR page in BAR 0.
    UarIndex;
    /// Packet sequence number.
    Psn;
    /// Index part of a memory key.
    MkeyIndex;
    /// Ethernet send queue number.
    Sqn;
    /// Ethernet receive queue number.
    Rqn;
    /// Transport domain number.
    TransportDomain;
    /// Transport interface of send queues (TIS).
    Tisn;
    /// Transport interface of received frames (TIR).
    Tirn;
    /// Receive queue table number.
    Rqtn;
    /// Flow table number.
    FlowTableId;
}

impl Qpn {
    /// The general services queue pair, as peers address it.
    pub const GSI: Self = Self(1);
}

/// Event queue number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Eqn(pub u8);

/// A memory key as work requests carry it: index in bits 31:8, variant in bits 7:0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key(pub u32);

impl Key {
    /// The key of `index` with `variant` (connectx interface, section 12).
    pub const fn new(index: MkeyIndex, variant: u8) -> Self {
        Self(index.raw() << 8 | variant as u32)
    }

    /// The index part.
    pub const fn index(self) -> MkeyIndex {
        MkeyIndex::new(self.0 >> 8)
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// From the two fields that layouts split an address into.
    pub const fn from_parts(high: u32, low: u32) -> Self {
        let (h, l) = (high.to_be_bytes(), low.to_be_bytes());
        Self([h[2], h[3], l[0], l[1], l[2], l[3]])
    }

    /// Bits 47:32.
    pub const fn high(self) -> u32 {
        u16::from_be_bytes([self.0[0], self.0[1]]) as u32
    }

    /// Bits 31:0.
    pub const fn low(self) -> u32 {
        u32::from_be_bytes([self.0[2], self.0[3], self.0[4], self.0[5]])
    }

    /// Not a group address and not zero: good as the address of a station.
    pub fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }
}

/// A `RoCE` address: an IPv6 address, or an IPv4 address mapped into `::ffff:0:0/96`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Gid(pub [u8; 16]);

impl Gid {
    /// `::ffff:a.b.c.d`.
    pub const fn from_v4(ip: [u8; 4]) -> Self {
        Self([
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ip[0], ip[1], ip[2], ip[3],
        ])
    }

    /// The IPv4 address, when it is a mapped one.
    pub const fn to_v4(self) -> Option<[u8; 4]> {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Some([a, b, c, d]),
            _ => None,
        }
    }
}

/// Index of an entry of the port's `RoCE` address table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GidIndex(pub u8);

/// Path MTU codes of queue pairs: payload bytes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Mtu {
    /// 256 bytes.
    B256 = 1,
    /// 512 bytes.
    B512 = 2,
    /// 1024 bytes.
    B1024 = 3,
    /// 2048 bytes.
    B2048 = 4,
    /// 4096 bytes.
    B4096 = 5,
}

impl Mtu {
    /// What `RoCE` adds to the payload of a packet: IP 40, UDP 8, BTH 12, extended headers 32, ICRC 4 bytes.
    pub const OVERHEAD: u32 = 96;

    /// The largest that fits a link whose IP packets may be `ip_mtu` bytes long.
    pub const fn for_link(ip_mtu: u32) -> Self {
        match ip_mtu.saturating_sub(Self::OVERHEAD) {
            4096.. => Self::B4096,
            2048.. => Self::B2048,
            1024.. => Self::B1024,
            512.. => Self::B512,
            _ => Self::B256,
        }
    }

    /// Bytes of the IP packets that a link must carry for this.
    pub const fn ip_bytes(self) -> u32 {
        self.bytes() + Self::OVERHEAD
    }

    /// Payload bytes.
    pub const fn bytes(self) -> u32 {
        128 << self as u32
    }
}

/// The largest `log` with `1 << log <= value`; 0 for 0 and 1.
pub const fn floor_log2(value: u32) -> u32 {
    match value {
        0 | 1 => 0,
        _ => value.ilog2(),
    }
}

/// The smallest `log` with `1 << log >= value`; 0 for 0 and 1.
pub const fn ceil_log2(value: u32) -> u32 {
    match value {
        0 | 1 => 0,
        _ => 32 - (value - 1).leading_zeros(),
    }
}

/// Interrupt moderation: an event after `period_us` or `count` completions, whichever is first. Both 0: none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moderation {
    /// Microseconds, 0..=4095.
    pub period_us: u16,
    /// Completions.
    pub count: u16,
}

/// The key that ends lists of pieces on devices that name no other.
pub(super) const DEFAULT_TERMINATE_KEY: Key = Key(0x100);
