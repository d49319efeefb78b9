/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `keelboot key …`; argv[0] is "key". Returns the exit code. */
int key_main(int argc, char **argv);
