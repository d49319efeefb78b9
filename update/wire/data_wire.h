/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keelboot-data answers on descriptor 3: any number of bytes DATA_WIRE_ALIVE while it makes
 * progress, then one struct data_wire, then its end.
 */
#pragma once

#include "selector/state.h"

#include <stdint.h>

#define DATA_WIRE_MAGIC 0x3141544144424b01ULL /* its first byte is not DATA_WIRE_ALIVE */
#define DATA_WIRE_ALIVE '.'

enum data_wire_end {
	DATA_WIRE_DONE,
	DATA_WIRE_NONE,	     /* nothing is kept */
	DATA_WIRE_LEFT,	     /* done, but not all is deleted */
	DATA_WIRE_FULL,	     /* it does not fit, or is above the limit */
	DATA_WIRE_CANNOT,    /* not by this method, or not on this file system */
	DATA_WIRE_UNMOUNTED, /* the data partition cannot be mounted */
	DATA_WIRE_FAILED,
};

struct data_wire {
	uint64_t magic;
	uint32_t end;
	uint32_t ms;
	/* bytes that were copied */
	uint64_t copied;
	/* whose it is, for `look` */
	uint8_t release[STATE_LEDGER_ID_LEN];
	char slot;
	/* "btrfs", "reflink", "copy" */
	char how[15];
	/* what failed; printable after util_print_safe() */
	char why[160];
};
