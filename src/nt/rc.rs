//! [`Ref`]: a counted pointer into nonpaged pool whose making may fail and which may point to a trait object.

use core::{
    fmt,
    mem::{MaybeUninit, offset_of},
    ops::Deref,
    ptr::{NonNull, drop_in_place},
};

use allocator_api2::alloc::{Allocator, Layout};

use super::{
    NoMemory, NonPaged, pool,
    sync::{AtomicUsize, Ordering, fence},
};

/// What a [`Ref`] points to. Only `dyn_ref!` has business with it.
#[doc(hidden)]
#[repr(C)]
pub struct Counted<T: ?Sized> {
    count: AtomicUsize,
    value: T,
}

/// Shared ownership of a `T` in nonpaged pool; the last one to go drops it.
///
/// That may happen wherever a `Ref` is dropped, at up to `DISPATCH_LEVEL`: the destructor of `T` must not wait. What needs
/// `PASSIVE_LEVEL` to go away has an explicit method that takes a [`super::Passive`].
pub struct Ref<T: ?Sized> {
    counted: NonNull<Counted<T>>,
}

// SAFETY: as for `Arc`: a `Ref` gives `&T` on any processor and may drop `T` there.
unsafe impl<T: ?Sized + Send + Sync> Send for Ref<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Ref<T> {}

impl<T> Ref<T> {
    /// Moves `value` into the pool. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`]; `value` is dropped.
    pub fn try_new(value: T) -> Result<Self, NoMemory> {
        let counted = pool::try_box(Counted {
            count: AtomicUsize::new(1),
            value,
        })?;
        let (raw, _) = super::Box::into_raw_with_allocator(counted);
        NonNull::new(raw).map(|counted| Self { counted }).ok_or(NoMemory)
    }

    /// Moves `value` into the pool, or gives it back: for what must not be dropped silently. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// The value, when memory could not be had.
    pub fn try_new_or_back(value: T) -> Result<Self, T> {
        let Ok(place) = pool::try_box(MaybeUninit::<Counted<T>>::uninit()) else {
            return Err(value);
        };
        let (raw, _) = super::Box::into_raw_with_allocator(place);
        let Some(counted) = NonNull::new(raw.cast::<Counted<T>>()) else {
            return Err(value);
        };
        let count = AtomicUsize::new(1);
        // SAFETY: memory for a `Counted<T>` from the allocator that `drop` gives it back to, ours alone.
        unsafe { counted.write(Counted { count, value }) }
        Ok(Self { counted })
    }

    /// Gives the reference away as a pointer to the value, for the context argument of a callback.
    pub fn into_raw(this: Self) -> *const T {
        let value = Self::as_ptr(&this);
        core::mem::forget(this);
        value
    }

    /// The address of the value, which stays where it is.
    pub const fn as_ptr(this: &Self) -> *const T {
        // Derived from the whole allocation, so that `from_raw` may go back to the count.
        // SAFETY: a field of a live object.
        unsafe { &raw const (*this.counted.as_ptr()).value }
    }

    /// Takes back what [`Self::into_raw`] gave away.
    ///
    /// # Safety
    /// `value` came from `into_raw` of a `Ref<T>` and was not taken back since.
    pub unsafe fn from_raw(value: *const T) -> Self {
        // SAFETY: `value` lies inside a `Counted<T>` at that field's offset.
        let counted = unsafe { value.byte_sub(offset_of!(Counted<T>, value)) };
        // SAFETY: derived from a pointer to a live object, hence not null.
        let counted = unsafe { NonNull::new_unchecked(counted.cast_mut().cast()) };
        Self { counted }
    }

    /// Makes another reference from a pointer that [`Self::into_raw`] gave away and that is not taken back yet.
    ///
    /// # Safety
    /// `value` came from `into_raw` of a `Ref<T>`, and the reference that it stands for lives during this call.
    pub unsafe fn clone_raw(value: *const T) -> Self {
        // SAFETY: the caller's promise; `ManuallyDrop` leaves the original's count alone.
        let original = core::mem::ManuallyDrop::new(unsafe { Self::from_raw(value) });
        Self::clone(&original)
    }
}

impl<T: ?Sized> Ref<T> {
    /// Whether two references lead to one object.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        core::ptr::addr_eq(this.counted.as_ptr(), other.counted.as_ptr())
    }

    /// The pieces for `dyn_ref!`.
    #[doc(hidden)]
    pub fn into_counted(this: Self) -> *mut Counted<T> {
        let counted = this.counted.as_ptr();
        core::mem::forget(this);
        counted
    }

    /// The pieces for `dyn_ref!`.
    ///
    /// # Safety
    /// `counted` came from [`Self::into_counted`], at most unsized since, and nobody else takes it back.
    #[doc(hidden)]
    pub unsafe fn from_counted(counted: *mut Counted<T>) -> Self {
        // SAFETY: it was a `NonNull` before.
        let counted = unsafe { NonNull::new_unchecked(counted) };
        Self { counted }
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: alive as long as any `Ref` to it, and only ever shared.
        unsafe { self.counted.as_ref() }
    }
}

impl<T: ?Sized> Clone for Ref<T> {
    fn clone(&self) -> Self {
        // Relaxed: who makes a reference has one already. The count cannot overflow: each reference takes eight bytes.
        self.counted().count.fetch_add(1, Ordering::Relaxed);
        Self {
            counted: self.counted,
        }
    }
}

impl<T: ?Sized> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T: ?Sized> Drop for Ref<T> {
    fn drop(&mut self) {
        // Release: this holder's accesses to the value happen before its destruction ...
        if self.counted().count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // ... and Acquire: which the last holder sees here.
        fence(Ordering::Acquire);
        let layout = Layout::for_value(self.counted());
        // SAFETY: the count is 0, nobody else can reach the object any more.
        unsafe { drop_in_place(self.counted.as_ptr()) }
        // SAFETY: `try_new` allocated it there with this layout.
        unsafe { NonPaged.deallocate(self.counted.cast(), layout) }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Turns a `Ref<T>` into a `Ref<dyn Trait>`: `dyn_ref!(object => dyn Trait)`.
#[macro_export]
macro_rules! dyn_ref {
    ($object:expr => $target:ty) => {{
        // In two steps: the first has the object's own type, the second is the coercion.
        let counted = $crate::nt::rc::Ref::into_counted($object);
        let counted: *mut $crate::nt::rc::Counted<$target> = counted;
        // SAFETY: just taken out of a `Ref`, and unsized by the compiler's own coercion.
        unsafe { $crate::nt::rc::Ref::from_counted(counted) }
    }};
}
