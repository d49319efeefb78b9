/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keelboot-fleet keeps in small files, and what `keelboot` prints for it. The first byte
 * chooses: "w" when a timer asks next, "c" how contacts went, "s" what an action staged, "r" that
 * contacts are refused, which the process without rights writes, and root prints. "f": the status
 * of the device, "y": why a release failed here. The others are the file, or what was printed.
 */
#include "channel/staged_note.h"
#include "fleet/facts.h"
#include "fleet/last_contact.h"
#include "fleet/monitor_link.h"
#include "fleet/refusal.h"
#include "fleet/wait_note.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_dir.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RELEASE "abababababababababababababababababababababababababababababababab"
#define MOST	UINT64_C(999999999999) /* failures that are read: twelve digits */
#define OTHER	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

/* the file in the folder, or what a program printed */
static char text[1 << 14];
static size_t text_len;

/* ---------------------------------------------------------------- below it */

enum kb_err files_read(const struct files *f, const char *name, void *buf, size_t size, size_t *len)
{
	(void)f;
	(void)name;
	*len = fuzz_copy(buf, size, (const uint8_t *)text, text_len);
	return KB_OK;
}

enum kb_err files_write(const struct files *f, const char *name, const void *buf, size_t len)
{
	(void)f;
	(void)name;
	text_len = fuzz_copy(text, sizeof(text), buf, len);
	return KB_OK;
}

void contact_print(const char *fmt, ...)
{
	char line[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	FUZZ_CHECK(fuzz_printable(line, sizeof(line)));
}

void monitor_do(struct monitor *m, const struct monitor_order *order, struct monitor_result *r,
		json_object **document, int *fd)
{
	const char *why;

	(void)m;
	(void)fd;
	(void)order;
	*r = (struct monitor_result){ .code = text_len % 3 == 0 ? FACTS_FAILURE : FACTS_OK };
	snprintf(r->why, sizeof(r->why), "%.255s", text);
	*document = strict_parse(text, text_len, &why);
}

/* ---------------------------------------------------------------- in /run */

/* A folder whose name leaves no room for that of a file. */
static const char *no_room(void)
{
	static char path[400];

	memset(path, '/', sizeof(path) - 1);
	return path;
}

static void try_wait(const uint8_t *data, size_t size)
{
	struct wait_note n, again;

	fuzz_dir_put("fleet-due", data, size);
	n = wait_note_read(fuzz_dir());
	FUZZ_CHECK(wait_note_write(fuzz_dir(), &n) == KB_OK);
	FUZZ_CHECK(wait_note_write(no_room(), &n) == KB_EINVAL);
	again = wait_note_read(fuzz_dir());
	FUZZ_CHECK(again.due == n.due && again.failures == n.failures);
}

static void try_contact(const uint8_t *data, size_t size)
{
	struct last_contact l, again;

	fuzz_dir_put("fleet-contact", data, size);
	l = last_contact_read(fuzz_dir());
	FUZZ_CHECK(fuzz_ended(l.why, sizeof(l.why)));
	FUZZ_CHECK(last_contact_add(fuzz_dir(), 0, "no server\n\033[2J") == KB_OK);
	FUZZ_CHECK(last_contact_add(no_room(), 0, "") == KB_EINVAL);
	again = last_contact_read(fuzz_dir());
	FUZZ_CHECK(fuzz_printable(again.why, sizeof(again.why)));
	/* More digits than are read make it none. */
	FUZZ_CHECK(again.failures == (l.failures == MOST ? 0 : l.failures + 1));
	FUZZ_CHECK(last_contact_add(fuzz_dir(), 1, "") == KB_OK);
	again = last_contact_read(fuzz_dir());
	FUZZ_CHECK(again.failures == 0 && again.reached <= 1 && again.why[0] == '\0');
}

/* ---------------------------------------------------------------- on the data partition */

static void try_staged(const uint8_t *data, size_t size)
{
	static bool made;
	bool had;

	if (!made)
		fuzz_dir_make(STAGED_NOTE_FOLDER);
	made = true;
	fuzz_dir_put(STAGED_NOTE_FOLDER "/" STAGED_NOTE_FILE, data, size);
	FUZZ_CHECK(!staged_note_has(fuzz_dir(), "") && !staged_note_has(fuzz_dir(), "ab"));
	had = staged_note_has(fuzz_dir(), OTHER);
	FUZZ_CHECK(staged_note_add(fuzz_dir(), RELEASE, OTHER) == KB_OK);
	FUZZ_CHECK(staged_note_has(fuzz_dir(), RELEASE));
	FUZZ_CHECK(staged_note_has(fuzz_dir(), OTHER) == had);
	FUZZ_CHECK(staged_note_add(fuzz_dir(), "?", "") == KB_EINVAL);
	FUZZ_CHECK(staged_note_drop(fuzz_dir()) == KB_OK);
	FUZZ_CHECK(!staged_note_has(fuzz_dir(), RELEASE) && staged_note_drop(fuzz_dir()) == KB_OK);
}

static void try_refusal(unsigned status)
{
	static struct contact c;
	json_object *o;

	c = (struct contact){ .answered = true, .refused = (int)status };
	snprintf(c.client.trouble, sizeof(c.client.trouble), "it does not know this");
	for (unsigned i = 0; i < 2; i++) {
		o = refusal_load(&c);
		if (o != NULL)
			refusal_print(o);
		json_object_put(o);
		refusal_note(&c);
	}
	o = refusal_load(&c);
	FUZZ_CHECK((o != NULL) == (status > 0));
	json_object_put(o);
}

/* ---------------------------------------------------------------- what the command prints */

#define CHECK_TEXT(array) FUZZ_CHECK(fuzz_printable(array, sizeof(array)))

static void check_facts(const struct facts *f)
{
	FUZZ_CHECK(f->nslots > 0 && f->nslots <= FACTS_SLOTS_MAX);
	for (unsigned i = 0; i < f->nslots; i++) {
		CHECK_TEXT(f->slot[i].name);
		CHECK_TEXT(f->slot[i].state);
		CHECK_TEXT(f->slot[i].release);
		CHECK_TEXT(f->slot[i].version);
		CHECK_TEXT(f->slot[i].reason);
		(void)facts_is_half_written(&f->slot[i]);
		(void)facts_slot_of(f, f->slot[i].release);
		(void)facts_is_rejected(f, f->slot[i].release);
	}
	for (unsigned i = 0; i < FACTS_REJECTED_MAX; i++)
		CHECK_TEXT(f->rejected[i]);
	CHECK_TEXT(f->booted);
	CHECK_TEXT(f->reset);
	CHECK_TEXT(f->tier);
	CHECK_TEXT(f->compatible);
	CHECK_TEXT(f->staged);
	CHECK_TEXT(f->staged_next);
	CHECK_TEXT(f->staged_why);
	CHECK_TEXT(f->boot_reason);
	CHECK_TEXT(f->warning);
	(void)facts_booted(f);
}

static void try_facts(void)
{
	static struct facts f;
	struct monitor m = { .link = -1 };
	struct facts_bundle b;
	char why[FACTS_TEXT_MAX + 1] = "";
	json_object *o = NULL;
	bool again;

	if (facts_read(&f, &m, why))
		check_facts(&f);
	else
		FUZZ_CHECK(why[0] != '\0' || text_len % 3 == 0);
	(void)facts_inspect(&b, &m, why);
	(void)facts_index(&b, &m, why);
	CHECK_TEXT(b.release);
	CHECK_TEXT(b.version);
	(void)facts_stage(&m, why, &again);
	CHECK_TEXT(why);
	(void)facts_unstage(&m, why);
	(void)facts_ranges(&m, &o, why);
	json_object_put(o);
	json_object_put(facts_channel(&m, text, text_len, why));
	CHECK_TEXT(why);
}

static void try_why(void)
{
	struct monitor m = { .link = -1 };
	struct ddi_feedback f = { .execution = "closed", .finished = "failure" };

	char why[FACTS_TEXT_MAX + 1];

	facts_say_why(&m, "2.0", 20, &f);
	for (unsigned any = 0; any <= 1; any++) {
		(void)facts_refusal(&m, "2.0", 20, any == 1, why);
		CHECK_TEXT(why);
	}
	FUZZ_CHECK(f.messages <= DDI_MESSAGES_MAX);
	for (unsigned i = 0; i < f.messages; i++)
		CHECK_TEXT(f.message[i]);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	if (size < 1)
		return;
	text_len = fuzz_copy(text, sizeof(text) - 1, data + 1, size - 1);
	text[text_len] = '\0';
	switch (data[0]) {
	case 'w':
		try_wait(data + 1, size - 1);
		break;
	case 'c':
		try_contact(data + 1, size - 1);
		break;
	case 's':
		try_staged(data + 1, size - 1);
		break;
	case 'R':
		try_refusal(404);
		break;
	case 'r':
		try_refusal(0);
		try_refusal(404);
		break;
	case 'f':
		try_facts();
		break;
	default:
		try_why();
		break;
	}
	fuzz_dir_clear();
}
