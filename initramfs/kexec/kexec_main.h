/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-kexec: loads a slot's kernel, for process 1, which waits for it with a bound, and starts
 * it. It has mounts of its own. */
#pragma once

/*
 * keelboot-kexec ROOT DEVICE SLOT KERNEL INITRAMFS WORDS KEYS: ROOT is where the slot's root is
 * mounted; with a DEVICE, that partition is mounted there, read-only. SLOT is a letter; the next
 * three are paths below ROOT, or "" for the usual ones. KEYS is what keelboot.base-keys= says, or
 * "". A line on standard error says why it failed; enum kexec_end is its exit code.
 */
int kexec_main(int argc, char **argv);
