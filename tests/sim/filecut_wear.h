/* SPDX-License-Identifier: Apache-2.0 */
/* What each command writes to the state partition, held to the table of docs/STATE.md. */
#pragma once

/* Runs each command once. What differs from the table is printed; how many rows did not. */
void filecut_wear_run(unsigned *passed, unsigned *failed);
