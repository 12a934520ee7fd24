//! Creation of objects at `PASSIVE_LEVEL`.

use super::{
    callback::CreateCompletion,
    object::{Kind, Object, complete_creation},
};
pub use crate::nt::task::spawn;
use crate::nt::{NdisHandle, Passive, Ref, Status};

/// Makes an object at `PASSIVE_LEVEL` and reports it through `completion`; what `holds` holds is let go after that has
/// returned (LIFE-35).
///
/// Returns PENDING, or an error after which there is no completion (CREATE-04).
pub fn create<K, H, F>(ndis: NdisHandle, holds: H, completion: CreateCompletion, build: F) -> Status
where
    K: Kind,
    H: Send + 'static,
    F: FnOnce(Passive<'_>) -> Result<Ref<Object<K>>, Status> + Send + 'static,
{
    let spawned = spawn(ndis, move |passive| {
        complete_creation(completion, build(passive));
        drop(holds);
    });
    spawned.map_or_else(Status::from, |()| Status::PENDING)
}
