/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `keelboot channel`; argv[0] is the verb. */
#pragma once

int channel_create_main(int argc, char **argv);
int channel_sign_main(int argc, char **argv);
int channel_inspect_main(int argc, char **argv);
