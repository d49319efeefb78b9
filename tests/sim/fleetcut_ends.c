/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of actions: which the disk has, and which the server is still to hear. */
#include "tests/sim/fleetcut.h"

#include "channel/strict.h"

/* ---------------------------------------------------------------- the queue */

/* A bit for each action: its end waits; as a success. */
struct queue {
	uint32_t blob;
	unsigned has, good;
};

static void add_end(struct queue *q, json_object *o)
{
	char id[8], release[ACTION_RELEASE_LEN + 1];

	if (strict_text(o, "id", id, sizeof(id)) != KB_OK ||
	    strict_text(o, "release", release, sizeof(release)) != KB_OK)
		return;
	q->has |= 1u << (id[0] - '0');
	if (release[0] != '\0')
		q->good |= 1u << (id[0] - '0');
}

/* What cannot be read has none: each image has an old queue or a new one. */
static void read_queue(struct queue *q, uint32_t blob)
{
	const char *why;
	json_object *o, *list;
	size_t len;
	const uint8_t *text = filecut_image_bytes(blob, &len);

	*q = (struct queue){ .blob = blob };
	o = strict_parse((const char *)text, len, &why);
	if (strict_list(o, "ends", &list) == KB_OK)
		for (size_t i = 0; i < json_object_array_length(list); i++)
			add_end(q, json_object_array_get_idx(list, i));
	json_object_put(o);
}

/* Images come in thousands with the same, so what was read is kept. */
static const struct queue *queue_of(const struct filecut_image *im)
{
	static struct queue none, known[256];
	const struct filecut_image_file *f = filecut_image_find(im, FLEETCUT_ENDS);
	struct queue *q;

	if (f == NULL)
		return &none;
	q = &known[f->blob % KB_ARRAY_LEN(known)];
	if (q->blob != f->blob)
		read_queue(q, f->blob);
	return q;
}

uint64_t fleetcut_ends_key(const struct filecut_image *im)
{
	const struct queue *q = queue_of(im);

	return (uint64_t)q->good << 32 | q->has;
}

/* ---------------------------------------------------------------- what is owed */

/* The action of a server whose end is on record, or will be; 0: none. */
static unsigned open_action(const struct action *a)
{
	bool is = a->server > 0 && a->phase != ACTION_NONE && !action_is_closed(a);

	return is ? (unsigned)(a->id[0] - '0') : 0;
}

void fleetcut_ends_count(const struct filecut_image *im, unsigned due[FLEETCUT_ACTIONS])
{
	unsigned queue = queue_of(im)->has, open = open_action(fleetcut_check_read(im));

	for (unsigned n = 0; n < FLEETCUT_ACTIONS; n++)
		due[n] = (queue >> n & 1) + (n > 0 && n == open);
}

/* Before a boot has installed it, a newer action takes the place of one that is staged. */
unsigned fleetcut_ends_owed(const struct filecut_image *im, const struct fleetcut_around *is)
{
	const struct action *a = fleetcut_check_read(im);
	unsigned owed = queue_of(im)->has, open = open_action(a);

	if (open > 0 && (a->phase >= ACTION_GOOD || fleetcut_around_slot(is, open) >= 0))
		owed |= 1u << open;
	for (unsigned n = 1; n < FLEETCUT_ACTIONS; n++)
		if (is->took[n] != FLEETCUT_NOTHING)
			owed &= ~(1u << n);
	return owed;
}

const char *fleetcut_ends_check(const struct filecut_image *im, const struct fleetcut_around *is,
				unsigned owed)
{
	unsigned due[FLEETCUT_ACTIONS];

	fleetcut_ends_count(im, due);
	for (unsigned n = 1; n < FLEETCUT_ACTIONS; n++)
		if ((owed >> n & 1) != 0 && due[n] == 0 && is->took[n] == FLEETCUT_NOTHING)
			return "an end is lost: it is neither on record nor in the queue";
	return NULL;
}

const char *fleetcut_ends_left(const struct filecut_image *im, const struct fleetcut_around *is,
			       int code)
{
	const struct action *a = fleetcut_check_read(im);
	unsigned open = open_action(a);
	int slot = open > 0 ? fleetcut_around_slot(is, open) : -1;

	if (slot >= 0 && a->phase < ACTION_GOOD && is->stands[slot] != FLEETCUT_TRIAL)
		return "what a boot made of an action is not on record";
	if (code == 0 && (queue_of(im)->has != 0 || (open > 0 && a->phase >= ACTION_GOOD)))
		return "an end is not sent";
	return NULL;
}
