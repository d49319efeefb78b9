/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `keelboot image …`: the host's tools for the initramfs, which are programs of their own; argv[0]
 * is "image". Returns the exit code; on success the tool has taken the place of this program. */
int image_main(int argc, char **argv);
