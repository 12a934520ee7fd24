//! The chips of the family, as far as a driver tells them apart before it asks for capabilities (connectx.md section 1).

/// A physical function of one of the chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// ConnectX-4.
    ConnectX4,
    /// ConnectX-4 Lx.
    ConnectX4Lx,
    /// ConnectX-5.
    ConnectX5,
    /// ConnectX-6.
    ConnectX6,
    /// ConnectX-6 Dx.
    ConnectX6Dx,
    /// ConnectX-6 Lx.
    ConnectX6Lx,
    /// ConnectX-7.
    ConnectX7,
}

impl Generation {
    /// All that are modelled.
    pub const ALL: [Self; 7] = [
        Self::ConnectX4,
        Self::ConnectX4Lx,
        Self::ConnectX5,
        Self::ConnectX6,
        Self::ConnectX6Dx,
        Self::ConnectX6Lx,
        Self::ConnectX7,
    ];

    /// PCI device id.
    pub const fn device_id(self) -> u16 {
        match self {
            Self::ConnectX4 => 0x1013,
            Self::ConnectX4Lx => 0x1015,
            Self::ConnectX5 => 0x1017,
            Self::ConnectX6 => 0x101b,
            Self::ConnectX6Dx => 0x101d,
            Self::ConnectX6Lx => 0x101f,
            Self::ConnectX7 => 0x1021,
        }
    }

    /// First number of the firmware's version, which names the chip.
    pub const fn firmware(self) -> u32 {
        match self {
            Self::ConnectX4 => 12,
            Self::ConnectX4Lx => 14,
            Self::ConnectX5 => 16,
            Self::ConnectX6 => 20,
            Self::ConnectX6Dx => 22,
            Self::ConnectX6Lx => 26,
            Self::ConnectX7 => 28,
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectX4 => "ConnectX-4",
            Self::ConnectX4Lx => "ConnectX-4 Lx",
            Self::ConnectX5 => "ConnectX-5",
            Self::ConnectX6 => "ConnectX-6",
            Self::ConnectX6Dx => "ConnectX-6 Dx",
            Self::ConnectX6Lx => "ConnectX-6 Lx",
            Self::ConnectX7 => "ConnectX-7",
        }
    }

    /// Hardware id under which Windows looks for a driver.
    pub fn hardware_id(self) -> String {
        format!(r"PCI\VEN_15B3&DEV_{:04X}", self.device_id())
    }
}
