//! Bring-up, page supply, capabilities, identity and teardown of the function.

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::{
            CmdHcaCap, DisableHcaIn, EnableHcaIn, EthernetOffloadCaps, FlowTableNicCap, InitHcaIn,
            ManagePagesIn, ManagePagesOut, QueryAdapterIn, QueryAdapterOut, QueryHcaCapIn, QueryIssiIn,
            QueryIssiOut, QueryPagesIn, QueryPagesOut, QuerySpecialContextsIn, QuerySpecialContextsOut,
            RoceCap, SetDriverVersionIn, SetHcaCapIn, SetIssiIn, TeardownHcaIn, TeardownHcaOut, opcode,
        },
        types::Key,
    },
    ACK, be64, command, output,
};
use crate::nt::{NoMemory, Vec, pool};

command! {
    /// Enables the function.
    pub struct EnableHca {}
    ENABLE_HCA, EnableHcaIn as |_this, _input| {}
}

command! {
    /// Disables the function; it must hold no pages of ours.
    pub struct DisableHca {}
    DISABLE_HCA, DisableHcaIn as |_this, _input| {}
}

command! {
    /// Asks which interface step sequence ids exist: bit n of the result stands for id n.
    pub struct QueryIssi {}
    QUERY_ISSI, QueryIssiIn as |_this, _input| {},
    QueryIssiOut -> u32 as |output| { Ok(output.supported_issi_dw0()) }
}

command! {
    /// Chooses an interface step sequence id.
    pub struct SetIssi {
        /// The id.
        pub issi: u16,
    }
    SET_ISSI, SetIssiIn as |this, input| { input.set_current_issi(u32::from(this.issi)); }
}

/// Why the device wants pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum PagePhase {
    /// To boot.
    Boot = 1,
    /// To initialize.
    Init = 2,
    /// While it runs.
    Regular = 3,
}

command! {
    /// Asks how many pages the device wants; negative when it has too many.
    pub struct QueryPages {
        /// For what.
        pub phase: PagePhase,
    }
    QUERY_PAGES, QueryPagesIn as |this, input| { input.set_op_mod(this.phase as u32); },
    QueryPagesOut -> i32 as |output| { Ok(output.num_pages().cast_signed()) }
}

/// The most pages that one command moves: what eight mailbox blocks hold.
pub const PAGES_PER_COMMAND: usize = 512;

/// `op_mod` of `MANAGE_PAGES`.
const CANNOT_GIVE: u32 = 0;
const GIVE: u32 = 1;
const TAKE: u32 = 2;

fn manage_pages(op_mod: u32, entries: usize) -> ManagePagesIn {
    let mut head = ManagePagesIn::new();
    head.set_opcode(u32::from(opcode::MANAGE_PAGES))
        .set_op_mod(op_mod)
        .set_input_num_entries(entries as u32);
    head
}

/// Gives pages to the device.
#[derive(Clone, Copy, Debug)]
pub struct GivePages<'a> {
    /// Their bus addresses, [`PAGES_PER_COMMAND`] at most.
    pub pages: &'a [u64],
}

impl Command for GivePages<'_> {
    const OPCODE: u16 = opcode::MANAGE_PAGES;
    const SUPPLIES_PAGES: bool = true;
    type Out = ();

    fn input_length(&self) -> usize {
        ManagePagesIn::SIZE + 8 * self.pages.len()
    }

    fn output_length(&self) -> usize {
        ManagePagesOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        input.put(manage_pages(GIVE, self.pages.len()).as_bytes());
        for page in self.pages {
            input.put(&page.to_be_bytes());
        }
    }

    fn decode(&self, _: &dyn Source) -> Result<(), Lie> {
        Ok(())
    }
}

/// Tells the device that there are no pages for it: the command that waits for them fails.
#[derive(Clone, Copy, Debug)]
pub struct CannotGivePages;

impl Command for CannotGivePages {
    const OPCODE: u16 = opcode::MANAGE_PAGES;
    const SUPPLIES_PAGES: bool = true;
    type Out = ();

    fn input_length(&self) -> usize {
        ManagePagesIn::SIZE
    }

    fn output_length(&self) -> usize {
        ManagePagesOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        input.put(manage_pages(CANNOT_GIVE, 0).as_bytes());
    }

    fn decode(&self, _: &dyn Source) -> Result<(), Lie> {
        Ok(())
    }
}

/// Takes pages back: the device returns as many as it can spare, `count` at most.
#[derive(Clone, Copy)]
pub struct TakePages<'a> {
    /// How many, [`PAGES_PER_COMMAND`] at most.
    pub count: usize,
    /// Gets each page that comes back. (No list of them is made: teardown must not need memory.)
    pub each: &'a dyn Fn(u64),
}

impl core::fmt::Debug for TakePages<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TakePages")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Command for TakePages<'_> {
    const OPCODE: u16 = opcode::MANAGE_PAGES;
    const SUPPLIES_PAGES: bool = true;
    /// How many came.
    type Out = u32;

    fn input_length(&self) -> usize {
        ManagePagesIn::SIZE
    }

    fn output_length(&self) -> usize {
        ManagePagesOut::SIZE + 8 * self.count
    }

    fn encode(&self, input: &mut dyn Sink) {
        input.put(manage_pages(TAKE, self.count).as_bytes());
    }

    fn decode(&self, source: &dyn Source) -> Result<Self::Out, Lie> {
        let count = output!(source, ManagePagesOut).output_num_entries() as usize;
        if count > self.count {
            return Err(Lie::Pages);
        }
        for index in 0..count {
            (self.each)(be64(source, ManagePagesOut::SIZE + 8 * index));
        }
        Ok(count as u32)
    }
}

/// Kinds of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum CapKind {
    /// The general ones.
    General = 0,
    /// Those of the Ethernet path.
    Offloads = 1,
    /// Those of `RoCE`.
    Roce = 4,
    /// Those of flow tables.
    FlowTable = 7,
}

/// Bytes of a capability area.
pub const CAP_AREA: usize = 4096;
/// Where the area begins in input and output.
const CAP_OFFSET: usize = 0x10;

/// The capabilities of a kind, all bytes of them.
#[derive(Debug)]
pub struct CapArea(Vec<u8>);

impl CapArea {
    /// The head of the area as general capabilities.
    pub fn general(&self) -> Option<&CmdHcaCap> {
        CmdHcaCap::from_bytes(&self.0)
    }

    /// The same, to change it.
    pub fn general_mut(&mut self) -> Option<&mut CmdHcaCap> {
        CmdHcaCap::from_bytes_mut(&mut self.0)
    }

    /// The head of the area as `RoCE` capabilities.
    pub fn roce(&self) -> Option<&RoceCap> {
        RoceCap::from_bytes(&self.0)
    }

    /// The same, to change it.
    pub fn roce_mut(&mut self) -> Option<&mut RoceCap> {
        RoceCap::from_bytes_mut(&mut self.0)
    }

    /// The head of the area as capabilities of the Ethernet path.
    pub fn offloads(&self) -> Option<&EthernetOffloadCaps> {
        EthernetOffloadCaps::from_bytes(&self.0)
    }

    /// The head of the area as capabilities of flow tables.
    pub fn flow_table(&self) -> Option<&FlowTableNicCap> {
        FlowTableNicCap::from_bytes(&self.0)
    }

    /// All of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Asks for capabilities.
#[derive(Clone, Copy, Debug)]
pub struct QueryHcaCap {
    /// Which.
    pub kind: CapKind,
    /// Those in force; else the most that the device can do.
    pub current: bool,
}

impl Command for QueryHcaCap {
    const OPCODE: u16 = opcode::QUERY_HCA_CAP;
    type Out = Result<CapArea, NoMemory>;

    fn input_length(&self) -> usize {
        QueryHcaCapIn::SIZE
    }

    fn output_length(&self) -> usize {
        CAP_OFFSET + CAP_AREA
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = QueryHcaCapIn::new();
        let op_mod = (self.kind as u32) << 1 | u32::from(self.current);
        head.set_opcode(u32::from(Self::OPCODE)).set_op_mod(op_mod);
        input.put(head.as_bytes());
    }

    fn decode(&self, source: &dyn Source) -> Result<Self::Out, Lie> {
        Ok(pool::try_vec(CAP_AREA, |_| 0).map(|mut bytes| {
            source.read(CAP_OFFSET, &mut bytes);
            CapArea(bytes)
        }))
    }
}

/// Sets capabilities, before `INIT_HCA`.
#[derive(Clone, Copy, Debug)]
pub struct SetHcaCap<'a> {
    /// Which.
    pub kind: CapKind,
    /// All of them.
    pub area: &'a CapArea,
}

impl Command for SetHcaCap<'_> {
    const OPCODE: u16 = opcode::SET_HCA_CAP;
    type Out = ();

    fn input_length(&self) -> usize {
        CAP_OFFSET + CAP_AREA
    }

    fn output_length(&self) -> usize {
        ACK
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = QueryHcaCapIn::new();
        const { assert!(QueryHcaCapIn::SIZE == CAP_OFFSET && SetHcaCapIn::SIZE == CAP_OFFSET + CAP_AREA) };
        head.set_opcode(u32::from(Self::OPCODE))
            .set_op_mod((self.kind as u32) << 1);
        input.put(head.as_bytes());
        input.put(self.area.as_bytes());
    }

    fn decode(&self, _: &dyn Source) -> Result<(), Lie> {
        Ok(())
    }
}

command! {
    /// Initializes the function: objects can be made from here on.
    pub struct InitHca {
        /// Identifies this driver's function among those of one card, when the device asks for it.
        pub owner: Option<[u32; 4]>,
    }
    INIT_HCA, InitHcaIn as |this, input| {
        for (index, word) in this.owner.unwrap_or_default().into_iter().enumerate() {
            input.set_sw_owner_id(index, word);
        }
    }
}

/// How to tear the function down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum TeardownProfile {
    /// All objects are destroyed already.
    Graceful = 0,
    /// At once, whatever there is.
    Force = 1,
    /// Only get ready: the `nic_interface` register does it.
    Fast = 2,
}

command! {
    /// Undoes [`InitHca`]. Whether it did.
    pub struct TeardownHca {
        /// How.
        pub profile: TeardownProfile,
    }
    TEARDOWN_HCA, TeardownHcaIn as |this, input| { input.set_profile(this.profile as u32); },
    TeardownHcaOut -> bool as |output| { Ok(output.state() == 0) }
}

command! {
    /// Tells the firmware which driver it has.
    pub struct SetDriverVersion {
        /// `system,name,version`, cut off after 63 bytes.
        pub version: &'static str,
    }
    SET_DRIVER_VERSION, SetDriverVersionIn as |this, input| {
        let mut text = [0; 64];
        for (to, from) in text.iter_mut().zip(this.version.bytes().take(63)) {
            *to = from;
        }
        input.set_driver_version(&text);
    }
}

/// Keys that the device made for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpecialContexts {
    /// Good for all of the bus on queue pairs of the kernel.
    pub reserved: Key,
    /// Ends lists of pieces in receives, when the device names one.
    pub terminate: Option<Key>,
}

command! {
    /// Asks for the keys that the device made for us.
    pub struct QuerySpecialContexts {}
    QUERY_SPECIAL_CONTEXTS, QuerySpecialContextsIn as |_this, _input| {},
    QuerySpecialContextsOut -> SpecialContexts as |output| {
        let terminate = output.terminate_scatter_list_mkey();
        Ok(SpecialContexts {
            reserved: Key(output.resd_lkey()),
            terminate: (terminate != 0).then_some(Key(terminate)),
        })
    }
}

command! {
    /// Asks for the board's identity (PSID).
    pub struct QueryAdapter {}
    QUERY_ADAPTER, QueryAdapterIn as |_this, _input| {},
    QueryAdapterOut -> [u8; 16] as |output| { Ok(*output.query_adapter_struct().vsd_contd_psid()) }
}
