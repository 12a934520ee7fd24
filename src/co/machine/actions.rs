//! A short list of actions, which lies where it is.

/// At most `N` actions, in the order in which they are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Actions<A, const N: usize> {
    list: [Option<A>; N],
}

impl<A: Copy, const N: usize> Actions<A, N> {
    /// Nothing to do.
    pub const NONE: Self = Self { list: [None; N] };

    /// These, in this order.
    pub fn of<const M: usize>(actions: [A; M]) -> Self {
        const { assert!(M <= N, "a list has room for what a step gives out") }
        let mut this = Self::NONE;
        for (place, action) in this.list.iter_mut().zip(actions) {
            *place = Some(action);
        }
        this
    }

    /// These, then another.
    #[must_use]
    pub fn and(mut self, action: A) -> Self {
        let place = self.list.iter_mut().find(|place| place.is_none());
        debug_assert!(place.is_some(), "a list has room for what a step gives out");
        if let Some(place) = place {
            *place = Some(action);
        }
        self
    }
}

impl<A, const N: usize> IntoIterator for Actions<A, N> {
    type Item = A;
    type IntoIter = core::iter::Flatten<core::array::IntoIter<Option<A>, N>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter().flatten()
    }
}
