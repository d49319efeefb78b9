/* SPDX-License-Identifier: Apache-2.0 */
/* How keelboot-kexec ends, for process 1, which asked it to load a slot's kernel. */
#pragma once

enum kexec_end {
	KEXEC_LOADED = 0,
	KEXEC_OF_SLOT = 1, /* what is in the slot cannot be started: its fault */
	KEXEC_OF_BASE = 2, /* this kernel starts no other */
	KEXEC_USAGE = 3,
};
