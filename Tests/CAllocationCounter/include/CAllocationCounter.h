#pragma once
#include <stdint.h>

/// Whether the calling thread's heap allocations are counted from here on; at first no thread's are.
void allocation_watch(int watched);

/// The number of heap allocations that watched threads have made so far.
uint64_t allocation_count(void);
