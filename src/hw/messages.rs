//! The interrupt messages that the adapter got, and where they come.

use crate::nt::{NoMemory, Ref, Vec, pool};

/// Processors of one group. Machines with more than 64 have several groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Processors {
    /// The group.
    pub group: u16,
    /// Its processors, a bit each.
    pub mask: u64,
}

/// Interrupt messages: the processors that each is for. Message 0 is for commands and news, the others for completions. With one message,
/// or none, all share it.
#[derive(Debug)]
pub struct Messages(Vec<Processors>);

impl Messages {
    /// `count` messages, each for the processors that `processors` names.
    ///
    /// # Errors
    /// No memory.
    pub fn try_new(count: u32, mut processors: impl FnMut(u32) -> Processors) -> Result<Ref<Self>, NoMemory> {
        let sets = pool::try_vec(count as usize, |message| processors(message as u32))?;
        Ref::try_new(Self(sets))
    }

    /// How many there are, at least 1.
    pub fn count(&self) -> u32 {
        self.0.len().max(1) as u32
    }

    /// Processors that messages of completions come to.
    pub fn completion_processors(&self) -> u32 {
        let completions = self.0.get(1..).filter(|sets| !sets.is_empty()).unwrap_or(&self.0);
        let union_of = |group: u16| {
            let sets = completions.iter().filter(|set| set.group == group);
            sets.fold(0, |all, set| all | set.mask).count_ones()
        };
        let first_of_group = |(at, set): &(usize, &Processors)| {
            !completions.iter().take(*at).any(|other| other.group == set.group)
        };
        let groups = completions.iter().enumerate().filter(first_of_group);
        groups.map(|(_, set)| union_of(set.group)).sum()
    }

    /// How badly a message suits those who want one of these processors: the fewer others it may come to, the better. `None` if it comes
    /// to none of them.
    pub(super) fn misfit(&self, message: u32, wanted: Processors) -> Option<u32> {
        let set = self.0.get(message as usize)?;
        let suits = set.group == wanted.group && set.mask & wanted.mask != 0;
        suits.then(|| (set.mask & !wanted.mask).count_ones())
    }
}
