/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/attributes.h"

#include "lib/bytes.h"
#include "lib/conf_fleet.h"
#include "lib/os.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define PREFIX	"keelboot."
#define HOUR_S	3600u
#define ROW_MAX 8u

/* omit= has the name, with or without what all names begin with; or it is "all". */
static bool is_omitted(const char *name, const struct conf *conf)
{
	char list[sizeof(conf->fleet_omit)], *rest = NULL;

	snprintf(list, sizeof(list), "%s", conf->fleet_omit);
	for (char *word = strtok_r(list, CONF_FLEET_BLANKS, &rest); word != NULL;
	     word = strtok_r(NULL, CONF_FLEET_BLANKS, &rest))
		if (strcmp(word, CONF_OMIT_ALL) == 0 || strcmp(word, name) == 0 ||
		    (strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
		     strcmp(word, name + strlen(PREFIX)) == 0))
			return true;
	return false;
}

static void add(struct attributes *t, const struct conf *conf, const char *name, const char *value)
{
	if (is_omitted(name, conf) || t->n == ATTRIBUTES_MAX)
		return;
	t->name[t->n] = name;
	snprintf(t->value[t->n++], ATTRIBUTES_VALUE_MAX + 1, "%s", value);
}

static void add_number(struct attributes *t, const struct conf *conf, const char *name, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	add(t, conf, name, text);
}

/* "": neither a device tree nor a firmware says it. */
static void find_hardware(char name[ATTRIBUTES_VALUE_MAX + 1])
{
	static const char *const files[] = { "/proc/device-tree/model",
					     "/sys/class/dmi/id/product_name" };
	char text[ATTRIBUTES_VALUE_MAX + 1];

	name[0] = '\0';
	for (size_t i = 0; i < KB_ARRAY_LEN(files) && name[0] == '\0'; i++) {
		if (os_read_file(files[i], text, sizeof(text), NULL) != KB_OK)
			continue;
		text[strcspn(text, "\n")] = '\0';
		util_print_safe(name, ATTRIBUTES_VALUE_MAX + 1, text);
	}
}

static void add_machine(struct attributes *t, const struct conf *conf)
{
	char hardware[ATTRIBUTES_VALUE_MAX + 1];
	struct utsname u;

	if (uname(&u) == 0)
		add(t, conf, PREFIX "kernel", u.release);
	find_hardware(hardware);
	if (hardware[0] != '\0')
		add(t, conf, PREFIX "hardware", hardware);
}

/* Of each slot what it holds, and how that stands: "2.0, good"; "empty". */
static void add_slots(struct attributes *t, const struct facts *f, const struct conf *conf)
{
	static const char *const names[FACTS_SLOTS_MAX] = {
		PREFIX "slot.a", PREFIX "slot.b", PREFIX "slot.c", PREFIX "slot.d",
		PREFIX "slot.e", PREFIX "slot.f", PREFIX "slot.g", PREFIX "slot.h",
	};
	char text[ATTRIBUTES_VALUE_MAX + 1];

	for (unsigned i = 0; i < f->nslots; i++) {
		const struct facts_slot *s = &f->slot[i];
		unsigned at = (unsigned)(s->name[0] - 'a');

		snprintf(text, sizeof(text), "%s%s%s", s->version,
			 s->version[0] != '\0' ? ", " : "", s->state);
		if (at < FACTS_SLOTS_MAX)
			add(t, conf, names[at], text);
	}
}

static uint32_t hash_of(const struct attributes *t)
{
	uint64_t h = BYTES_HASH_START;

	for (unsigned i = 0; i < t->n; i++) {
		h = bytes_hash(h, t->name[i], strlen(t->name[i]) + 1);
		h = bytes_hash(h, t->value[i], strlen(t->value[i]) + 1);
	}
	return (uint32_t)(h ^ h >> 32) | 1;
}

/* They change with boots, or have figures: no news of their own. */
static void add_counts(struct attributes *t, const struct facts *f, const struct conf *conf,
		       const struct facts_slot *booted, uint64_t boots)
{
	add_number(t, conf, PREFIX "writes", f->writes);
	add_number(t, conf, PREFIX "boots", boots);
	add_number(t, conf, PREFIX "crashes", booted->crashes);
	add_number(t, conf, PREFIX "tries", booted->tries);
	add(t, conf, PREFIX "warning", f->warning);
}

void attributes_collect(struct attributes *t, const struct facts *f, const struct conf *conf,
			uint64_t boots)
{
	static const struct facts_slot none = { .name = "" };
	const struct facts_slot *s = facts_booted(f);
	uint64_t release;

	s = s != NULL ? s : &none;
	t->n = 0;
	add(t, conf, PREFIX "version", s->version);
	add_number(t, conf, PREFIX "sequence", s->sequence);
	add(t, conf, PREFIX "slot", f->booted);
	release = hash_of(t) & INT32_MAX;
	add(t, conf, PREFIX "state", s->state);
	add(t, conf, PREFIX "compatible", f->compatible);
	add(t, conf, PREFIX "reason", f->boot_reason);
	add(t, conf, PREFIX "tier", f->tier);
	add_number(t, conf, PREFIX "warnings", f->warnings);
	add(t, conf, PREFIX "fleet", KB_VERSION);
	/* goosebit's own: it offers what it does not find here */
	add(t, conf, "sw_version", s->version);
	add(t, conf, PREFIX "reset", f->reset);
	add_machine(t, conf);
	add_slots(t, f, conf);
	t->hash = release << 32 | hash_of(t);
	add_counts(t, f, conf, s, boots);
}

/* ---------------------------------------------------------------- how often */

bool attributes_wait(uint64_t hash, uint64_t known, const char *boot)
{
	return known != 0 && known >> 32 == hash >> 32 &&
	       (bytes_hash(BYTES_HASH_START, boot, strlen(boot)) >> 32 & 1) == 0;
}

/* Each one that was sent is an hour's worth. What is further ahead than all of them, a clock that
 * was wrong has noted. */
static uint64_t hours_ahead(uint64_t due, uint64_t now)
{
	return due > now && due - now <= ROW_MAX * HOUR_S ? due - now : 0;
}

bool attributes_may_go(uint64_t due, uint64_t now)
{
	return hours_ahead(due, now) <= (ROW_MAX - 1) * HOUR_S;
}

uint64_t attributes_sent(uint64_t due, uint64_t now)
{
	return now + hours_ahead(due, now) + HOUR_S;
}
