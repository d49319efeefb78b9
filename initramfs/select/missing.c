/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/missing.h"

#include "initramfs/disks/mapped.h"
#include "initramfs/disks/probe_sysfs.h"
#include "initramfs/settings.h"
#include "lib/conf_data.h"
#include "lib/os.h"

#include <string.h>

#define BLOCKS_MAX 512

static bool is_open(const char *spec)
{
	static char names[BLOCKS_MAX][64];
	unsigned n = 0;

	if (os_list(PROBE_SYSFS_DISKS, names, BLOCKS_MAX, &n) != KB_OK)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (mapped_is_named(names[i], spec))
			return true;
	}
	return false;
}

/* out: NULL, so that nothing is printed. */
static void look_at(const char *spec, FILE *out, struct missing *m)
{
	if (!mapped_is_spec(spec))
		return;
	m->all++;
	if (is_open(spec))
		return;
	m->n++;
	if (out != NULL)
		fprintf(out, "%s\n", spec);
}

static void look_at_slot(const struct conf_slot *s, FILE *out, struct missing *m)
{
	unsigned n = m->n, all = m->all;

	for (unsigned c = 0; c < s->nclasses; c++)
		look_at(s->cls[c].part, out, m);
	m->has_slot |= m->all > all && m->n == n;
}

static struct missing look_at_all(const struct conf *conf, FILE *out)
{
	struct missing m = { .has_slot = false };

	/* No boot waits for data that only brings updates: the system may open that later. */
	if (conf_data_is_needed(conf))
		look_at(conf->data_part, out, &m);
	for (unsigned i = 0; i < conf->nslots; i++)
		look_at_slot(&conf->slot[i], out, &m);
	return m;
}

unsigned missing_list(struct boot *b, FILE *out)
{
	settings_peek(b);
	return look_at_all(&b->conf, out).n;
}

struct missing missing_count(const struct boot *b)
{
	return look_at_all(&b->conf, NULL);
}
