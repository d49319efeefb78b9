/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health_record.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool is_reason(const struct history_event *e, const char *reason)
{
	return e->kind == HISTORY_MIGRATE && strcmp(e->reason, reason) == 0;
}

static bool is_same_release(const struct history_event *a, const struct history_event *b)
{
	return a->slot == b->slot && a->sequence == b->sequence &&
	       strcmp(a->version, b->version) == 0;
}

static void read_back(struct device *d, bool (*fn)(void *ctx, const struct history_event *e),
		      void *ctx)
{
	if (store_history_read(&d->store, 0, fn, ctx) != KB_OK)
		log_warn(
			"the history cannot be read: data that was migrated stays so; migrate it back by hand");
}

/* ---------------------------------------------------------------- of one release */

struct look {
	const struct history_event *of;
	struct health_record found;
};

/* Newest first. That it was installed again undid nothing. */
static bool look_back(void *ctx, const struct history_event *e)
{
	struct look *l = ctx;

	if (!is_same_release(e, l->of))
		return true;
	if (e->kind == HISTORY_GOOD)
		return false;
	if (e->kind != HISTORY_MIGRATE)
		return true;
	l->found.begun = is_reason(e, HEALTH_RECORD_BEGUN);
	if (!is_reason(e, HEALTH_RECORD_FAILED))
		return false;
	l->found.failures++;
	return true;
}

/* Of a release that is or was in a slot: of's slot, sequence and version. */
static struct health_record find_record(struct device *d, const struct history_event *of)
{
	struct look l = { .of = of };

	read_back(d, look_back, &l);
	return l.found;
}

static struct history_event in_slot(const struct device *d, int slot)
{
	const struct state_slot *s = &d->state.slot[slot];
	struct history_event e = { .kind = HISTORY_MIGRATE,
				   .slot = (int8_t)slot,
				   .sequence = s->sequence };

	memcpy(e.version, s->version, sizeof(e.version));
	return e;
}

struct health_record health_record_of_slot(struct device *d, int slot)
{
	const struct history_event of = in_slot(d, slot);

	return find_record(d, &of);
}

/* ---------------------------------------------------------------- of all since one was good */

struct releases {
	const char *reason;
	struct history_event *e;
	unsigned n, max;
};

static bool collect_release(void *ctx, const struct history_event *e)
{
	struct releases *r = ctx;

	if (e->kind == HISTORY_GOOD)
		return false;
	if (!is_reason(e, r->reason))
		return true;
	for (unsigned i = 0; i < r->n; i++)
		if (is_same_release(&r->e[i], e))
			return true;
	r->e[r->n++] = *e;
	return r->n < r->max;
}

static bool is_in_its_slot(const struct device *d, const struct history_event *e)
{
	struct history_event now;

	if (e->slot < 0 || e->slot >= d->state.nslots)
		return false;
	now = in_slot(d, e->slot);
	return is_same_release(&now, e);
}

unsigned health_record_lost(struct device *d, struct history_event lost[HEALTH_RECORD_LOST_MAX])
{
	struct releases r = { HEALTH_RECORD_BEGUN, lost, 0, HEALTH_RECORD_LOST_MAX };
	unsigned n = 0;

	read_back(d, collect_release, &r);
	for (unsigned i = 0; i < r.n; i++) {
		const struct health_record known = find_record(d, &lost[i]);

		/* One that failed is on record already. */
		if (known.begun && known.failures == 0 && !is_in_its_slot(d, &lost[i]))
			lost[n++] = lost[i];
	}
	return n;
}

bool health_record_failed(struct device *d, struct history_event *failed)
{
	struct releases r = { HEALTH_RECORD_FAILED, failed, 0, 1 };

	read_back(d, collect_release, &r);
	return r.n > 0 && find_record(d, failed).failures > 0;
}

/* ---------------------------------------------------------------- one more line */

enum kb_err health_record_add(struct device *d, int slot, const char *reason, const char *detail)
{
	enum kb_err err;

	TRY(device_open_to_change(d));
	err = device_history(d, HISTORY_MIGRATE, slot, reason, detail);
	device_close(d);
	return err;
}

enum kb_err health_record_add_for(struct device *d, const struct history_event *of,
				  const char *reason, const char *detail)
{
	enum kb_err err;

	TRY(device_open_to_change(d));
	err = device_history_for(d, of, reason, detail);
	device_close(d);
	return err;
}
