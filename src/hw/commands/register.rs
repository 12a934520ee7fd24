//! Access registers.

use super::super::{
    command::{Command, Sink, Source},
    error::Lie,
    layout::{
        AccessRegisterIn, AccessRegisterOut, PmtuReg, PpcntReg, PtysReg, RegisterHostEndianness, opcode,
    },
};

/// `op_mod` of `ACCESS_REG`.
const WRITE: u32 = 0;
const READ: u32 = 1;
/// The port: functions have one.
const PORT: u32 = 1;
/// Protocol mask of Ethernet in PTYS.
const ETHERNET: u32 = 4;

/// A register's layout.
pub trait Register: Sized {
    /// Its id.
    const ID: u16;
    /// Its bytes.
    const LENGTH: usize;
    /// All zero.
    fn zero() -> Self;
    /// Its bytes.
    fn bytes(&self) -> &[u8];
    /// Its bytes, to fill.
    fn bytes_mut(&mut self) -> &mut [u8];
}

macro_rules! registers {
    ($($name:ident: $id:literal;)*) => {$(
        impl Register for $name {
            const ID: u16 = $id;
            const LENGTH: usize = Self::SIZE;

            fn zero() -> Self {
                Self::new()
            }

            fn bytes(&self) -> &[u8] {
                self.as_bytes()
            }

            fn bytes_mut(&mut self) -> &mut [u8] {
                self.as_bytes_mut()
            }
        }
    )*};
}

registers! {
    PmtuReg: 0x5003;
    PtysReg: 0x5004;
    PpcntReg: 0x5008;
    RegisterHostEndianness: 0x7004;
}

/// Reads or writes a register.
#[derive(Clone, Copy, Debug)]
pub struct AccessRegister<R> {
    write: bool,
    content: R,
}

impl<R: Register> Command for AccessRegister<R> {
    const OPCODE: u16 = opcode::ACCESS_REG;
    type Out = R;

    fn input_length(&self) -> usize {
        AccessRegisterIn::SIZE + R::LENGTH
    }

    fn output_length(&self) -> usize {
        AccessRegisterOut::SIZE + R::LENGTH
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = AccessRegisterIn::new();
        head.set_opcode(u32::from(Self::OPCODE))
            .set_op_mod(if self.write { WRITE } else { READ })
            .set_register_id(u32::from(R::ID));
        input.put(head.as_bytes());
        input.put(self.content.bytes());
    }

    fn decode(&self, source: &dyn Source) -> Result<R, Lie> {
        let mut content = R::zero();
        source.read(AccessRegisterOut::SIZE, content.bytes_mut());
        Ok(content)
    }
}

/// Tells the device that this processor is little-endian.
pub fn little_endian_host() -> AccessRegister<RegisterHostEndianness> {
    AccessRegister {
        write: true,
        content: RegisterHostEndianness::new(),
    }
}

/// Reads speeds.
pub fn read_ptys() -> AccessRegister<PtysReg> {
    let mut content = PtysReg::new();
    content.set_local_port(PORT).set_proto_mask(ETHERNET);
    AccessRegister {
        write: false,
        content,
    }
}

/// Counter group of RFC 2863 in PPCNT.
const RFC_2863: u32 = 1;
/// Where `if_in_discards` lies in that group, in bytes.
const IF_IN_DISCARDS: usize = 0x10;

/// Reads the counters of RFC 2863: of the whole port, RoCE and other functions of the port included.
pub fn read_interface_counters() -> AccessRegister<PpcntReg> {
    let mut content = PpcntReg::new();
    content.set_local_port(PORT).set_grp(RFC_2863);
    AccessRegister {
        write: false,
        content,
    }
}

/// Good frames that the port dropped for want of room.
pub fn received_discards(counters: &PpcntReg) -> u64 {
    counters
        .counter_set()
        .get(IF_IN_DISCARDS..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Reads the MTU of the port.
pub fn read_pmtu() -> AccessRegister<PmtuReg> {
    let mut content = PmtuReg::new();
    content.set_local_port(PORT);
    AccessRegister {
        write: false,
        content,
    }
}

/// Sets the whole-frame MTU of the port.
pub fn write_pmtu(mtu: u32) -> AccessRegister<PmtuReg> {
    let mut content = PmtuReg::new();
    content.set_local_port(PORT).set_admin_mtu(mtu);
    AccessRegister { write: true, content }
}
