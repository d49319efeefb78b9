/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_bgplan.h"

#include "selector/state.h"

static bool counts(const struct loader_bgenv *e)
{
	return e->sound && e->revision > 0;
}

/* Once it is the newest, it is started again and again. */
static bool is_settled(const struct loader_bgenv *e)
{
	return !e->in_progress && e->ustate != LOADER_BGENV_INSTALLED &&
	       e->ustate != LOADER_BGENV_TESTING;
}

/* Both count, and y is newer than x. */
static enum loader_bgplan_is look_at_two(const struct loader_bgplan *p, int x, int y, int *carrier,
					 int *pending)
{
	const struct loader_bgenv *newer = &p->env[y];

	*carrier = is_settled(newer) ? y : x;
	if (*carrier == x && !is_settled(&p->env[x]))
		return LOADER_BGPLAN_UNSETTLED;
	if (!newer->in_progress && newer->ustate == LOADER_BGENV_INSTALLED)
		*pending = y;
	return LOADER_BGPLAN_KNOWN;
}

enum loader_bgplan_is loader_bgplan_look(const struct loader_bgplan *p, int *carrier, int *pending)
{
	const struct loader_bgenv *a = &p->env[0], *b = &p->env[1];

	*carrier = *pending = -1;
	if (!a->sound && !b->sound)
		return LOADER_BGPLAN_DAMAGED;
	if (!counts(a) && !counts(b))
		return LOADER_BGPLAN_NONE;
	if (counts(a) != counts(b)) {
		*carrier = counts(a) ? 0 : 1;
		return is_settled(&p->env[*carrier]) ? LOADER_BGPLAN_KNOWN : LOADER_BGPLAN_ALONE;
	}
	if (a->revision != b->revision)
		return look_at_two(p, a->revision < b->revision ? 0 : 1,
				   a->revision < b->revision ? 1 : 0, carrier, pending);
	*carrier = 0;
	return p->slot[0] == p->slot[1] && p->slot[0] != STATE_NONE && is_settled(a) &&
			       is_settled(b)
		       ? LOADER_BGPLAN_KNOWN
		       : LOADER_BGPLAN_EQUAL;
}

/* ---------------------------------------------------------------- writes */

static void put(struct loader_bgplan_step *s, int copy, int slot, uint8_t ustate, uint32_t revision)
{
	*s = (struct loader_bgplan_step){ copy, (int8_t)slot, ustate, revision };
}

/* The other one becomes newer than `than`, which stays. */
static enum kb_err put_newer(const struct loader_bgplan *p, int than, int slot, uint8_t ustate,
			     struct loader_bgplan_step *s)
{
	uint32_t revision = p->env[than].revision;

	if (revision == UINT32_MAX)
		return KB_EFORMAT;
	put(s, 1 - than, slot, ustate, revision + 1);
	return KB_OK;
}

/* Nothing is newer than the carrier. So the other one becomes a second carrier, an old one; then
 * this one may lose its number. */
static enum kb_err make_room(const struct loader_bgplan *p, int carrier,
			     struct loader_bgplan_step *s)
{
	int other = 1 - carrier, slot = p->slot[carrier];
	const struct loader_bgenv *e = &p->env[other];

	if (slot == STATE_NONE)
		return KB_EFORMAT;
	if (counts(e) && e->revision < UINT32_MAX && is_settled(e) && p->slot[other] == slot)
		put(s, carrier, slot, LOADER_BGENV_FAILED, 0);
	else
		put(s, other, slot, LOADER_BGENV_OK, 1);
	return KB_OK;
}

/* Either may start. The one that is not wanted goes; or, if both are not, the second one becomes
 * what is. */
static enum kb_err part_equals(const struct loader_bgplan *p, int preset,
			       struct loader_bgplan_step *s)
{
	for (int i = 0; i < LOADER_BGPLAN_COPIES; i++) {
		if (p->slot[i] != preset || !is_settled(&p->env[i]))
			continue;
		put(s, 1 - i, p->slot[1 - i], LOADER_BGENV_FAILED, 0);
		return KB_OK;
	}
	return put_newer(p, 0, preset, LOADER_BGENV_OK, s);
}

/* What is newest stays, whatever it is: it is all that starts. Where it is the only place, it is
 * written itself. */
static enum kb_err mend_plan(const struct loader_bgplan *p, enum loader_bgplan_is is, int preset,
			     struct loader_bgplan_step *s)
{
	int newest =
		p->env[1].sound && (!p->env[0].sound || p->env[1].revision > p->env[0].revision);

	if (is == LOADER_BGPLAN_DAMAGED)
		return KB_EFORMAT;
	if (is == LOADER_BGPLAN_EQUAL)
		return part_equals(p, preset, s);
	/* A power cut in this write leaves nothing; without it, the next start does. */
	if (is == LOADER_BGPLAN_ALONE && p->is_dead[1 - newest] && p->slot[newest] == preset) {
		put(s, newest, preset, LOADER_BGENV_OK, p->env[newest].revision);
		return KB_OK;
	}
	return put_newer(p, newest, preset, LOADER_BGENV_OK, s);
}

static enum kb_err change(const struct loader_bgplan *p, int carrier, int pending,
			  const struct loader_choice *want, struct loader_bgplan_step *s)
{
	bool is_preset = p->slot[carrier] == want->preset;
	int once = pending < 0 ? STATE_NONE : p->slot[pending];

	put(s, -1, STATE_NONE, 0, 0);
	if (is_preset &&
	    (want->once == STATE_NONE ? pending < 0 : pending >= 0 && once == want->once))
		return KB_OK;
	if (is_preset && want->once == STATE_NONE) {
		put(s, pending, once, LOADER_BGENV_FAILED, 0);
		return KB_OK;
	}
	if (p->env[carrier].revision == UINT32_MAX)
		return make_room(p, carrier, s);
	return put_newer(p, carrier, is_preset ? want->once : want->preset,
			 is_preset ? LOADER_BGENV_INSTALLED : LOADER_BGENV_OK, s);
}

enum kb_err loader_bgplan_next(const struct loader_bgplan *p, const struct loader_choice *want,
			       struct loader_bgplan_step *s)
{
	int carrier, pending;
	enum loader_bgplan_is is = loader_bgplan_look(p, &carrier, &pending);

	return is == LOADER_BGPLAN_KNOWN ? change(p, carrier, pending, want, s)
					 : mend_plan(p, is, want->preset, s);
}
