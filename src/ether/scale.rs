//! Receive side scaling: which processor a frame is indicated on (rules RSS-01 to RSS-14).

use crate::hw::{Processors, ether::HASH_KEY};

/// Receive queues that an adapter has at most.
pub const MOST_QUEUES: usize = 16;
/// Entries of the largest indirection table.
pub const MOST_ENTRIES: usize = 128;

/// A processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Processor {
    /// Its group.
    pub group: u16,
    /// Its number in the group.
    pub number: u8,
}

impl Processor {
    /// The set of it alone.
    pub const fn set(self) -> Processors {
        Processors {
            group: self.group,
            mask: 1 << (self.number % 64),
        }
    }

    /// As one word that is not 0.
    pub const fn pack(self) -> u32 {
        1 << 31 | (self.group as u32) << 8 | self.number as u32
    }

    /// Undoes [`Self::pack`]; `None` for 0.
    pub const fn unpack(word: u32) -> Option<Self> {
        if word == 0 {
            return None;
        }
        Some(Self {
            group: (word >> 8) as u16,
            number: word as u8,
        })
    }
}

/// What NDIS set last.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Types of hashes (`NDIS_HASH_*`); 0: frames are not spread.
    pub types: u32,
    /// The Toeplitz key.
    pub key: [u8; HASH_KEY],
    /// Processors by the low bits of the hash.
    table: [Processor; MOST_ENTRIES],
    entries: usize,
}

impl Scale {
    /// As after initialization: nothing is spread.
    pub const OFF: Self = Self {
        types: 0,
        key: [0; HASH_KEY],
        table: [Processor { group: 0, number: 0 }; MOST_ENTRIES],
        entries: 1,
    };

    /// The table: a power of two of entries.
    pub fn table(&self) -> &[Processor] {
        self.table.get(..self.entries).unwrap_or_default()
    }

    /// Takes another table, of a power of two of entries, at most [`MOST_ENTRIES`]. Whether it is one.
    pub fn set_table(&mut self, entries: impl ExactSizeIterator<Item = Processor>) -> bool {
        let count = entries.len();
        if !count.is_power_of_two() || count > MOST_ENTRIES {
            return false;
        }
        self.table
            .iter_mut()
            .zip(entries)
            .for_each(|(place, entry)| *place = entry);
        self.entries = count;
        true
    }
}

/// The queues of the processors of a table: each has one, or shares it with others when there are too few.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    processors: [Processor; Self::MOST],
    queues: [usize; Self::MOST],
    count: usize,
}

impl Assignment {
    /// Queues that can be told apart.
    const MOST: usize = MOST_QUEUES;

    /// Assigns `queues` queues to the processors of a table. `misfit` says how badly a queue's message suits a processor, `None` if it does
    /// not come there.
    pub fn of(table: &[Processor], queues: usize, misfit: impl Fn(usize, Processor) -> Option<u32>) -> Self {
        let mut this = Self {
            processors: [Processor::default(); Self::MOST],
            queues: [0; Self::MOST],
            count: 0,
        };
        for processor in table {
            if this.count < queues.min(Self::MOST) && !this.assigned().any(|(other, _)| other == *processor) {
                let is_free = |queue: &usize| !this.assigned().any(|(_, other)| other == *queue);
                let free = (0..queues).filter(is_free);
                let best = free.min_by_key(|queue| misfit(*queue, *processor).unwrap_or(u32::MAX));
                let (Some(queue), Some(place), Some(name)) = (
                    best,
                    this.queues.get_mut(this.count),
                    this.processors.get_mut(this.count),
                ) else {
                    break;
                };
                (*place, *name) = (queue, *processor);
                this.count += 1;
            }
        }
        this
    }

    /// Processors and their queues.
    pub fn assigned(&self) -> impl Iterator<Item = (Processor, usize)> + '_ {
        self.processors
            .iter()
            .copied()
            .zip(self.queues.iter().copied())
            .take(self.count)
    }

    /// The queue of a processor of the table: its own, or that of another when there are too few (rule RSS-10).
    pub fn queue_of(&self, processor: Processor) -> usize {
        let own = self.assigned().find(|(other, _)| *other == processor);
        let turn = usize::from(processor.number) % self.count.max(1);
        own.map_or_else(|| self.queues.get(turn).copied().unwrap_or(0), |(_, queue)| queue)
    }
}
