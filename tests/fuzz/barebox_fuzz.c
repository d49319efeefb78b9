/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of barebox's state, and the list that says where its variables are: read, changed to a
 * choice, read again. The input is the choice; whether checksums and lengths are made right; the
 * list, up to its end; the copy.
 */
#include "lib/bytes.h"
#include "selector/loader/loader_bbcopy.h"
#include "selector/loader/loader_bbvars.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define STRIDE 512u
#define MAGIC  0x27031977u

static struct loader l = { .kind = CONF_LOADER_BAREBOX, .root = "" };
static struct loader_bbvars vars;

static void check_why(void)
{
	FUZZ_CHECK(fuzz_printable(l.why, sizeof(l.why)) && l.why[0] != '\0');
}

/* What was set is read; nothing but the variables of targets has changed. */
static void check_set(uint8_t *data, size_t len, const struct loader_choice *want)
{
	static uint8_t before[STRIDE];
	struct loader_choice is;

	memcpy(before, data, len);
	if (loader_bbvars_set(&l, &vars, data, len, want) != KB_OK) {
		FUZZ_CHECK(memcmp(before, data, len) == 0);
		check_why();
		return;
	}
	FUZZ_CHECK(loader_bbvars_read(&l, &vars, data, len, &is) == KB_OK);
	FUZZ_CHECK(is.preset == want->preset);
	FUZZ_CHECK(is.once == (want->once == want->preset ? STATE_NONE : want->once));
	FUZZ_CHECK(is.starts == want->starts);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (vars.of[i].name[0] != '\0') {
			memcpy(before + vars.of[i].attempts, data + vars.of[i].attempts, 4);
			memcpy(before + vars.of[i].priority, data + vars.of[i].priority, 4);
		}
	FUZZ_CHECK(memcmp(before, data, len) == 0);
}

static void check_starts(const uint8_t *data, const struct loader_choice *is)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		const char *name = vars.of[i].name;
		enum loader_start start;

		if (name[0] == '\0')
			continue;
		start = loader_bbvars_start(&vars, data, is, i);
		FUZZ_CHECK(start != LOADER_START_INSTEAD || i != is->preset);
		FUZZ_CHECK(start != LOADER_START_COUNTED || i == is->preset);
		FUZZ_CHECK(loader_bbvars_slot(&vars, name, strlen(name)) == i);
	}
	FUZZ_CHECK(loader_bbvars_slot(&vars, "", 0) == STATE_NONE);
}

static void check_copy(uint8_t *data, const struct loader_choice *want)
{
	struct loader_choice is = { STATE_NONE, STATE_NONE, 0 };
	size_t len, again;

	FUZZ_CHECK(loader_bbcopy_look(data, LOADER_BBCOPY_HEAD - 1, MAGIC, &len) ==
		   LOADER_BBCOPY_DAMAGED);
	if (loader_bbcopy_look(data, STRIDE, MAGIC, &len) != LOADER_BBCOPY_SOUND)
		return;
	FUZZ_CHECK(len <= STRIDE - LOADER_BBCOPY_HEAD);
	if (loader_bbvars_read(&l, &vars, data + LOADER_BBCOPY_HEAD, len, &is) == KB_OK)
		check_starts(data + LOADER_BBCOPY_HEAD, &is);
	else
		check_why();
	FUZZ_CHECK(is.starts <= LOADER_BBVARS_ATTEMPTS);
	check_set(data + LOADER_BBCOPY_HEAD, len, want);
	loader_bbcopy_seal(data, len);
	FUZZ_CHECK(loader_bbcopy_look(data, STRIDE, MAGIC, &again) == LOADER_BBCOPY_SOUND);
	FUZZ_CHECK(again == len);
}

static void make_right(uint8_t *data)
{
	uint16_t len;

	memcpy(&len, data + 14, sizeof(len));
	len = len % (STRIDE - LOADER_BBCOPY_HEAD);
	memcpy(data + 14, &len, sizeof(len));
	loader_bbcopy_put(data, 0x2354fdf3);
	loader_bbcopy_put(data + 4, 16u + len);
	loader_bbcopy_put(data + 8, MAGIC);
	loader_bbcopy_seal(data, len);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	static uint8_t data[STRIDE];
	static char list[256];
	struct fuzz_in in = { bytes, size };
	uint8_t choice = fuzz_u8(&in), how = fuzz_u8(&in);
	struct loader_choice want = { (int8_t)(choice % 3 - 1), (int8_t)(choice / 3 % 3 - 1),
				      (uint8_t)(choice / 9 % (LOADER_BBVARS_ATTEMPTS + 1)) };
	size_t n = 0;

	while (n < sizeof(list) - 1 && in.left > 0 && (list[n] = (char)fuzz_u8(&in)) != '\0')
		n++;
	list[n] = '\0';
	l.where = list;
	if (loader_bbvars_take(&l, &vars) != KB_OK) {
		check_why();
		return;
	}
	memset(data, 0, sizeof(data));
	(void)fuzz_copy(data, sizeof(data), in.p, in.left);
	if (how & 1)
		make_right(data);
	check_copy(data, &want);
}
