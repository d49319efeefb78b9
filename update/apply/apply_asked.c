/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_asked.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/factory.h"

#include <string.h>

#define MARKER	  "reset-data"
#define TOKEN_MAX 64

static bool may_ask(const struct apply *a, enum state_source kind)
{
	unsigned bit = kind == STATE_SRC_SD ? CONF_MEDIA_SD : CONF_MEDIA_USB;

	return (a->conf.data_reset_media & bit) != 0;
}

/* Its first line, or as much of it as counts; any bytes are a text of their own. */
static bool read_token(const struct media *m, char token[TOKEN_MAX + 1])
{
	KB_CLEANUP_FD int fd = -1;
	size_t got;

	if (media_file(m, MARKER, &fd) != KB_OK ||
	    os_file_read(fd, 0, token, TOKEN_MAX, &got) != KB_OK)
		return false;
	token[got] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	return true;
}

static void note_event(struct apply *a, enum state_source kind)
{
	struct history_event ev = { .time = os_time_s(),
				    .kind = HISTORY_STATE,
				    .slot = STATE_NONE };

	history_set_text(ev.reason, "a medium asked for the data partition to be made anew");
	history_set_text(ev.detail, state_source_name(kind));
	if (store_history_add(&a->store, &ev) != KB_OK)
		log_warn("the history cannot be written");
}

/* What it asks for is durable before anything else is done. */
static bool remember(struct apply *a, const struct apply_source *src)
{
	enum kb_err err = store_save(&a->store, &a->state);

	if (err != KB_OK)
		log_err("%s: keelboot/" MARKER ": the state cannot be written: %s", src->dev,
			err_text(err));
	return err == KB_OK;
}

/* Else each loss of the state would be one of the data, too. */
static void note_only(struct apply *a, const struct apply_source *src, const char *token)
{
	if (factory_note(&a->state, token) && remember(a, src))
		log_notice(
			"%s: keelboot/" MARKER
			": ignored: the state was lost, so it may have been heeded before; to ask again, write another word",
			src->dev);
}

void apply_asked_look(struct apply *a, unsigned source)
{
	const struct apply_source *src = &a->o.source[source];
	char token[TOKEN_MAX + 1];

	if (!read_token(&a->media, token))
		return;
	if (!may_ask(a, src->kind)) {
		log_notice("%s: keelboot/" MARKER
			   ": ignored: [data] reset-media= does not allow it",
			   src->dev);
		return;
	}
	if (a->state.rebuilt) {
		note_only(a, src, token);
		return;
	}
	if (!factory_ask_once(&a->state, token)) {
		log_info("%s: keelboot/" MARKER ": was heeded before", src->dev);
		return;
	}
	if (!remember(a, src))
		return;
	log_notice("%s: keelboot/" MARKER " asks to make the data anew", src->dev);
	note_event(a, src->kind);
}
