/* SPDX-License-Identifier: Apache-2.0 */
/* How much whole boots of a device write to the state partition, process 1 and keelboot-apply
 * together, held to the rows of docs/STATE.md that say "device". */
#pragma once

void ioerr_wear_run(unsigned *passed, unsigned *failed);
