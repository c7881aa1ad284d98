/* SPDX-License-Identifier: MIT
 *
 * compare claims: what claims need besides a campaign's rounds, and what is said in the end.
 */
#ifndef COMPARE_CLAIMS_H
#define COMPARE_CLAIMS_H

#include "catalogue.h"
#include "claim.h"
#include "store.h"

/* The limits of blocks, into STORE, and the cells of the safety matrix, into its directory; what is there already is not
 * measured again. The exit status: 0, 2, or 128 and the signal that has come. Where PROBE is not there, that is said,
 * and there are no rows of safety. */
int claims_measure(const struct claims *claims, const struct catalogue *catalogue, const char *bench,
                   const char *probe, struct store *store, struct safety_rows *safety);

/* Judges by the rounds of STORE and by SAFETY: table, DIR/claims.tsv, DIR/claims.md. False: WHY. */
bool claims_conclude(const struct claims *claims, const struct store *store, const struct safety_rows *safety,
                     const char *dir, char *why, size_t why_size);

#endif
