//! One-shot work at `PASSIVE_LEVEL`: how requests that have to wait for the device are carried out.

use super::{
    callback::CreateCompletion,
    object::{Kind, Object, complete_creation},
};
use crate::nt::{NdisHandle, NoMemory, Passive, Ref, SpinLock, Status, WorkItem};

/// A closure and the work item that will run it.
struct Task<F: Send + 'static> {
    item: WorkItem<Self>,
    body: SpinLock<Option<F>>,
}

/// Runs `body` at `PASSIVE_LEVEL`, later. `<= DISPATCH_LEVEL`.
///
/// # Errors
/// [`NoMemory`]; `body` is dropped.
pub fn spawn<F>(ndis: NdisHandle, body: F) -> Result<(), NoMemory>
where
    F: FnOnce(Passive<'_>) + Send + 'static,
{
    let item = WorkItem::try_new(ndis, |task: &Ref<Task<F>>, passive| {
        let body = task.body.lock().take();
        if let Some(body) = body {
            body(passive);
        }
    })?;
    let task = Ref::try_new(Task {
        item,
        body: SpinLock::new(Some(body)),
    })?;
    task.item.queue(task.clone());
    Ok(())
}

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
