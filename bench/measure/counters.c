/* SPDX-License-Identifier: MIT
 *
 * counters.h for Linux.
 */
#include "counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Loads that miss the last level of the TLB of data. */
#define DTLB_MISSES (PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

static const struct {
    const char *name;
    uint32_t type;
    uint64_t config;
} kind[COUNTERS] = {
    [COUNTER_INSTRUCTIONS] = {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    [COUNTER_CYCLES] = {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    [COUNTER_CACHE_MISSES] = {"cache misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    [COUNTER_DTLB_MISSES] = {"dTLB misses", PERF_TYPE_HW_CACHE, DTLB_MISSES},
};

static int open_counter(enum counter counter) {
    struct perf_event_attr wanted = {
        .size = sizeof wanted,
        .type = kind[counter].type,
        .config = kind[counter].config,
        .disabled = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
    };
    return (int)syscall(SYS_perf_event_open, &wanted, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void counters_open(struct counters *counters) {
    for (int i = 0; i < COUNTERS; i++)
        counters->file[i] = open_counter((enum counter)i);
}

static void tell_all(const struct counters *counters, unsigned long what) {
    for (int i = 0; i < COUNTERS; i++)
        if (counters->file[i] >= 0)
            ioctl(counters->file[i], what, 0);
}

void counters_start(const struct counters *counters) {
    tell_all(counters, PERF_EVENT_IOC_ENABLE);
}

void counters_stop(const struct counters *counters) {
    tell_all(counters, PERF_EVENT_IOC_DISABLE);
}

/* NaN: it had no turn. */
static double read_counter(int file) {
    uint64_t told[3]; /* value, time enabled, time counted */
    if (file < 0 || read(file, told, sizeof told) != sizeof told || told[2] == 0)
        return NAN;
    return (double)told[0] * ((double)told[1] / (double)told[2]);
}

void counters_close(struct counters *counters, double value[COUNTERS]) {
    for (int i = 0; i < COUNTERS; i++) {
        value[i] = read_counter(counters->file[i]);
        if (counters->file[i] >= 0)
            close(counters->file[i]);
        counters->file[i] = -1;
    }
}

bool counters_lack(char *why, size_t size) {
    size_t used = 0;
    int reason = 0;
    *why = '\0';
    for (int i = 0; i < COUNTERS; i++) {
        const int file = open_counter((enum counter)i);
        if (file >= 0) {
            close(file);
            continue;
        }
        reason = errno;
        used += (size_t)snprintf(why + used, used < size ? size - used : 0, "%s%s", used == 0 ? "" : ", ", kind[i].name);
    }
    if (used != 0 && used < size)
        snprintf(why + used, size - used, ": %s",
                 reason == ENOENT || reason == EOPNOTSUPP || reason == ENODEV ? "the processor, or the virtual machine, has no such counter"
                                                                              : strerror(reason));
    return used != 0;
}
