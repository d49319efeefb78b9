/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/failure/failure.h"

#include "cli/output/output.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool is_of_release(const struct history_event *e, const struct words *w)
{
	return e->slot == w->slot && e->sequence == w->sequence &&
	       strcmp(e->version, w->version) == 0;
}

static bool is_rejected(const struct failure *f)
{
	return f->e.kind == HISTORY_BAD;
}

/* ---------------------------------------------------------------- what there is */

static bool take_event(void *ctx, const struct history_event *e)
{
	struct failure_list *l = ctx;

	if (e->kind == HISTORY_BAD)
		l->failure[l->n++] = (struct failure){ .e = *e, .at = e->record };
	return l->n < FAILURE_MAX;
}

static bool take_words(void *ctx, const struct words *w)
{
	struct failure_list *l = ctx;

	l->words[l->nwords++] = *w;
	return l->nwords < STORE_WORDS_CELLS;
}

/* ---------------------------------------------------------------- what belongs together */

/* The verdict on that attempt is the first one behind it. */
static struct failure *find_verdict(struct failure_list *l, const struct words *w)
{
	for (unsigned i = l->n; i > 0; i--) {
		struct failure *f = &l->failure[i - 1];

		if (is_rejected(f) && is_of_release(&f->e, w) && f->at >= w->token)
			return f;
	}
	return NULL;
}

static struct failure *find_unjudged(struct failure_list *l, const struct words *w)
{
	for (unsigned i = 0; i < l->n; i++)
		if (!is_rejected(&l->failure[i]) && is_of_release(&l->failure[i].e, w))
			return &l->failure[i];
	return NULL;
}

/* What the kernel says, or systemd shortly before the deadline, is no failure: of a trial that may
 * become good, or did. An earlier try of one that is still on trial failed. */
static bool is_of_failure(const struct state *s, const struct words *w)
{
	const struct state_slot *t;

	if (w->kind != WORDS_KERNEL && w->kind != WORDS_SYSTEM)
		return true;
	if (w->slot >= s->nslots)
		return false;
	t = &s->slot[w->slot];
	return t->st == STATE_TRIAL && t->sequence == w->sequence &&
	       strcmp(t->version, w->version) == 0 &&
	       !(s->open == w->slot && s->open_token == w->token);
}

static struct failure *add_unjudged(struct failure_list *l, const struct words *w)
{
	struct failure *f;

	if (l->n == FAILURE_MAX)
		return NULL;
	f = &l->failure[l->n++];
	*f = (struct failure){
		.e = { .kind = HISTORY_BOOT, .slot = w->slot, .sequence = w->sequence }
	};
	memcpy(f->e.version, w->version, sizeof(f->e.version));
	return f;
}

static void place_words(struct failure_list *l, const struct state *s, const struct words *w)
{
	struct failure *f = find_verdict(l, w);

	if (f == NULL && is_of_failure(s, w)) {
		f = find_unjudged(l, w);
		f = f != NULL ? f : add_unjudged(l, w);
	}
	if (f == NULL)
		return;
	f->word[f->nwords++] = w;
	if (is_rejected(f))
		return;
	f->at = w->token;
	f->e.time = w->time;
}

/* Verdicts came in their order; the others go where they belong. */
static void sort(struct failure_list *l)
{
	static struct failure moved;

	for (unsigned i = 1; i < l->n; i++) {
		unsigned to = i;

		moved = l->failure[i];
		for (; to > 0 && l->failure[to - 1].at < moved.at; to--)
			l->failure[to] = l->failure[to - 1];
		l->failure[to] = moved;
	}
}

void failure_collect(struct failure_list *l, struct device *d)
{
	l->n = l->nwords = 0;
	if (store_history_read(&d->store, 0, take_event, l) != KB_OK)
		log_warn("the history cannot be read; verdicts are missing here");
	store_words_read(&d->store, take_words, l);
	for (unsigned i = 0; i < l->nwords; i++)
		place_words(l, &d->state, &l->words[i]);
	sort(l);
}

/* ---------------------------------------------------------------- how it is shown */

unsigned failure_number(const struct failure_list *l, const struct history_event *e)
{
	for (unsigned i = 0; i < l->n; i++)
		if (is_rejected(&l->failure[i]) && l->failure[i].e.n == e->n)
			return l->failure[i].nwords > 0 ? i + 1 : 0;
	return 0;
}

unsigned failure_unjudged(const struct failure_list *l, const struct state *s)
{
	for (unsigned i = 0; i < l->n; i++) {
		const struct history_event *e = &l->failure[i].e;

		if (!is_rejected(&l->failure[i]) && e->slot < s->nslots &&
		    s->slot[e->slot].sequence == e->sequence &&
		    strcmp(s->slot[e->slot].version, e->version) == 0)
			return i + 1;
	}
	return 0;
}

/* What there is of an attempt that has no verdict. */
static const char *what_happened(const struct failure *f)
{
	return f->nwords > 0 && f->word[f->nwords - 1]->kind == WORDS_BOOT ? "was not booted"
									   : "crashed";
}

void failure_sentence(char *out, size_t size, const struct failure *f)
{
	char sentence[OUTPUT_LINE_LEN];

	output_event_sentence(sentence, &f->e);
	if (is_rejected(f))
		snprintf(out, size, "%s", sentence);
	else
		snprintf(out, size, "%s%sslot %c %s, and was not rejected", f->e.version,
			 f->e.version[0] != '\0' ? " in " : "", state_slot_letter(f->e.slot),
			 what_happened(f));
}

json_object *failure_piece_json(const struct words *w)
{
	json_object *o = json_object_new_object();
	char when[OUTPUT_TIME_LEN];

	output_time(when, w->time, true);
	output_json_text(o, "kind", words_kind_name(w->kind));
	output_json_text(o, "time", when[0] != '\0' ? when : NULL);
	output_json_number(o, "token", w->token);
	output_json_bool(o, "cut", w->tail.cut);
	output_json_add(o, "text", json_object_new_string_len(w->tail.text, (int)w->tail.len));
	return o;
}

json_object *failure_words_json(const struct failure *f)
{
	json_object *list = f->nwords > 0 ? output_json_list() : NULL;

	for (unsigned i = 0; i < f->nwords; i++)
		output_json_append(list, failure_piece_json(f->word[i]));
	return list;
}
