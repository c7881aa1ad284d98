/* SPDX-License-Identifier: MIT
 *
 * What the kernel tells of this process and its threads. Read with bare system calls into buffers on the
 * stack: measuring must not call an allocator.
 */
#ifndef BENCH_MEASURE_PROCESS_H
#define BENCH_MEASURE_PROCESS_H

#include <stdint.h>

/* Bytes resident now; and at most since the last call of process_reset_peak (where the kernel refuses the
 * reset, since the process began). 0 where /proc does not tell. The kernel keeps these per CPU and adds them
 * up now and then: true to some 64 pages a CPU. */
uint64_t process_resident(void);
uint64_t process_peak_resident(void);
void process_reset_peak(void);

/* Bytes of address space that are private and writable (VmData: what RLIMIT_DATA limits, and what the kernel
 * charges where it promises no more than it has, vm.overcommit_memory = 2), stacks that grow left out. Whether
 * touched or not, and with MAP_NORESERVE too; PROT_NONE does not count. Exact. 0 where /proc does not tell. */
uint64_t process_committed(void);

/* Both of one moment. */
void process_memory(uint64_t *resident, uint64_t *committed);

/* Minor and major faults of all threads so far. */
uint64_t process_page_faults(void);

/* CPU time of all threads so far, those that have ended with all of their end. */
uint64_t process_cpu_ns(void);

/* Nanoseconds in which the machine's CPUs were ready to run us but the hypervisor ran others (ticks of 10
 * ms). */
uint64_t process_steal_ns(void);

/* CPUs that this process may use. */
unsigned process_cores(void);

/* The calling thread's life so far. */
struct thread_times {
    uint64_t wall_ns; /* CLOCK_MONOTONIC */
    uint64_t cpu_ns;
    uint64_t delay_ns;    /* ready to run, but not running; 0 where the kernel does not tell */
    uint64_t user_ns, system_ns;        /* cpu_ns, shared out by what ticks of the clock found the thread at: rough within some 10 ms */
    uint64_t voluntary, involuntary; /* context switches */
};
void thread_times_read(struct thread_times *times);

#endif
