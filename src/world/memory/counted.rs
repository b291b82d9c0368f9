//! The program's allocator, which counts what each thread asks for: for the fuzz targets of `tests/fuzz`, in
//! builds with the feature `inside` only. What is allocated is how the work of a parser is measured without a
//! clock.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use tikv_jemallocator::Jemalloc;

thread_local! {
    static OCTETS: Cell<usize> = const { Cell::new(0) };
}

/// Octets that this thread ever asked for.
pub fn allocated() -> usize {
    OCTETS.with(Cell::get)
}

fn add(octets: usize) {
    // A thread that ends has nothing to count any more.
    let _ended = OCTETS.try_with(|sum| sum.set(sum.get().wrapping_add(octets)));
}

/// Counts, and asks the program's own.
pub(super) struct Counted;

#[allow(unsafe_code)]
// SAFETY: each call goes on as it came, to an allocator that keeps the trait's promises; counting allocates
// nothing.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { Jemalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { Jemalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { Jemalloc.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Grown in place or not, it is asked for.
        add(size.saturating_sub(layout.size()));
        unsafe { Jemalloc.realloc(pointer, layout, size) }
    }
}
