/* SPDX-License-Identifier: Apache-2.0 */
#include "libkeelboot/keelboot_program.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define STATUS_TIMEOUT_S 30

static int take_status(void *data, json_object *document)
{
	json_object **status = data;

	if (document != NULL) {
		json_object_put(*status);
		*status = json_object_get(document);
	}
	return 0;
}

int keelboot_refresh(struct keelboot *kb)
{
	static const char *const words[] = { "status", "--json", NULL };
	json_object *status = NULL;
	const struct keelboot_program p = {
		.words = words, .take = take_status, .data = &status, .timeout_s = STATUS_TIMEOUT_S
	};
	int code, err = keelboot_program_run(kb, &p, &code);

	/* Without a state it fails, and prints what is known without. */
	if (err == -EIO && code == 1 && status != NULL)
		err = 0;
	if (err == 0 && status == NULL)
		err = keelboot_fail(kb, -EPROTO, "keelboot status printed no JSON");
	if (err < 0) {
		json_object_put(status);
		return err;
	}
	json_object_put(kb->status);
	kb->status = status;
	return 0;
}

static json_object *member(json_object *o, const char *key, enum json_type type)
{
	json_object *value;

	if (o == NULL || !json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

/* A slot's letter, or -ENODATA. */
static int letter_of(json_object *o, const char *key)
{
	const char *text = keelboot_text(o, key);

	return text[0] >= 'a' && text[0] <= 'z' && text[1] == '\0' ? text[0] : -ENODATA;
}

static json_object *booted(const struct keelboot *kb)
{
	return member(kb->status, "booted", json_type_object);
}

int keelboot_booted_slot(const struct keelboot *kb)
{
	return letter_of(booted(kb), "slot");
}

const char *keelboot_booted_tier(const struct keelboot *kb)
{
	return keelboot_text(booted(kb), "tier");
}

const char *keelboot_booted_reason(const struct keelboot *kb)
{
	return keelboot_text(booted(kb), "reason");
}

int keelboot_slot_count(const struct keelboot *kb)
{
	json_object *slots = member(kb->status, "slots", json_type_array);
	size_t n = slots != NULL ? json_object_array_length(slots) : 0;

	return n > 0 ? (int)n : -ENODATA;
}

static json_object *find_slot(const struct keelboot *kb, int slot)
{
	json_object *slots = member(kb->status, "slots", json_type_array);
	int letter = slot == KEELBOOT_BOOTED ? keelboot_booted_slot(kb) : slot;

	for (int i = 0; i < keelboot_slot_count(kb); i++) {
		json_object *one = json_object_array_get_idx(slots, (size_t)i);

		if (letter > 0 && letter_of(one, "slot") == letter)
			return one;
	}
	return NULL;
}

int keelboot_slot_state(const struct keelboot *kb, int slot)
{
	static const char *const names[] = {
		[KEELBOOT_SLOT_EMPTY] = "empty", [KEELBOOT_SLOT_WRITING] = "writing",
		[KEELBOOT_SLOT_TRIAL] = "trial", [KEELBOOT_SLOT_GOOD] = "good",
		[KEELBOOT_SLOT_BAD] = "bad",
	};
	json_object *o = find_slot(kb, slot);

	if (o == NULL)
		return -ENODATA;
	for (int i = KEELBOOT_SLOT_EMPTY; i <= KEELBOOT_SLOT_BAD; i++)
		if (strcmp(keelboot_text(o, "state"), names[i]) == 0)
			return i;
	return KEELBOOT_SLOT_UNKNOWN;
}

int keelboot_on_trial(const struct keelboot *kb)
{
	int state = keelboot_slot_state(kb, KEELBOOT_BOOTED);

	if (booted(kb) == NULL)
		return -ENODATA;
	if (state >= 0)
		return state == KEELBOOT_SLOT_TRIAL;
	/* As it was when it was booted: a verdict since then is in the state, which is not known.
	 */
	return strcmp(keelboot_text(booted(kb), "status"), "trial") == 0;
}

int keelboot_slot_tries(const struct keelboot *kb, int slot)
{
	json_object *tries = member(find_slot(kb, slot), "tries", json_type_int);

	return tries != NULL ? json_object_get_int(tries) : -ENODATA;
}

const char *keelboot_slot_version(const struct keelboot *kb, int slot)
{
	const char *version = keelboot_text(find_slot(kb, slot), "version");

	/* The boot knows that of the slot that it chose. */
	if (version[0] == '\0' && slot == KEELBOOT_BOOTED)
		return keelboot_text(booted(kb), "version");
	return version;
}

int keelboot_slot_sequence(const struct keelboot *kb, int slot, uint64_t *sequence)
{
	json_object *number = member(find_slot(kb, slot), "sequence", json_type_int);

	if (number == NULL)
		return -ENODATA;
	*sequence = json_object_get_uint64(number);
	return 0;
}

const char *keelboot_slot_reason(const struct keelboot *kb, int slot)
{
	return keelboot_text(find_slot(kb, slot), "reason");
}

int keelboot_next_slot(const struct keelboot *kb)
{
	return letter_of(kb->status, "next");
}

int keelboot_pending(const struct keelboot *kb)
{
	json_object *staged = member(kb->status, "staged", json_type_object);
	int next = keelboot_next_slot(kb), now = keelboot_booted_slot(kb);

	if (keelboot_slot_count(kb) < 0)
		return -ENODATA;
	if (strcmp(keelboot_text(staged, "next"), "install") == 0)
		return KEELBOOT_PENDING_INSTALL;
	return next > 0 && now > 0 && next != now ? KEELBOOT_PENDING_SLOT
						  : KEELBOOT_PENDING_NOTHING;
}

const char *keelboot_warning(const struct keelboot *kb, unsigned n)
{
	json_object *list = member(kb->status, "warnings", json_type_array);

	if (list == NULL || n >= json_object_array_length(list))
		return NULL;
	return json_object_get_string(json_object_array_get_idx(list, n));
}
