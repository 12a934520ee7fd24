//! One-shot work at `PASSIVE_LEVEL`: how requests that have to wait for the device are carried out.

use super::{NdisHandle, NoMemory, Passive, Ref, SpinLock, WorkItem};

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
