/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_ask.h"

#include "initramfs/boot_data.h"
#include "initramfs/child_ask.h"
#include "initramfs/hardware.h"
#include "initramfs/pairs_await.h"
#include "lib/log.h"
#include "selector/loader_end.h"

#include <string.h>

#define ASK_LIMIT_MS 60000u /* a firmware writes its flash */

/* slot NULL: the verb takes none. KB_EPERM: it ended by itself, and says why that failed. */
static enum kb_err run_loader(struct boot *b, const char *verb, const char *slot,
			      struct child_said *said)
{
	const char *const argv[] = { "keelboot-loader",
				     conf_loader_word(b->conf.loader),
				     b->pairs.where,
				     verb,
				     slot,
				     NULL };
	int code = 0;
	enum kb_err err;

	/* its environments are files */
	if (b->conf.loader == CONF_LOADER_EFIBG && strcmp(verb, "booted") != 0)
		hardware_need_type(b, "vfat");
	err = pairs_await(b, argv, ASK_LIMIT_MS, said, &code);
	if (err == KB_OK && code != LOADER_DONE)
		err = code == LOADER_FAILED ? KB_EPERM : KB_ECHILD;
	if (err != KB_OK)
		log_err("boot loader: %s: %s", verb,
			said->text[0] != '\0' ? said->text : err_text(err));
	return err;
}

/* What can be written was read first. */
static enum kb_err note_write(struct boot *b, enum kb_err err)
{
	b->pairs.unwritten = err != KB_OK;
	if (err == KB_OK)
		b->pairs.unread = false;
	return err;
}

static enum kb_err run_with_slot(struct boot *b, const char *verb, int slot)
{
	const char letter[2] = { state_slot_letter(slot), '\0' };
	struct child_said said;

	return note_write(b, run_loader(b, verb, letter, &said));
}

/* What stands behind the word: "a", or "-" for none. NULL: another word. */
static const char *slot_behind(const char *text, const char *word, int8_t *slot)
{
	size_t len = strlen(word);
	char letter = strncmp(text, word, len) == 0 ? text[len] : '\0';

	*slot = letter >= 'a' && letter < 'a' + STATE_SLOTS_MAX ? (int8_t)(letter - 'a')
								: STATE_NONE;
	return letter == '\0' ? NULL : text + len + 1;
}

/* counted: what stands behind the answer does not deny it. */
static enum kb_err ask_store(struct boot *b, const char *verb, struct pairs_answer *is,
			     bool *counted)
{
	static const char uncounted[] = " uncounted";
	struct child_said said;
	const char *at;

	*is = (struct pairs_answer){ STATE_NONE, STATE_NONE };
	TRY(run_loader(b, verb, NULL, &said));
	at = slot_behind(said.text, "default=", &is->preset);
	at = at != NULL ? slot_behind(at, " once=", &is->once) : NULL;
	*counted = at == NULL || strncmp(at, uncounted, sizeof(uncounted) - 1) != 0;
	if (at != NULL)
		return KB_OK;
	log_err("boot loader: %s: not an answer: %s", verb, said.text);
	return KB_EFORMAT;
}

enum kb_err pairs_ask(struct boot *b, struct pairs_answer *is)
{
	bool counted;
	enum kb_err err = ask_store(b, "get", is, &counted);

	b->pairs.unread = err != KB_OK;
	return err;
}

/* It starts what it did before it was asked, which is not this slot's. */
static bool starts_as_before(struct boot *b, int slot)
{
	struct pairs_answer is;

	return pairs_ask(b, &is) == KB_OK && is.once == STATE_NONE && is.preset != slot &&
	       is.preset == b->pairs.preset;
}

enum kb_err pairs_ask_once(struct boot *b, int slot, struct child_said *said)
{
	const char letter[2] = { state_slot_letter(slot), '\0' };
	enum kb_err err = note_write(b, run_loader(b, "once", letter, said));

	return err == KB_EPERM && !starts_as_before(b, slot) ? KB_EIO : err;
}

enum kb_err pairs_ask_preset(struct boot *b, int slot)
{
	enum kb_err err = run_with_slot(b, "default", slot);

	b->pairs.answered = b->pairs.answered || err == KB_OK;
	return err;
}

enum kb_err pairs_ask_came_up(struct boot *b, struct pairs_answer *is, bool *counted)
{
	return note_write(b, ask_store(b, "came-up", is, counted));
}

int pairs_ask_booted(struct boot *b, enum cmdline_start *start)
{
	static const char word[] = "booted=";
	struct child_said said;
	int slot = STATE_NONE;
	char *rest;

	*start = CMDLINE_START_PLAIN;
	if (run_loader(b, "booted", NULL, &said) != KB_OK ||
	    strncmp(said.text, word, sizeof(word) - 1) != 0)
		return STATE_NONE;
	rest = said.text + strcspn(said.text, " \n");
	if (rest[0] == ' ')
		log_warn("boot loader: booted: %s", rest + 1);
	rest[0] = '\0';
	(void)!cmdline_read_pair(said.text + sizeof(word) - 1, &slot, start);
	return slot;
}
