/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/contact.h"

#include "fleet/clock.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdarg.h>
#include <stdio.h>

void contact_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* The first one: what is behind it may be for that reason. */
void contact_fail(struct contact *c, const char *fmt, ...)
{
	char text[ACTION_WHY_MAX + 80];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_warn("%s", text);
	c->failed = true;
	if (c->wrong[0] == '\0')
		snprintf(c->wrong, sizeof(c->wrong), "%.*s", (int)sizeof(c->wrong) - 1, text);
}

void contact_reached(struct contact *c)
{
	c->reached = os_now_ms() / 1000;
	c->reached_s = clock_time();
}

bool contact_make_room(struct contact *c, enum kb_err err)
{
	if (err != KB_ENOSPC || files_bundle_size(&c->files) == 0)
		return false;
	log_warn("%s: removed, since the disk is full", c->files.folder.bundle);
	files_bundle_drop(&c->files);
	c->a.durable = 0;
	c->a.etag[0] = '\0';
	return true;
}

/* What is written anyway has it. */
static void keep_reached(struct contact *c)
{
	if (c->reached_s > 0)
		c->a.reached = c->reached_s;
}

static enum kb_err save(struct contact *c)
{
	enum kb_err err;

	keep_reached(c);
	err = files_save(&c->files, &c->a);
	return contact_make_room(c, err) ? files_save(&c->files, &c->a) : err;
}

void contact_asked(struct contact *c, enum client_end end)
{
	unsigned status = c->client.trouble_status;
	bool taken = end == CLIENT_OK || end == CLIENT_SAME;

	c->answered = taken || (c->client.trouble[0] != '\0' && status >= 400 && status <= 499);
	c->refused = taken ? 0 : status;
}

enum client_end contact_get(struct contact *c, const char *path)
{
	enum client_end end = client_get(&c->client, path);

	if (c->client.retry_after_s > c->retry_after_s)
		c->retry_after_s = c->client.retry_after_s;
	return end;
}

bool contact_keep(struct contact *c)
{
	return (!c->dry_run && !c->unsaved && files_has(&c->files, &c->a)) || contact_save(c);
}

bool contact_note(struct contact *c)
{
	keep_reached(c);
	return !c->dry_run && !c->unsaved && c->files.dir >= 0 &&
	       files_save(&c->files, &c->a) == KB_OK;
}

bool contact_save(struct contact *c)
{
	if (c->dry_run || c->unsaved)
		return !c->unsaved;
	c->unsaved = c->files.dir < 0 || save(c) != KB_OK;
	c->failed = c->failed || c->unsaved;
	c->uncounted = c->uncounted && c->unsaved;
	return !c->unsaved;
}
