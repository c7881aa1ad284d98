/* SPDX-License-Identifier: MIT
 *
 * The harness' own memory (workload.h): pages straight from the system, resident from the start, counted so
 * that they can be taken off what the process holds. And the peak of what is committed, for the kernel keeps none.
 */
#include "process.h"
#include "workload.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER; /* memory_read sees nothing half mapped */
static _Atomic size_t mapped;
static _Atomic uint64_t noted;

static size_t whole_pages(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

void *memory_map(size_t size) {
    size = whole_pages(size);
    pthread_mutex_lock(&changing);
    void *const memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory != MAP_FAILED)
        atomic_fetch_add(&mapped, size);
    pthread_mutex_unlock(&changing);
    return memory == MAP_FAILED ? NULL : memory;
}

void memory_unmap(void *memory, size_t size) {
    if (memory == NULL)
        return;
    size = whole_pages(size);
    pthread_mutex_lock(&changing);
    munmap(memory, size);
    atomic_fetch_sub(&mapped, size);
    pthread_mutex_unlock(&changing);
}

size_t memory_mapped(void) {
    return atomic_load(&mapped);
}

void memory_read(struct memory_reading *reading) {
    pthread_mutex_lock(&changing);
    process_memory(&reading->resident, &reading->committed);
    reading->own = memory_mapped();
    pthread_mutex_unlock(&changing);
}

void memory_note_committed(void) {
    const uint64_t committed = process_committed(), own = memory_mapped();
    const uint64_t now = committed > own ? committed - own : 0;
    uint64_t most = atomic_load(&noted);
    while (now > most && !atomic_compare_exchange_weak(&noted, &most, now))
        ;
}

uint64_t memory_noted(void) {
    return atomic_exchange(&noted, 0);
}
