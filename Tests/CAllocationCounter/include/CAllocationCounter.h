#pragma once
#include <stdint.h>

/// The number of heap allocations that this process has made so far, on all threads.
uint64_t allocation_count(void);
