/* SPDX-License-Identifier: Apache-2.0 */
/* A uevent of the block layer, as the kernel sends it. PURE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum probe_uevent_action { PROBE_UEVENT_ADD, PROBE_UEVENT_REMOVE, PROBE_UEVENT_CHANGE };

struct probe_uevent {
	enum probe_uevent_action action;
	bool partition;
	/* "sda", of the whole disk also when it is about a partition */
	char disk[64];
};

/* The value of key in len bytes of NUL-separated text that a NUL ends; NULL if it is missing. */
const char *probe_uevent_value(const char *buf, size_t len, const char *key);

/* True for a uevent of this action ("add"). */
bool probe_uevent_is(const char *buf, size_t len, const char *action);

/* Reads len bytes of NUL-separated text, ended by NUL. False: it is about something else, or
 * nonsense. */
bool probe_uevent_parse(struct probe_uevent *e, const char *buf, size_t len);
