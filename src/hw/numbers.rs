//! [`Numbers`]: objects by the numbers that the device gives them, found in as many steps however many there are.

use super::error::{HwError, Lie};
use crate::nt::{NonPaged, Vec, pool};

/// Bits of a number.
const BITS: u32 = 24;
/// Bits of a number that one node tells apart.
const NODE_BITS: u32 = 6;
/// Places of a node.
const PLACES: usize = 1 << NODE_BITS;
/// Nodes on the way to an object.
const LEVELS: u32 = BITS / NODE_BITS;

/// A table of objects by 24-bit numbers. Memory follows the objects, in pieces of a page at most.
pub(super) struct Numbers<T> {
    root: Node<T>,
}

struct Node<T> {
    /// Places in use.
    used: usize,
    /// [`PLACES`], or none while nothing is below.
    places: Vec<Place<T>>,
}

enum Place<T> {
    Empty,
    Node(Node<T>),
    Object(T),
}

/// Where a number lies in a node of `level`, counted from the objects up.
const fn index(number: u32, level: u32) -> usize {
    (number >> (level * NODE_BITS)) as usize % PLACES
}

impl<T> Node<T> {
    const fn new() -> Self {
        Self {
            used: 0,
            places: Vec::new_in(NonPaged),
        }
    }

    fn place(&self, number: u32, level: u32) -> Option<&Place<T>> {
        self.places.get(index(number, level))
    }

    fn place_mut(&mut self, number: u32, level: u32) -> Option<&mut Place<T>> {
        self.places.get_mut(index(number, level))
    }

    /// Puts `object` there, and makes the nodes on the way.
    fn insert(&mut self, number: u32, level: u32, object: T) -> Result<(), HwError> {
        if self.places.is_empty() {
            self.places = pool::try_vec(PLACES, |_| Place::Empty)?;
        }
        let Some(place) = self.place_mut(number, level) else {
            return Err(HwError::NoMemory);
        };
        let fresh = matches!(place, Place::Empty);
        let done = match place {
            Place::Object(_) => Err(Lie::UnknownObject(number).into()),
            Place::Node(below) => below.insert(number, level - 1, object),
            Place::Empty if level == 0 => {
                *place = Place::Object(object);
                Ok(())
            }
            Place::Empty => {
                let mut below = Self::new();
                let done = below.insert(number, level - 1, object);
                if done.is_ok() {
                    *place = Place::Node(below);
                }
                done
            }
        };
        self.used += usize::from(fresh && done.is_ok());
        done
    }

    /// Takes the object out, and the nodes on the way that are of no more use.
    fn remove(&mut self, number: u32, level: u32) -> Option<T> {
        let place = self.place_mut(number, level)?;
        let (object, empty) = match core::mem::replace(place, Place::Empty) {
            Place::Empty => return None,
            Place::Object(object) => (Some(object), true),
            Place::Node(mut below) => {
                let object = below.remove(number, level - 1);
                let empty = below.used == 0;
                if !empty {
                    *place = Place::Node(below);
                }
                (object, empty)
            }
        };
        self.used -= usize::from(empty);
        object
    }

    /// The first object from `number` on.
    fn first_from(&self, number: u32, level: u32) -> Option<&T> {
        let start = index(number, level);
        let places = self.places.iter().enumerate().skip(start);
        places.into_iter().find_map(|(at, place)| match place {
            Place::Empty => None,
            Place::Object(object) => Some(object),
            Place::Node(below) if at == start => below.first_from(number, level - 1),
            Place::Node(below) => below.first_from(0, level - 1),
        })
    }
}

impl<T> Numbers<T> {
    /// Nothing.
    pub(super) const fn new() -> Self {
        Self { root: Node::new() }
    }

    /// What has this number.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let mut node = &self.root;
        for level in (0..LEVELS).rev() {
            match node.place(number, level)? {
                Place::Empty => return None,
                Place::Node(below) => node = below,
                Place::Object(object) => return Some(object),
            }
        }
        None
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let mut node = &mut self.root;
        for level in (0..LEVELS).rev() {
            match node.place_mut(number, level)? {
                Place::Empty => return None,
                Place::Node(below) => node = below,
                Place::Object(object) => return Some(object),
            }
        }
        None
    }

    /// Fails when memory cannot be had, or the number is taken already.
    pub(super) fn insert(&mut self, number: u32, object: T) -> Result<(), HwError> {
        self.root.insert(number, LEVELS - 1, object)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        self.root.remove(number, LEVELS - 1)
    }

    /// The object with the least number that is `number` or more.
    pub(super) fn first_from(&self, number: u32) -> Option<&T> {
        self.root.first_from(number, LEVELS - 1)
    }
}
