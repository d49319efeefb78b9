/* SPDX-License-Identifier: Apache-2.0 */
/* One command after the other of a boot loader's script, taken out of its quotes. PURE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DOCTOR_ROOM_MAX (128u * 1024)

/* What commands are copied to. */
struct doctor_room {
	size_t used;
	/* characters that may still be read; 0: nothing more is read */
	size_t left;
	/* a quote did not end */
	bool torn;
	char text[DOCTOR_ROOM_MAX + 2];
};

struct doctor_reader {
	struct doctor_room *room;
	const char *at, *end;
	/* a brace opens a block: of GRUB */
	bool has_blocks;
};

enum doctor_ending {
	DOCTOR_ENDS,	   /* by a line, a ';', or the text */
	DOCTOR_ENDS_CHAIN, /* by && or || */
	DOCTOR_OPENS_BLOCK,
	DOCTOR_CLOSES_BLOCK,
};

/* The next command: its words without quotes, a blank between two; "${x}" is "$x". It stays in the
 * room until somebody sets used back. */
enum doctor_ending doctor_command_next(struct doctor_reader *r, const char **words);

/* The text of the block that was opened; behind it goes on who reads. */
void doctor_command_block(struct doctor_reader *r, const char **text, size_t *len);
