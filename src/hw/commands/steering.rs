//! Flow tables of the receive side: which frames go where (connectx ethernet, section 4.1).

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::{
            CreateFlowGroupIn, CreateFlowGroupOut, CreateFlowTableIn, CreateFlowTableOut, DeleteFteIn,
            DestFormatStruct, DestroyFlowGroupIn, DestroyFlowTableIn, FteMatchParam, SetFlowTableRootIn,
            SetFteIn, opcode,
        },
        types::{FlowTableId, Tirn},
    },
    ACK, command,
};

command! {
    /// Makes a flow table of `1 << log_size` entries. What nothing matches is dropped.
    pub struct CreateFlowTable {
        /// Frames go from lower to higher levels.
        pub level: u8,
        /// log2 of its entries.
        pub log_size: u32,
    }
    CREATE_FLOW_TABLE, CreateFlowTableIn as |this, input| {
        input
            .flow_table_context_mut()
            .set_level(u32::from(this.level))
            .set_log_size(this.log_size);
    },
    CreateFlowTableOut -> FlowTableId as |output| { Ok(FlowTableId::new(output.table_id())) }
}

command! {
    /// Destroys a flow table without groups that nothing leads to.
    pub struct DestroyFlowTable {
        /// The table.
        pub table: FlowTableId,
    }
    DESTROY_FLOW_TABLE, DestroyFlowTableIn as |this, input| { input.set_table_id(this.table.raw()); }
}

command! {
    /// Makes the table the first one that received frames meet; `None` takes the root away.
    pub struct SetFlowTableRoot {
        /// The table.
        pub table: Option<FlowTableId>,
    }
    SET_FLOW_TABLE_ROOT, SetFlowTableRootIn as |this, input| {
        /// `op_mod` that takes the root away.
        const DISCONNECT: u32 = 1;
        match this.table {
            Some(table) => input.set_table_id(table.raw()),
            None => input.set_op_mod(DISCONNECT),
        };
    }
}

command! {
    /// Makes a group: entries `first..=last` of a table, which are about the headers in `mask`.
    pub struct CreateFlowGroup {
        /// The table.
        pub table: FlowTableId,
        /// Its first entry.
        pub first: u32,
        /// Its last entry.
        pub last: u32,
        /// What entries look at; nothing: they match everything.
        pub mask: FteMatchParam,
    }
    CREATE_FLOW_GROUP, CreateFlowGroupIn as |this, input| {
        /// `match_criteria_enable`: outer headers.
        const OUTER: u32 = 1;
        let blank = this.mask == FteMatchParam::new();
        input
            .set_table_id(this.table.raw())
            .set_start_flow_index(this.first)
            .set_end_flow_index(this.last)
            .set_match_criteria_enable(if blank { 0 } else { OUTER });
        *input.match_criteria_mut() = this.mask;
    },
    CreateFlowGroupOut -> u32 as |output| { Ok(output.group_id()) }
}

command! {
    /// Destroys a group without entries.
    pub struct DestroyFlowGroup {
        /// The table.
        pub table: FlowTableId,
        /// The group.
        pub group: u32,
    }
    DESTROY_FLOW_GROUP, DestroyFlowGroupIn as |this, input| {
        input.set_table_id(this.table.raw()).set_group_id(this.group);
    }
}

/// Where an entry sends frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To a table of a higher level.
    Table(FlowTableId),
    /// To queues.
    Tir(Tirn),
}

/// Puts an entry where none is.
#[derive(Clone, Copy, Debug)]
pub struct SetFlowEntry {
    /// The table.
    pub table: FlowTableId,
    /// Its group.
    pub group: u32,
    /// Its place in the table.
    pub index: u32,
    /// What matches, within the mask of the group.
    pub value: FteMatchParam,
    /// Where it sends frames.
    pub to: Destination,
}

impl Command for SetFlowEntry {
    const OPCODE: u16 = opcode::SET_FLOW_TABLE_ENTRY;
    type Out = ();

    fn input_length(&self) -> usize {
        SetFteIn::SIZE + DestFormatStruct::SIZE
    }

    fn output_length(&self) -> usize {
        ACK
    }

    fn encode(&self, input: &mut dyn Sink) {
        /// `action`: forward.
        const FORWARD: u32 = 4;
        /// `destination_type`.
        const TABLE: u32 = 1;
        const TIR: u32 = 2;

        let mut head = SetFteIn::new();
        head.set_opcode(u32::from(Self::OPCODE))
            .set_table_id(self.table.raw())
            .set_flow_index(self.index);
        let context = head.flow_context_mut();
        context
            .set_group_id(self.group)
            .set_action(FORWARD)
            .set_destination_list_size(1);
        *context.match_value_mut() = self.value;
        input.put(head.as_bytes());
        let mut destination = DestFormatStruct::new();
        let (kind, number) = match self.to {
            Destination::Table(table) => (TABLE, table.raw()),
            Destination::Tir(tir) => (TIR, tir.raw()),
        };
        destination.set_destination_type(kind).set_destination_id(number);
        input.put(destination.as_bytes());
    }

    fn decode(&self, _: &dyn Source) -> Result<(), Lie> {
        Ok(())
    }
}

command! {
    /// Takes an entry away.
    pub struct DeleteFlowEntry {
        /// The table.
        pub table: FlowTableId,
        /// Its place in the table.
        pub index: u32,
    }
    DELETE_FLOW_TABLE_ENTRY, DeleteFteIn as |this, input| {
        input.set_table_id(this.table.raw()).set_flow_index(this.index);
    }
}
