#pragma once
// Instructions and system calls that Swift has no spelling for.
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#include <immintrin.h>
static inline void processor_pause(void) { _mm_pause(); }
static inline uint32_t processor_get_float_mode(void) { return _mm_getcsr(); }
static inline void processor_set_float_mode(uint32_t mode) { _mm_setcsr(mode); }
// Flush-to-zero (bit 15) and denormals-are-zero (bit 6) of MXCSR.
static inline uint32_t processor_flush_to_zero_bits(void) { return 0x8040; }
static inline int processor_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static inline int processor_has_avx512(void) { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"); }
#else
static inline void processor_pause(void) { __asm__ volatile("yield"); }
static inline uint32_t processor_get_float_mode(void) { uint64_t v; __asm__ volatile("mrs %0, fpcr" : "=r"(v)); return (uint32_t)v; }
static inline void processor_set_float_mode(uint32_t mode) { uint64_t v = mode; __asm__ volatile("msr fpcr, %0" : : "r"(v)); }
static inline uint32_t processor_flush_to_zero_bits(void) { return 1u << 24; }
static inline int processor_has_avx2(void) { return 0; }
static inline int processor_has_avx512(void) { return 0; }
#endif

// Ask for a cache line that is soon to be read, or written; any address will do. Into the second-level cache,
// `near` into the first.
static inline void processor_prefetch(const void *address) { __builtin_prefetch(address, 0, 2); }
static inline void processor_prefetch_near(const void *address) { __builtin_prefetch(address, 0, 3); }
static inline void processor_prefetch_for_writing(const void *address) { __builtin_prefetch(address, 1, 2); }

// Writes 64 aligned bytes past the caches: the line is not read first, as an ordinary store would have it.
typedef float processor_lanes __attribute__((ext_vector_type(16)));
static inline void processor_stream(float *address, processor_lanes lanes) {
  __builtin_nontemporal_store(lanes, (processor_lanes *)address);
}

// Sixteen floats held between two bounds, and those of `values` whose `argument` lies within them, 0 for others. A NaN
// stays, as argument too. One instruction or two; Swift's masks of lanes become calls where a kernel is large.
__attribute__((always_inline)) static inline processor_lanes processor_clamp(
  processor_lanes x, processor_lanes low, processor_lanes high) {
  processor_lanes raised = x < low ? low : x;
  return raised > high ? high : raised;
}
__attribute__((always_inline)) static inline processor_lanes processor_within(
  processor_lanes values, processor_lanes argument, processor_lanes low, processor_lanes high) {
  processor_lanes above = argument <= low ? (processor_lanes)0 : values;
  return argument >= high ? (processor_lanes)0 : above;
}

// What this translation unit was compiled for.
#if defined(__AVX512F__)
enum { processor_built_level = 4 };
#elif defined(__AVX2__)
enum { processor_built_level = 3 };
#else
enum { processor_built_level = 2 };
#endif

/// The number of processors in this thread's affinity mask.
static inline int processor_affinity_count(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

/// The number of processors that an affinity mask has room for.
enum { processor_limit = CPU_SETSIZE };

/// Sets `allowed[cpu]` to 1 for every processor that the calling thread may run on; 0 when done.
static inline int processor_get_affinity(unsigned char *allowed) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) allowed[cpu] = CPU_ISSET(cpu, &set) ? 1 : 0;
  return 0;
}

/// Confines the calling thread to the processors with `allowed[cpu]` set; 0 when done.
static inline int processor_set_affinity(const unsigned char *allowed) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (allowed[cpu]) CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set);
}

/// An affinity mask as the system writes it, to be put back.
typedef struct { cpu_set_t set; int is_known; } processor_mask;

/// Moves the calling thread to one processor; returns the mask that it had.
static inline processor_mask processor_enter(int cpu) {
  processor_mask before;
  before.is_known = sched_getaffinity(0, sizeof before.set, &before.set) == 0;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (before.is_known) sched_setaffinity(0, sizeof one, &one);
  return before;
}

/// Gives the calling thread back the mask that it had.
static inline void processor_leave(processor_mask before) {
  if (before.is_known) sched_setaffinity(0, sizeof before.set, &before.set);
}
