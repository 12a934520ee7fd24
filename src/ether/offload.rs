//! Task offloads: which checksums and large sends are left to the device (rules OFL-01 to OFL-12).

/// The checksum of a layer: computed for what is sent, verified in what is received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ways {
    /// Computed.
    pub send: bool,
    /// Verified.
    pub receive: bool,
}

impl Ways {
    /// Both.
    pub const BOTH: Self = Self {
        send: true,
        receive: true,
    };

    /// From a keyword: 0 neither, 1 sent, 2 received, 3 both; anything else is both.
    pub const fn of_keyword(value: Option<u32>) -> Self {
        match value {
            Some(value @ 0..=3) => Self {
                send: value & 1 != 0,
                receive: value & 2 != 0,
            },
            _ => Self::BOTH,
        }
    }
}

/// What is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offloads {
    /// IPv4 headers.
    pub ipv4: Ways,
    /// TCP over IPv4.
    pub tcp4: Ways,
    /// UDP over IPv4.
    pub udp4: Ways,
    /// TCP over IPv6.
    pub tcp6: Ways,
    /// UDP over IPv6.
    pub udp6: Ways,
    /// Large sends over IPv4.
    pub large4: bool,
    /// Large sends over IPv6.
    pub large6: bool,
}

impl Offloads {
    /// All.
    pub const ALL: Self = Self {
        ipv4: Ways::BOTH,
        tcp4: Ways::BOTH,
        udp4: Ways::BOTH,
        tcp6: Ways::BOTH,
        udp6: Ways::BOTH,
        large4: true,
        large6: true,
    };

    /// None.
    pub const NONE: Self = Self {
        ipv4: Ways {
            send: false,
            receive: false,
        },
        tcp4: Ways {
            send: false,
            receive: false,
        },
        udp4: Ways {
            send: false,
            receive: false,
        },
        tcp6: Ways {
            send: false,
            receive: false,
        },
        udp6: Ways {
            send: false,
            receive: false,
        },
        large4: false,
        large6: false,
    };
}
