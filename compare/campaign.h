/* SPDX-License-Identifier: MIT
 *
 * A campaign: the cells of a plan, in rounds, into a store.
 */
#ifndef COMPARE_CAMPAIGN_H
#define COMPARE_CAMPAIGN_H

#include "catalogue.h"
#include "store.h"

struct campaign {
    const struct plan *plan;
    const struct catalogue *catalogue;
    const char *bench;
    struct store *store;
    unsigned long memory_limit_kib;
    double least_time_limit; /* seconds; 20, shorter in tests */
    bool terminal;           /* progress may be rewritten in place */
    /* Wide groups that had no further look, for it would have exceeded the plan's budget, and its seconds. */
    unsigned groups_left_out;
    double left_out_cost;
    unsigned failed; /* cells that failed though their traits do not foretell it */
};

/* Measures what STORE has not. False: it was interrupted. */
bool campaign_run(struct campaign *campaign);

/* The processes that nine rounds take, and an estimate of the seconds. */
void campaign_estimate(const struct campaign *campaign, size_t *processes, double *seconds);

/* Seconds that the pass takes which waits for memory to be given back; 0: the plan does not ask for it. */
double campaign_after_free_seconds(const struct campaign *campaign);

/* Do the allocator's traits say that it may end so? A fixed heap runs out of memory, and that is a result. */
bool campaign_foretold(const struct catalogue *catalogue, const char *allocator, const char *status);

/* Comma-separated names in the order of the plan, for tables. */
const char *campaign_order(const struct catalogue *catalogue);

#endif
