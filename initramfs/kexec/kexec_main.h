/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-kexec: loads a slot's kernel, for process 1, which waits for it with a bound, and starts
 * it. It has mounts of its own. */
#pragma once

enum kexec_end {
	KEXEC_LOADED = 0,
	KEXEC_OF_SLOT = 1, /* what is in the slot cannot be started: its fault */
	KEXEC_OF_BASE = 2, /* this kernel starts no other */
	KEXEC_USAGE = 3,
};

/*
 * keelboot-kexec ROOT DEVICE SLOT KERNEL INITRAMFS WORDS: ROOT is where the slot's root is mounted;
 * with a DEVICE, that partition is mounted there, read-only. SLOT is a letter; the others are paths
 * below ROOT, or "" for the usual ones. A line on standard error says why it
 * failed.
 */
int kexec_main(int argc, char **argv);
