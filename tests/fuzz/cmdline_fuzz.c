/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel command line; behind a NUL, the list of the keys that are heeded. */
#include "initramfs/kexec/kexec_line.h"
#include "kernel-cmdline/cmdline.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_bounds(const struct cmdline *c)
{
	FUZZ_CHECK(c->slot >= -1 && c->slot <= 7);
	FUZZ_CHECK(c->pair >= -1 && c->pair <= 7);
	FUZZ_CHECK(c->sources <= CMDLINE_SOURCE_ALL);
	FUZZ_CHECK(c->timeout_s <= 3600);
	FUZZ_CHECK(c->watchdog_timeout_s <= 65535);
	FUZZ_CHECK(c->log <= CMDLINE_LOG_QUIET);
	FUZZ_CHECK(c->has_panic || c->panic == 0);
	FUZZ_CHECK(fuzz_ended(c->root, sizeof(c->root)));
	FUZZ_CHECK(fuzz_ended(c->rootfstype, sizeof(c->rootfstype)));
	FUZZ_CHECK(fuzz_ended(c->rootflags, sizeof(c->rootflags)));
	FUZZ_CHECK(fuzz_ended(c->init, sizeof(c->init)));
	FUZZ_CHECK(fuzz_ended(c->watchdog, sizeof(c->watchdog)));
	FUZZ_CHECK(c->watchdog[0] == '\0' || strcmp(c->watchdog, "off") == 0 ||
		   strncmp(c->watchdog, "/dev/", 5) == 0);
	FUZZ_CHECK(c->watchdog[0] != '\0' || c->watchdog_timeout_s == 0);
	FUZZ_CHECK(c->nwarnings <= CMDLINE_WARNINGS_MAX);
	for (unsigned i = 0; i < CMDLINE_WARNINGS_MAX; i++) {
		FUZZ_CHECK(fuzz_ended(c->warning[i], sizeof(c->warning[i])));
		FUZZ_CHECK((c->warning[i][0] != '\0') == (i < c->nwarnings));
	}
}

static bool same(const struct cmdline *a, const struct cmdline *b)
{
	bool numbers = a->enable == b->enable && a->slot == b->slot && a->pair == b->pair &&
		       a->sources == b->sources && a->timeout_s == b->timeout_s &&
		       a->log == b->log && a->shell == b->shell &&
		       a->watchdog_timeout_s == b->watchdog_timeout_s && a->panic == b->panic &&
		       a->rw == b->rw && a->has_log == b->has_log && a->has_panic == b->has_panic &&
		       a->nwarnings == b->nwarnings;

	return numbers && strcmp(a->watchdog, b->watchdog) == 0 && strcmp(a->root, b->root) == 0 &&
	       strcmp(a->rootfstype, b->rootfstype) == 0 &&
	       strcmp(a->rootflags, b->rootflags) == 0 && strcmp(a->init, b->init) == 0;
}

static void parse_with(struct cmdline *c, const char *text, const char *more)
{
	char *all = malloc(strlen(text) + strlen(more) + 1);

	FUZZ_CHECK(all != NULL);
	sprintf(all, "%s%s", text, more);
	memset(c, 0xa5, sizeof(*c));
	cmdline_parse(c, all);
	free(all);
	check_bounds(c);
}

/* As the product would write it. */
static void check_round_trip(const struct cmdline *c)
{
	static const char *const logs[] = { "info", "debug", "quiet" };
	char text[64];
	struct cmdline again;

	snprintf(text, sizeof(text), " keelboot.timeout=%u keelboot.log=%s panic=%d", c->timeout_s,
		 logs[c->log], c->panic);
	parse_with(&again, "", text);
	FUZZ_CHECK(again.timeout_s == c->timeout_s && again.log == c->log);
	FUZZ_CHECK(again.panic == c->panic);
}

/* What the list does not name is as if the line did not have it. */
static void check_heeded(const char *text, const struct cmdline *all, const char *heeded)
{
	struct cmdline c, none;

	cmdline_parse_heeded(&c, text, "all");
	FUZZ_CHECK(same(&c, all));
	cmdline_parse_heeded(&none, text, "none");
	check_bounds(&none);
	FUZZ_CHECK(none.enable && none.slot == -1 && none.sources == CMDLINE_SOURCE_ALL);
	FUZZ_CHECK(none.root[0] == '\0' && none.init[0] == '\0' && !none.shell && !none.rw);
	cmdline_parse_heeded(&c, text, heeded);
	check_bounds(&c);
	if (strcmp(heeded, "all") == 0)
		return;
	FUZZ_CHECK(strstr(heeded, ".slot") != NULL || c.slot == -1);
	FUZZ_CHECK(strstr(heeded, "init") != NULL || c.init[0] == '\0');
	FUZZ_CHECK(c.init[0] == '\0' || strcmp(c.init, all->init) == 0);
	FUZZ_CHECK(c.slot == -1 || c.slot == all->slot);
}

/* Whatever the base and the slot have there, init reads whose kernel it is, and panic= of the base.
 */
static void check_kexec(const char *base, const char *words)
{
	char line[KEXEC_LINE_MAX + 1];
	struct cmdline of_base, c;
	enum kb_err err = kexec_line_make(line, base, words, 'f', "1a2b3c4d");

	FUZZ_CHECK(err == KB_OK || err == KB_ENOSPC || err == KB_EFORMAT);
	if (err != KB_OK)
		return;
	FUZZ_CHECK(fuzz_ended(line, sizeof(line)));
	cmdline_parse(&c, line);
	cmdline_parse(&of_base, base);
	FUZZ_CHECK(c.pair == 5);
	FUZZ_CHECK(c.base_keys[0] == '\0' || strcmp(c.base_keys, "1a2b3c4d") == 0);
	FUZZ_CHECK(c.has_panic == of_base.has_panic && c.panic == of_base.panic);
	FUZZ_CHECK(c.enable == of_base.enable && c.slot == of_base.slot);
}

static void check_names(const char *name)
{
	size_t len = strcspn(name, " ="), known = 0;

	for (const struct cmdline_key *key = cmdline_keys; key->name != NULL; key++)
		known += strlen(key->name) == len && strncmp(key->name, name, len) == 0;
	FUZZ_CHECK(known <= 1 && (known == 0 || cmdline_is_key(name, len)));
	FUZZ_CHECK(!cmdline_is_key(name, 0));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *heeded;
	size_t first = strlen(text) + (strlen(text) < size);
	struct cmdline c, other;

	parse_with(&c, text, "");
	parse_with(&other, text, "");
	FUZZ_CHECK(same(&c, &other));
	check_round_trip(&c);
	heeded = fuzz_string(data + first, size - first);
	check_heeded(text, &c, heeded);
	check_kexec(text, heeded);
	check_names(text);
	free(heeded);
	/* Outside of quotes, and with room, what follows is words of its own. */
	if (strchr(text, '"') == NULL && strlen(text) + 40 < CMDLINE_MAX) {
		parse_with(&other, text, " -- keelboot.slot=h keelboot.bad rw");
		FUZZ_CHECK(same(&c, &other));
		parse_with(&other, text, " keelboot.slot=h keelboot_slot=b");
		FUZZ_CHECK(other.slot == 7 || strstr(text, "--") != NULL);
	}
	/* Nothing behind the limit counts. */
	if (strlen(text) > CMDLINE_MAX) {
		parse_with(&other, text, " keelboot.slot=h");
		FUZZ_CHECK(same(&c, &other));
		FUZZ_CHECK(c.nwarnings > 0);
	}
	free(text);
}
