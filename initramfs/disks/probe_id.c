/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_id.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

void probe_id_hardware(char out[STATE_STR_MAX + 1], const char *kind, const char *text)
{
	char plain[STATE_STR_MAX + 1];
	int n = snprintf(plain, sizeof(plain), "%s-%s", kind, text);

	if (n >= (int)sizeof(plain))
		snprintf(plain, sizeof(plain), "%.8s-#%016llx", kind,
			 (unsigned long long)bytes_hash(BYTES_HASH_START, text, strlen(text)));
	util_print_safe(out, STATE_STR_MAX + 1, plain);
	for (char *c = out; *c != '\0'; c++) {
		if (*c == ' ')
			*c = '_';
	}
}

/* Where the part of a component ends that is the same in every boot, and where its rest begins. */
static void split(const char *part, size_t len, size_t *head, size_t *rest)
{
	static const char *const counted[] = { "virtio", "host", "target", "nvme", "mmc" };

	*head = *rest = len;
	/* "0:0:1:0", a SCSI disk: its first number is that of the host. */
	if (len > 0 && strspn(part, "0123456789:") == len && memchr(part, ':', len) != NULL &&
	    strspn(part, "0123456789") < 4 && part[len - 1] != ':') {
		*head = 0;
		*rest = strspn(part, "0123456789");
		return;
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(counted); i++) {
		size_t n = strlen(counted[i]);

		if (len <= n || strncmp(part, counted[i], n) != 0 || part[n] < '0' || part[n] > '9')
			continue;
		*head = n;
		*rest = n + strspn(part + n, "0123456789");
		return;
	}
}

void probe_id_path(char out[STATE_STR_MAX + 1], const char *path)
{
	uint64_t h = BYTES_HASH_START;
	bool block = false;

	for (const char *at = path; *at != '\0';) {
		size_t len = strcspn(at, "/"), head, rest;

		/* "block/vda": the letter is an order of discovery, and nothing else. */
		if (len > 0 && !(block && at[len] == '\0')) {
			split(at, len, &head, &rest);
			h = bytes_hash(h, "/", 1);
			h = bytes_hash(h, at, head);
			h = bytes_hash(h, at + rest, len - rest);
		}
		block = len == 5 && strncmp(at, "block", 5) == 0;
		at += len + (at[len] == '/');
	}
	snprintf(out, STATE_STR_MAX + 1, "path-#%016llx", (unsigned long long)h);
}
