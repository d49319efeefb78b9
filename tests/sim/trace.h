/* SPDX-License-Identifier: Apache-2.0 */
/* Golden traces: what os_sim saw, compared with tests/trace/golden/NAME.trace. */
#pragma once

/*
 * Fails the test, and prints the difference, unless the trace of os_sim so far is the golden one.
 * With UPDATE_GOLDEN=1 in the environment it writes the golden one instead: read the diff that git
 * shows before you commit it.
 *
 * Run from the top of the tree, as make does.
 */
void trace_expect(const char *name);
