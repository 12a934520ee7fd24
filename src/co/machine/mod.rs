//! The life of a call, as pure code: events in, actions out. Nothing here locks, allocates or calls anybody.
//!
//! | module | what lives there |
//! |---|---|
//! | [`call`] | the state machine of a VC's call, one above all its legs |
//! | [`leg`] | the state machine of one leg: its connection, and the party that it may be |
//! | [`change`] | the part of it that changes the quality of service |
//! | [`step`] | what moves it, and what it gives out |
//! | [`actions`] | the short lists of actions that they give out |
//!
//! Both have the same three parts. Requests of NDIS and of the client are asked for at any time: they are admitted or refused at once,
//! and an admitted one waits. `due` names the next event of what waits and of what has happened. `step` takes an event and
//! says what to do. The worker of the VC carries the actions out, in their order and without a lock; what comes of an action that can
//! fail is the next event. So no event comes while an action is under way, and each state says what it waits for.

pub mod actions;
pub mod call;
pub mod change;
pub mod leg;
pub mod step;
