//! UAR pages and protection domains.

use super::{
    super::{
        layout::{AllocPdIn, AllocPdOut, AllocUarIn, AllocUarOut, DeallocPdIn, DeallocUarIn},
        types::{Pdn, UarIndex},
    },
    command,
};

command! {
    /// Takes a UAR page.
    pub struct AllocUar {}
    ALLOC_UAR, AllocUarIn as |_this, _input| {},
    AllocUarOut -> UarIndex as |output| { Ok(UarIndex::new(output.uar())) }
}

command! {
    /// Gives a UAR page back.
    pub struct DeallocUar {
        /// The page.
        pub uar: UarIndex,
    }
    DEALLOC_UAR, DeallocUarIn as |this, input| { input.set_uar(this.uar.raw()); }
}

command! {
    /// Makes a protection domain.
    pub struct AllocPd {}
    ALLOC_PD, AllocPdIn as |_this, _input| {},
    AllocPdOut -> Pdn as |output| { Ok(Pdn::new(output.pd())) }
}

command! {
    /// Destroys a protection domain.
    pub struct DeallocPd {
        /// The domain.
        pub pdn: Pdn,
    }
    DEALLOC_PD, DeallocPdIn as |this, input| { input.set_pd(this.pdn.raw()); }
}
