//! Memory keys.

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::{CreateMkeyIn, CreateMkeyOut, DestroyMkeyIn, Mkc, opcode},
        types::MkeyIndex,
        wqe::umr,
    },
    command, not_zero, output,
};

/// Makes a memory key.
#[derive(Clone, Debug)]
pub struct CreateMkey<P> {
    /// Its context.
    pub context: Mkc,
    /// Translations that follow.
    pub entries: u32,
    /// Bus addresses of its pages, [`Self::entries`] of them.
    pub pages: P,
}

impl<P> CreateMkey<P> {
    /// Translations that are sent: two of them make an octoword.
    const fn padded(&self) -> u32 {
        self.entries.next_multiple_of(2)
    }
}

impl<P: Iterator<Item = u64> + Clone> Command for CreateMkey<P> {
    const OPCODE: u16 = opcode::CREATE_MKEY;
    type Out = MkeyIndex;

    fn input_length(&self) -> usize {
        CreateMkeyIn::SIZE + 8 * self.padded() as usize
    }

    fn output_length(&self) -> usize {
        CreateMkeyOut::SIZE
    }

    fn encode(&self, input: &mut dyn Sink) {
        let mut head = CreateMkeyIn::new();
        head.set_opcode(u32::from(Self::OPCODE))
            .set_pg_access(u32::from(self.entries != 0))
            .set_translations_octword_actual_size(self.padded() / 2);
        *head.memory_key_mkey_entry_mut() = self.context;
        input.put(head.as_bytes());
        let mut pages = self.pages.clone();
        for _ in 0..self.padded() {
            input.put(&pages.next().map_or(0, umr::translation).to_be_bytes());
        }
    }

    fn decode(&self, source: &dyn Source) -> Result<MkeyIndex, Lie> {
        Ok(MkeyIndex::new(not_zero(
            output!(source, CreateMkeyOut).mkey_index(),
            "mkey index",
        )?))
    }
}

command! {
    /// Destroys a memory key.
    pub struct DestroyMkey {
        /// Its index.
        pub index: MkeyIndex,
    }
    DESTROY_MKEY, DestroyMkeyIn as |this, input| { input.set_mkey_index(this.index.raw()); }
}
