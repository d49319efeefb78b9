/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of type 1 of the Boot Loader Specification, as systemd-boot reads it: a text that names
 * what is started, and what is loaded beside it. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define BLS_MAX 4096u /* bytes of a text; one of ours has fewer */

struct bls {
	/* what is started is this file; or another one, maybe besides */
	bool starts, starts_other;
	/* it is loaded beside what is started */
	bool loads;
};

/* What the text says of a file of its partition: "/keelboot-a/vmlinuz". FAT knows no capitals. */
struct bls bls_look(const char *text, size_t len, const char *path);
