/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions that are missing: how large, and is there room behind the others? */
#include "cli/adopt/adopt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATE_MIB   16
#define DATA_ROOM   64 /* MiB, beside image and bundle */
#define OVERLAY_MIB 512
#define GPT_ROOM    2 /* MiB: the copy of the table, and alignment */

struct wanted {
	const char *name, *what;
	uint64_t mib;
	bool missing;
};

static uint64_t free_mib(const struct adopt *ad)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < ad->disk.n; i++)
		if (ad->disk.part[i].start + ad->disk.part[i].size > end)
			end = ad->disk.part[i].start + ad->disk.part[i].size;
	end += GPT_ROOM * ADOPT_MIB;
	return ad->disk.size > end ? (ad->disk.size - end) / ADOPT_MIB : 0;
}

static void append(char *out, size_t size, const char *text)
{
	size_t len = strlen(out);

	snprintf(out + len, size - len, "%s", text);
}

/* An overlay is asked for only together with others: without one, memory does. */
static void write_command(const struct adopt *ad, const struct wanted *w, unsigned n,
			  char fix[ADOPT_FIX_LEN])
{
	char line[192];

	snprintf(fix, ADOPT_FIX_LEN, "printf '%%s\\n'");
	for (unsigned i = 0; i < n; i++) {
		if (!w[i].missing)
			continue;
		if (i == n - 1)
			snprintf(line, sizeof(line), " 'name=\"%s\"'", w[i].name);
		else
			snprintf(line, sizeof(line), " 'size=%" PRIu64 "M, name=\"%s\"'", w[i].mib,
				 w[i].name);
		append(fix, ADOPT_FIX_LEN, line);
	}
	snprintf(line, sizeof(line), " | sfdisk -q --append --no-reread --force %s; partx -u %s",
		 ad->disk_path, ad->disk_path);
	append(fix, ADOPT_FIX_LEN, line);
}

void adopt_check_partitions(struct adopt *ad)
{
	uint64_t root = ad->role[ADOPT_ROOT]->size / ADOPT_MIB, room = free_mib(ad), sum = 0;
	/* data comes last: it takes what is left */
	struct wanted w[] = {
		{ "keelboot-state", "the state", STATE_MIB, ad->role[ADOPT_STATE] == NULL },
		{ "root-b", "slot b", root, ad->role[ADOPT_SLOT_B] == NULL },
		{ "keelboot-overlay", "the overlay", OVERLAY_MIB, false },
		{ "data", "data", 2 * ad->used / ADOPT_MIB + DATA_ROOM,
		  ad->role[ADOPT_DATA] == NULL },
	};
	char fix[ADOPT_FIX_LEN], names[96] = "";

	for (unsigned i = 0; i < 4; i++) {
		if (!w[i].missing)
			continue;
		sum += w[i].mib;
		append(names, sizeof(names), names[0] != '\0' ? ", " : "");
		append(names, sizeof(names), w[i].what);
	}
	if (sum == 0)
		return;
	w[2].missing = ad->role[ADOPT_OVERLAY] == NULL && room >= sum + OVERLAY_MIB;
	write_command(ad, w, 4, fix);
	if (room >= sum) {
		adopt_problem(ad, fix, "no partition for %s", names);
		return;
	}
	adopt_problem(
		ad,
		"enlarge the disk, or shrink a partition from another system (a stick with GParted); or name partitions that are free: --state, --slot b:root=, --data",
		"no partition for %s, and only %" PRIu64 " MiB behind the last one: %" PRIu64
		" MiB are needed",
		names, room, sum);
}
