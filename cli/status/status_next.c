/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot status`: what the next boot will do. */
#include "cli/status/status.h"

#include "cli/device/device_loader.h"
#include "selector/refused.h"

#include <stdio.h>
#include <string.h>

int status_staged_on_trial(const struct status *st)
{
	const struct state *s = &st->d->state;

	if (s->staged.source == STATE_SRC_NONE)
		return STATE_NONE;
	return state_on_trial(s, s->staged.release);
}

/* By what the state knows of it, which is its id: what else its bundle says was weighed when it was
 * staged. */
static enum kb_err would_accept(const struct state *s, const char **why)
{
	struct plan_release r = { .sequence = UINT64_MAX, .allow_downgrade = true };
	const struct plan_terms terms = { .mode = PLAN_AUTOMATIC, .mountable = device_whole(s) };
	enum kb_err err;
	int target;

	memcpy(r.id, s->staged.release, sizeof(r.id));
	err = plan_accept(s, &r, &terms, &target);
	*why = refused_why(s, &r, terms.mode, s->floor, err).why;
	return err;
}

/* Why it is not even looked at; NULL: it is. */
static const char *why_left_alone(const struct status *st)
{
	const struct state *s = &st->d->state;

	if (st->staged_path[0] != '\0' && !st->have_staged_file)
		return "its file is missing";
	if (!st->d->conf.data_enabled)
		return "[source.data] enabled=no";
	if (plan_source_skipped(s, s->staged.source))
		return "its source is skipped";
	/* A boot loader may be mended by the restart itself: whoever waits for it shall restart. */
	return device_loader_is_kexec(st->d) ? device_loader_why_untried(st->d) : NULL;
}

enum status_fate status_staged_fate(const struct status *st, const char **why)
{
	enum kb_err err = would_accept(&st->d->state, why);
	const char *skipped = why_left_alone(st);

	if (skipped != NULL) {
		*why = skipped;
		return STATUS_SKIPPED;
	}
	if (err == KB_EREJECTED || err == KB_EAPPLIED)
		return STATUS_FORGOTTEN;
	return err == KB_OK ? STATUS_INSTALLED : STATUS_SKIPPED;
}

bool status_staged_lasting(const struct status *st)
{
	const char *why;

	return status_staged_fate(st, &why) == STATUS_SKIPPED &&
	       state_is_unwritable(&st->d->state, st->d->state.staged.release);
}

/* A sentence on the staged update, up to "uses slot a"; false where it changes nothing. */
static bool print_staged_next(const struct status *st, char *out, size_t size)
{
	const char *why, *deaf = device_loader_why_untried(st->d);

	switch (status_staged_fate(st, &why)) {
	case STATUS_INSTALLED:
		snprintf(out, size, "installs the staged update%s%s%s, or else uses",
			 deaf != NULL ? " if the boot loader is mended (" : "",
			 deaf != NULL ? deaf : "", deaf != NULL ? ")" : "");
		break;
	case STATUS_SKIPPED:
		snprintf(out, size, "skips the staged update (%s); uses", why);
		break;
	case STATUS_FORGOTTEN:
		snprintf(out, size, "forgets the staged update (%s); uses", why);
		break;
	}
	return status_staged_on_trial(st) == STATE_NONE;
}

void status_next_text(const struct status *st)
{
	bool staged = st->d->state.staged.source != STATE_SRC_NONE;
	bool depends = st->next_proven != st->next && st->next_proven != STATE_NONE;
	char slot[80], then[80], once[320] = "", will[240];
	const char *unstarted;

	if (st->next == STATE_NONE) {
		puts("Next boot: no slot can be booted.");
		return;
	}
	device_slot_text(&st->d->state, st->next, slot, sizeof(slot));
	if (depends) {
		device_slot_text(&st->d->state, st->next_proven, then, sizeof(then));
		snprintf(once, sizeof(once), ", or %s once this boot has proved itself", then);
	}
	unstarted = device_loader_why_unstarted(st->d, st->next);
	if (unstarted != NULL)
		snprintf(once + strlen(once), sizeof(once) - strlen(once),
			 ", if its kernel can be started (%s)", unstarted);
	if (staged && print_staged_next(st, will, sizeof(will)))
		printf("Next boot: %s %s%s.\n", will, slot, once);
	else if (!st->d->run_found || depends || st->next != st->d->booted)
		printf("Next boot: %s%s.\n", slot, once);
}
