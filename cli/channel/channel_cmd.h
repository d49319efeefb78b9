/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `keelboot channel …`; argv[0] is "channel". Returns the exit code. */
int channel_cmd_main(int argc, char **argv);
