// Stands in front of the C library's allocator in the test program and counts what passes, so that a test can assert that
// a replayed step allocates nothing. Swift's own objects come through here too. Only threads that ask for it are counted:
// other suites run beside the one that asserts. OpenBLAS is let pass: its AVX-512 kernels for small products take a buffer
// from the heap at each call, and give it back.
#define _GNU_SOURCE
#include "CAllocationCounter.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t allocations;
static _Thread_local int is_watched;

void allocation_watch(int watched) { is_watched = watched; }

uint64_t allocation_count(void) { return atomic_load(&allocations); }

static void counted(void *caller) {
  Dl_info library;
  if (!is_watched) return;
  if (dladdr(caller, &library) && library.dli_fname && strstr(library.dli_fname, "openblas")) return;
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *malloc(size_t size) { counted(__builtin_return_address(0)); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { counted(__builtin_return_address(0)); return __libc_calloc(count, size); }
void *realloc(void *pointer, size_t size) { counted(__builtin_return_address(0)); return __libc_realloc(pointer, size); }
void *aligned_alloc(size_t alignment, size_t size) { counted(__builtin_return_address(0)); return __libc_memalign(alignment, size); }

int posix_memalign(void **pointer, size_t alignment, size_t size) {
  counted(__builtin_return_address(0));
  *pointer = __libc_memalign(alignment, size);
  return *pointer ? 0 : ENOMEM;
}
