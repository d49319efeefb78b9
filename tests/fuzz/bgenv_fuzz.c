/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both environments of EFI Boot Guard: read, and changed to a choice. The input is, for each: a
 * byte that says whether its checksum is made right, and whose pair it is; what lies behind both
 * texts; then its first bytes, up to a byte of 0xff. A last byte is the choice.
 */
#include "lib/bytes.h"
#include "selector/loader/loader_bgplan.h"
#include "selector/state.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define AT_BUSY 1020u
#define AT_CRC	(LOADER_BGENV_SIZE - 4)

static uint8_t data[LOADER_BGENV_SIZE];

static void fill(struct fuzz_in *in, uint8_t how)
{
	memset(data, 0, sizeof(data));
	for (unsigned i = 0; i < 8; i++)
		data[AT_BUSY + i] = fuzz_u8(in);
	for (unsigned i = 0; i < AT_BUSY && in->left > 0; i++) {
		uint8_t byte = fuzz_u8(in);

		if (byte == 0xff)
			break;
		data[i] = byte;
	}
	if (how & 1)
		bytes_put32(data + AT_CRC, bytes_crc32(0, data, AT_CRC));
}

static void check_env(const struct loader_bgenv *e, bool summed)
{
	FUZZ_CHECK(!summed || e->sound);
	FUZZ_CHECK(strlen(e->file) < 255);
	FUZZ_CHECK(fuzz_printable(e->file, sizeof(e->file)));
	FUZZ_CHECK(e->sound || (e->file[0] == '\0' && e->revision == 0 && e->pair == '\0'));
}

static void check_rename(const struct loader_bgenv *e)
{
	char longest[LOADER_BGENV_TEXT + 1] = "";
	struct loader_bgenv is;

	if (!e->sound || e->file[0] == '\0')
		return;
	memset(longest, 'x', sizeof(longest) - 1);
	FUZZ_CHECK(loader_bgenv_rename(data, longest, 'c') == KB_ENOSPC);
	FUZZ_CHECK(loader_bgenv_rename(data, "C:X:\\x.efi", 'c') == KB_OK);
	loader_bgenv_seal(data, LOADER_BGENV_TESTING, e->revision);
	loader_bgenv_parse(&is, data, sizeof(data));
	FUZZ_CHECK(is.sound && !is.in_progress && is.ustate == LOADER_BGENV_TESTING);
	FUZZ_CHECK(strcmp(is.file, "C:X:\\x.efi") == 0 && is.revision == e->revision);
	FUZZ_CHECK(is.watchdog == e->watchdog && (is.pair != '\0') == (e->pair != '\0'));
}

static void become(struct loader_bgplan *p, const struct loader_bgplan_step *s)
{
	FUZZ_CHECK(s->copy < LOADER_BGPLAN_COPIES && s->slot >= STATE_NONE && s->slot < 2);
	p->slot[s->copy] = s->slot;
	p->env[s->copy] = (struct loader_bgenv){ .sound = true,
						 .ustate = s->ustate,
						 .revision = s->revision };
}

static void check_way(struct loader_bgplan *p, const struct loader_choice *want)
{
	struct loader_bgplan_step s = { -1, STATE_NONE, 0, 0 };
	int carrier, pending;

	for (unsigned i = 0; i <= LOADER_BGPLAN_STEPS; i++) {
		if (loader_bgplan_next(p, want, &s) != KB_OK)
			return;
		if (s.copy < 0)
			break;
		if (p->is_dead[s.copy])
			return; /* the write fails */
		become(p, &s);
	}
	FUZZ_CHECK(s.copy < 0);
	FUZZ_CHECK(loader_bgplan_look(p, &carrier, &pending) == LOADER_BGPLAN_KNOWN);
	FUZZ_CHECK(p->slot[carrier] == want->preset);
	FUZZ_CHECK(pending < 0 ? want->once == STATE_NONE : p->slot[pending] == want->once);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	struct fuzz_in in = { bytes, size };
	uint8_t choice = fuzz_u8(&in);
	struct loader_choice want = { (int8_t)(choice & 1), (int8_t)((choice >> 1) % 3 - 1), 0 };
	struct loader_bgplan plan;

	for (unsigned i = 0; i < LOADER_BGPLAN_COPIES; i++) {
		uint8_t how = fuzz_u8(&in);

		fill(&in, how);
		loader_bgenv_parse(&plan.env[i], data,
				   how & 2 ? LOADER_BGENV_SIZE - 1 : sizeof(data));
		if ((how & 2) == 0)
			check_env(&plan.env[i], how & 1);
		if (i == 0)
			check_rename(&plan.env[i]);
		plan.is_dead[i] = !plan.env[i].sound && (how & 2) != 0;
		plan.slot[i] = plan.env[i].sound ? (int8_t)((how >> 2) % 3 - 1) : STATE_NONE;
	}
	check_way(&plan, &want);
}
