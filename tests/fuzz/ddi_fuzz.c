/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a server to keelboot-fleet, and its record. The first byte chooses the reader; "a" has
 * the text read by all of them.
 */
#include "fleet/action.h"
#include "fleet/ddi.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static bool is_clean_id(const char *id)
{
	return id[0] == '\0' || (url_is_id(id) && strchr(id, '/') == NULL);
}

static void check_why(enum kb_err err, const char *why)
{
	FUZZ_CHECK(err == KB_OK || (err == KB_EFORMAT && why != NULL && why[0] != '\0'));
}

static void try_poll(const char *text, size_t len)
{
	static struct ddi_poll p, none;
	const char *why = NULL;
	enum kb_err err = ddi_read_poll(&p, text, len, &why);

	check_why(err, why);
	FUZZ_CHECK(p.sleep_s == 0 || (p.sleep_s >= DDI_SLEEP_MIN && p.sleep_s <= DDI_SLEEP_MAX));
	FUZZ_CHECK(is_clean_id(p.deployment) && is_clean_id(p.cancel) &&
		   is_clean_id(p.confirmation));
	FUZZ_CHECK(err == KB_OK || memcmp(&p, &none, sizeof(p)) == 0);
}

static void check_offer(const struct offer *d)
{
	FUZZ_CHECK(url_is_id(d->id) && d->download <= OFFER_FORCED && d->update <= OFFER_FORCED);
	FUZZ_CHECK(fuzz_printable(d->name, sizeof(d->name)) &&
		   fuzz_printable(d->digest, sizeof(d->digest)));
	FUZZ_CHECK(d->url[0] == '\0' || url_is_http(d->url));
	FUZZ_CHECK(d->plain_url[0] == '\0' || url_is_http(d->plain_url));
	FUZZ_CHECK(d->bundles == 0 || (d->size > 0 && d->size <= DDI_SIZE_MAX));
	FUZZ_CHECK(d->bundles == 0 || d->url[0] != '\0' || d->plain_url[0] != '\0');
}

static void try_offer(const char *text, size_t len,
		      enum kb_err (*read_text)(struct offer *, const char *, size_t, const char **))
{
	static struct offer d, none;
	const char *why = NULL;
	enum kb_err err = read_text(&d, text, len, &why);

	check_why(err, why);
	FUZZ_CHECK(err == KB_OK || memcmp(&d, &none, sizeof(d)) == 0);
	if (err == KB_OK)
		check_offer(&d);
}

static void try_cancel(const char *text, size_t len)
{
	char stop[URL_ID_MAX + 1];
	const char *why = NULL;
	enum kb_err err = ddi_read_cancel(stop, text, len, &why);

	check_why(err, why);
	FUZZ_CHECK(err == KB_OK ? url_is_id(stop) : stop[0] == '\0');
}

/* Ids mean something to their own server alone. */
static void check_server(struct action *a)
{
	static struct offer o;

	o.size = a->size;
	memcpy(o.digest, a->digest, sizeof(o.digest));
	memcpy(o.id, a->id, sizeof(o.id));
	FUZZ_CHECK(action_is_for(a, &o));
	o.size++;
	FUZZ_CHECK(!action_is_for(a, &o));
	a->server = 1;
	FUZZ_CHECK(!action_bind(a, 1) && a->id[0] != '\0');
	FUZZ_CHECK(action_bind(a, 2) && a->id[0] == '\0' && a->phase == ACTION_NONE);
}

/* What was staged counts again where what was to replace it is not here. */
static void check_own(struct action *a)
{
	struct action_staged was = a->own;
	bool replaced = was.release[0] != '\0' && strcmp(was.release, a->release) != 0;

	memset(&a->before, 0, sizeof(a->before));
	action_own(a, was.release, 7);
	FUZZ_CHECK(strcmp(a->own.release, a->release) == 0 && a->own.half == 7);
	FUZZ_CHECK(action_settle(a, false, true) == replaced);
	FUZZ_CHECK(strcmp(a->own.release, was.release) == 0 || !replaced);
	FUZZ_CHECK(!action_settle(a, false, true));
	action_own(a, "", 7);
	FUZZ_CHECK(strcmp(a->own.release, a->release) == 0 && a->own.half == 7);
}

/* What is read is written and read again as the same. */
static void try_record(const char *text, size_t len)
{
	static struct action a, again, none;
	char *written;

	if (!action_read(&a, text, len)) {
		FUZZ_CHECK(memcmp(&a, &none, sizeof(a)) == 0);
		return;
	}
	FUZZ_CHECK(a.phase < ACTION_PHASES && a.reported < ACTION_PHASES && is_clean_id(a.id));
	FUZZ_CHECK(action_phase_name(a.phase) != NULL);
	written = action_write(&a);
	FUZZ_CHECK(written != NULL && action_read(&again, written, strlen(written)));
	FUZZ_CHECK(memcmp(&a, &again, sizeof(a)) == 0);
	free(written);
	action_note(&a, ACTION_NEWS_BOOTS);
	action_told(&a);
	FUZZ_CHECK(!action_owes(&a));
	check_own(&a);
	action_begin(&a, "1");
	FUZZ_CHECK(a.phase == ACTION_SEEN && action_owes(&a) && !action_is_closed(&a));
	check_server(&a);
}

/* Any text becomes a feedback that a server can read. */
static void try_feedback(const char *text)
{
	static struct ddi_feedback f;
	static const char *const pair[1][2] = { { "keelboot.version", "1.0" } };
	char *written, *more;

	f = (struct ddi_feedback){ .execution = "closed", .finished = "failure" };
	ddi_say(&f, "%s", text);
	for (int i = 0; i < DDI_MESSAGES_MAX; i++)
		ddi_say(&f, "%d", i);
	FUZZ_CHECK(f.messages == DDI_MESSAGES_MAX &&
		   fuzz_printable(f.message[0], DDI_MESSAGE_MAX + 1));
	written = ddi_write_feedback(&f, "1");
	FUZZ_CHECK(written != NULL);
	free(written);
	more = ddi_write_attributes(pair, 1);
	FUZZ_CHECK(more != NULL);
	free(more);
	more = ddi_write_confirmation(f.message[0][0] == 'y', text);
	FUZZ_CHECK(more != NULL);
	free(more);
	more = ddi_write_installed(f.message[0], "1.0");
	FUZZ_CHECK(more != NULL);
	free(more);
}

static void try_addresses(const char *text)
{
	char origin[64], whole[URL_MAX + 1];

	FUZZ_CHECK(url_resolve(whole, "https://cdn.example/a", text) == (whole[0] != '\0'));
	FUZZ_CHECK(whole[0] == '\0' || url_is_http(whole));
	url_origin(origin, sizeof(origin), text);
	FUZZ_CHECK(strchr(origin, '@') == NULL || strncmp(text, "http", 4) != 0 ||
		   strchr(text, '@') != NULL);
	FUZZ_CHECK(!url_same_origin("https://server.example", text) || url_is_secure(text));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	char *text;
	char which;

	if (size == 0)
		return;
	which = (char)data[0];
	text = fuzz_string(data + 1, size - 1);
	if (which == 'p' || which == 'a')
		try_poll((const char *)data + 1, size - 1);
	if (which == 'd' || which == 'a')
		try_offer((const char *)data + 1, size - 1, ddi_read_deployment);
	if (which == 'f' || which == 'a')
		try_offer((const char *)data + 1, size - 1, ddi_read_confirmation);
	if (which == 'c' || which == 'a')
		try_cancel((const char *)data + 1, size - 1);
	if (which == 'r' || which == 'a')
		try_record((const char *)data + 1, size - 1);
	if (which == 't' || which == 'a')
		try_feedback(text);
	if (which == 'u' || which == 'a')
		try_addresses(text);
	free(text);
}
