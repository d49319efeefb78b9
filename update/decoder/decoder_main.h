/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-decoder: the program. */
#pragma once

/* The child's main(): limits itself, then serves until its socket is closed. fd 3: socket, fd 4:
 * shared memory, fd 5: the seed, if there is one. */
int decoder_main(void);
