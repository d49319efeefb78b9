/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-apply writes to process 1's pipe, in pieces of any size. */
#include "initramfs/progress.h"
#include "tests/fuzz/fuzz.h"
#include "update/apply/apply.h"

#include <stdio.h>
#include <string.h>

static void check_bounds(const struct progress *p)
{
	FUZZ_CHECK(p->candidate <= APPLY_CANDIDATES_MAX);
	FUZZ_CHECK(p->phase <= PROGRESS_READ_BACK && p->done <= p->total);
	FUZZ_CHECK(p->len < sizeof(p->line));
	FUZZ_CHECK(progress_percent(p) <= 100);
	FUZZ_CHECK(p->done < p->total || p->total == 0 || p->total >= UINT64_MAX / 100 ||
		   progress_percent(p) == 100);
	FUZZ_CHECK(progress_phase_name(p->phase)[0] != '\0');
}

/* Forward only: by bundle, by phase, then by bytes of an unchanged total. */
static bool is_forward(const struct progress *a, const struct progress *b)
{
	if (b->candidate != a->candidate)
		return b->candidate > a->candidate;
	return b->phase > a->phase ||
	       (b->phase == a->phase && b->done > a->done && b->total == a->total);
}

static bool take(struct progress *p, const void *buf, size_t len)
{
	struct progress before = *p;
	bool moved = progress_take(p, buf, len);

	check_bounds(p);
	FUZZ_CHECK(moved == is_forward(&before, p));
	FUZZ_CHECK(moved || (before.candidate == p->candidate && before.phase == p->phase &&
			     before.done == p->done));
	return moved;
}

/* A line as keelboot-apply writes it says what it says. */
static void check_round_trip(const struct progress *p)
{
	static const char *const words[] = { "", "look", "compare", "check", "write", "read-back" };
	struct progress again = { 0 };
	char line[PROGRESS_LINE_MAX];
	int n;

	if (p->phase == PROGRESS_NONE || p->done == 0)
		return;
	n = snprintf(line, sizeof(line), "P %u %s %llu %llu\n", p->candidate, words[p->phase],
		     (unsigned long long)p->done, (unsigned long long)p->total);
	FUZZ_CHECK(progress_take(&again, line, (size_t)n));
	FUZZ_CHECK(again.candidate == p->candidate && again.phase == p->phase &&
		   again.done == p->done && again.total == p->total);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct progress whole = { 0 }, pieces = { 0 }, bytes = { 0 };
	bool moved = false, moved_bytes = false, moved_whole;
	size_t step = size > 0 ? 1 + data[0] % 31u : 1;

	moved_whole = take(&whole, data, size);
	for (size_t at = 0; at < size; at += step)
		moved |= take(&pieces, data + at, size - at < step ? size - at : step);
	for (size_t at = 0; at < size; at++)
		moved_bytes |= take(&bytes, data + at, 1);
	FUZZ_CHECK(moved == moved_whole && moved_bytes == moved_whole);
	FUZZ_CHECK(whole.phase == pieces.phase && whole.done == pieces.done);
	FUZZ_CHECK(whole.total == pieces.total && whole.len == pieces.len);
	FUZZ_CHECK(whole.garbage == pieces.garbage && whole.phase == bytes.phase);
	FUZZ_CHECK(whole.done == bytes.done && whole.total == bytes.total);
	check_round_trip(&whole);
}
