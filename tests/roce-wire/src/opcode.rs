//! The operation codes of BTH: RC, UD, and the congestion notification of RoCEv2.

/// Which extended headers follow the base transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// None.
    Plain,
    /// RETH.
    Reth,
    /// RETH, then immediate data.
    RethImm,
    /// AETH.
    Aeth,
    /// AETH, then the original value.
    AethAtomic,
    /// Atomic request header.
    Atomic,
    /// Immediate data.
    Imm,
    /// Key to invalidate.
    Ieth,
    /// DETH.
    Deth,
    /// DETH, then immediate data.
    DethImm,
}

impl Layout {
    /// Bytes of the extended headers.
    pub const fn len(self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Reth => 16,
            Self::RethImm => 20,
            Self::Aeth | Self::Imm | Self::Ieth => 4,
            Self::AethAtomic | Self::DethImm => 12,
            Self::Atomic => 28,
            Self::Deth => 8,
        }
    }

    /// Whether there are no extended headers.
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::Plain)
    }
}

/// Where a packet stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The first of several.
    First,
    /// Neither first nor last.
    Middle,
    /// The last of several.
    Last,
    /// The whole message.
    Only,
}

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $layout:ident, $position:ident;)*) => {
        /// An operation code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $($(#[$doc])* $name = $code,)*
        }

        impl Opcode {
            /// Every operation code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The operation code `code`, if it is known.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The extended headers that follow.
            pub const fn layout(self) -> Layout {
                match self {
                    $(Self::$name => Layout::$layout,)*
                }
            }

            /// Where in its message such a packet stands.
            pub const fn position(self) -> Position {
                match self {
                    $(Self::$name => Position::$position,)*
                }
            }
        }
    };
}

opcodes! {
    /// RC SEND first.
    SendFirst = 0x00, Plain, First;
    /// RC SEND middle.
    SendMiddle = 0x01, Plain, Middle;
    /// RC SEND last.
    SendLast = 0x02, Plain, Last;
    /// RC SEND last with immediate.
    SendLastImm = 0x03, Imm, Last;
    /// RC SEND only.
    SendOnly = 0x04, Plain, Only;
    /// RC SEND only with immediate.
    SendOnlyImm = 0x05, Imm, Only;
    /// RC RDMA WRITE first.
    WriteFirst = 0x06, Reth, First;
    /// RC RDMA WRITE middle.
    WriteMiddle = 0x07, Plain, Middle;
    /// RC RDMA WRITE last.
    WriteLast = 0x08, Plain, Last;
    /// RC RDMA WRITE last with immediate.
    WriteLastImm = 0x09, Imm, Last;
    /// RC RDMA WRITE only.
    WriteOnly = 0x0a, Reth, Only;
    /// RC RDMA WRITE only with immediate.
    WriteOnlyImm = 0x0b, RethImm, Only;
    /// RC RDMA READ request.
    ReadRequest = 0x0c, Reth, Only;
    /// RC RDMA READ response first.
    ReadResponseFirst = 0x0d, Aeth, First;
    /// RC RDMA READ response middle.
    ReadResponseMiddle = 0x0e, Plain, Middle;
    /// RC RDMA READ response last.
    ReadResponseLast = 0x0f, Aeth, Last;
    /// RC RDMA READ response only.
    ReadResponseOnly = 0x10, Aeth, Only;
    /// RC acknowledge.
    Acknowledge = 0x11, Aeth, Only;
    /// RC atomic acknowledge.
    AtomicAcknowledge = 0x12, AethAtomic, Only;
    /// RC compare and swap.
    CompareSwap = 0x13, Atomic, Only;
    /// RC fetch and add.
    FetchAdd = 0x14, Atomic, Only;
    /// RC SEND last with invalidate.
    SendLastInvalidate = 0x16, Ieth, Last;
    /// RC SEND only with invalidate.
    SendOnlyInvalidate = 0x17, Ieth, Only;
    /// UD SEND only.
    UdSendOnly = 0x64, Deth, Only;
    /// UD SEND only with immediate.
    UdSendOnlyImm = 0x65, DethImm, Only;
    /// Congestion notification; 16 reserved bytes follow as payload.
    Cnp = 0x81, Plain, Only;
}

impl Opcode {
    /// The code on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether the packet belongs to a reliable connection.
    pub const fn is_rc(self) -> bool {
        self.code() < 0x20
    }

    /// Whether the packet belongs to unreliable datagrams.
    pub const fn is_ud(self) -> bool {
        self.code() >> 5 == 3
    }

    /// Whether the packet is for the requesting half of its queue pair: a response or an acknowledgement.
    pub const fn is_response(self) -> bool {
        matches!(self.code(), 0x0d..=0x12)
    }

    /// Whether the packet ends its message.
    pub const fn ends_message(self) -> bool {
        matches!(self.position(), Position::Last | Position::Only)
    }

    /// Whether the packet starts its message.
    pub const fn starts_message(self) -> bool {
        matches!(self.position(), Position::First | Position::Only)
    }
}
