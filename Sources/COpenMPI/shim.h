#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
// Open MPI's constants are macros that cast addresses, which Swift cannot import: each is spelled here as a function.
// Debian keeps the header under a folder per architecture, which the compiler searches by itself.
#if __has_include(<openmpi/mpi.h>)
#include <openmpi/mpi.h>
#elif __has_include(<mpi/mpi.h>)
#include <mpi/mpi.h>
#else
#include <mpi.h>
#endif
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline MPI_Comm openmpi_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Request openmpi_no_request(void) { return MPI_REQUEST_NULL; }

static inline int openmpi_return_errors(MPI_Comm comm) { return MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN); }

static inline int openmpi_send(const void *bytes, int count, int peer, int tag, MPI_Comm comm, MPI_Request *request) {
  return MPI_Isend(bytes, count, MPI_BYTE, peer, tag, comm, request);
}
static inline int openmpi_receive(void *bytes, int count, int peer, int tag, MPI_Comm comm, MPI_Request *request) {
  return MPI_Irecv(bytes, count, MPI_BYTE, peer, tag, comm, request);
}
static inline int openmpi_sum_floats(float *values, int count, MPI_Comm comm, MPI_Request *request) {
  return MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, comm, request);
}
static inline int openmpi_test(MPI_Request *request, int *done) { return MPI_Test(request, done, MPI_STATUS_IGNORE); }

/// Lets short sleeps of this thread end on time: the kernel's default slack of 50 microseconds doubles them.
static inline void openmpi_sleep_exactly(void) { prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); }
/// Asks for short turns on a processor, which come sooner: a thread that wakes up for a moment then interrupts one that
/// computes. From Linux 6.12 on; kernels before it ignore the wish. Its priority, and so its share, stay as they are.
static inline void openmpi_take_short_turns(void) {
  // The structure of sched_setattr(2): the kernel's header for it and the C library's exclude each other.
  struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t turn, deadline, period; }
      attributes = {0};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;
  attributes.turn = 100000;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}
/// Names the calling thread for debuggers and `top`; the first 15 bytes count.
static inline void openmpi_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL); }
static inline void openmpi_nap(long nanoseconds) {
  struct timespec pause = {0, nanoseconds};
  nanosleep(&pause, 0);
}
