/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"

#include "lib/conf_place.h"
#include "lib/conf_fleet.h"
#include "lib/conf_keys.h"
#include "lib/conf_paths.h"
#include "lib/conf_use.h"
#include "lib/util.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* inih cuts longer lines in two, and takes the second half for a line of its own. */
_Static_assert(CONF_LINE_MAX <= INI_MAX_LINE - 2, "inih needs room for the newline and the NUL");

/* One run over one text. inih knows nothing of line numbers, so lines are counted where it gets
 * them. */
struct parse {
	struct conf *c;
	/* rest of the text */
	const char *next;
	/* that inih has now */
	int line;
	/* for inih to find a key in it; it was too long, so the value is not all of it */
	bool waiting, cut;
	const char *file;
	conf_warn_fn warn;
	void *ctx;
};

static void warn_of_line(struct parse *p, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void warn_of_line(struct parse *p, int line, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (p->warn == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->warn(p->ctx, p->file, line, text);
}

/* ---------------------------------------------------------------- slots */

static void default_slots(struct conf *c)
{
	static const char *const parts[] = { "PARTLABEL=root-a", "PARTLABEL=root-b" };

	memset(c->slot, 0, sizeof(c->slot));
	for (unsigned i = 0; i < KB_ARRAY_LEN(parts); i++) {
		c->slot[i].nclasses = 1;
		snprintf(c->slot[i].cls[0].name, sizeof(c->slot[i].cls[0].name), "root");
		snprintf(c->slot[i].cls[0].part, sizeof(c->slot[i].cls[0].part), "%s", parts[i]);
	}
	c->nslots = KB_ARRAY_LEN(parts);
	c->slots_given = false;
}

static const char *find_class(const struct conf_slot *s, const char *cls)
{
	for (unsigned i = 0; i < s->nclasses; i++)
		if (strcmp(s->cls[i].name, cls) == 0)
			return s->cls[i].part;
	return NULL;
}

static bool is_class_name(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	return *name != '\0' && name[strspn(name, ok)] == '\0' && strlen(name) <= CONF_NAME_MAX;
}

/* A partition; the kernel may be a file in one, and so may what its entry loads beside it. */
static bool is_place(const char *cls, const char *spec)
{
	conf_spec part;
	const char *file = conf_place_split(spec, part);

	if (!conf_value_is_spec(spec) || !conf_value_is_spec(part))
		return false;
	return file == NULL || (conf_place_is_valid(file) && strcmp(cls, "root") != 0 &&
				(strcmp(cls, CONF_PLACE_CLASS) == 0 || !conf_place_is_image(file)));
}

/* What a partition is named by, for messages. */
static const char part_forms[] = "PARTLABEL=x, PARTUUID=x, LABEL=x, UUID=x or /dev/x";

static bool set_slot(struct parse *p, char letter, const char *cls, const char *part)
{
	struct conf_slot *s = &p->c->slot[letter - 'a'];
	unsigned i = 0;

	if (strcmp(cls, CONF_CLASS_LOADER) == 0) {
		warn_of_line(p, p->line, "loader= is of no slot: see [loader] copies=; ignored");
		return false;
	}
	if (!is_class_name(cls) || !is_place(cls, part)) {
		warn_of_line(
			p, p->line,
			"[slot.%c] %.31s=%.48s: expected %s%s, or for boot a file in it: PARTLABEL=x:/EFI/Linux/x.efi or PARTLABEL=x:/x/vmlinuz; ignored",
			letter, cls, part, is_class_name(cls) ? "" : "a class as root, and ",
			part_forms);
		return false;
	}
	if (!p->c->slots_given) {
		memset(p->c->slot, 0, sizeof(p->c->slot));
		p->c->slots_given = true;
	}
	while (i < s->nclasses && strcmp(s->cls[i].name, cls) != 0)
		i++;
	if (i == CONF_CLASSES_MAX) {
		warn_of_line(p, p->line, "[slot.%c] %s: a slot has at most %d partitions; ignored",
			     letter, cls, CONF_CLASSES_MAX);
		return false;
	}
	snprintf(s->cls[i].name, sizeof(s->cls[i].name), "%s", cls);
	snprintf(s->cls[i].part, sizeof(s->cls[i].part), "%s", part);
	if (i == s->nclasses)
		s->nclasses++;
	return true;
}

/* An install into a slot with a partition of something else would destroy that. */
static bool check_slot(struct parse *p, unsigned slot)
{
	const struct conf_slot *s = &p->c->slot[slot];

	if (find_class(s, "root") == NULL) {
		warn_of_line(p, 0, "slot.%c has no root=; it and the slots behind it are ignored",
			     (char)('a' + slot));
		return false;
	}
	for (unsigned i = 0; i < s->nclasses; i++) {
		const char *use = conf_use_before(p->c, slot, i);
		bool alone = !conf_use_is_beside(s, i);

		if (use == NULL && !alone)
			continue;
		warn_of_line(p, 0,
			     "slot.%c %s=%s is %s%s; this slot and those behind it are ignored",
			     (char)('a' + slot), s->cls[i].name, s->cls[i].part,
			     alone ? "no file beside that of boot=" : "also the partition of ",
			     alone ? "" : use);
		return false;
	}
	return true;
}

static void check_slots(struct parse *p)
{
	unsigned end = CONF_SLOTS_MAX;

	if (!p->c->slots_given)
		return;
	while (end > 0 && p->c->slot[end - 1].nclasses == 0)
		end--;
	for (p->c->nslots = 0; p->c->nslots < end; p->c->nslots++)
		if (!check_slot(p, p->c->nslots))
			break;
	if (p->c->nslots == 0) {
		warn_of_line(
			p, 0,
			"slots: none is usable; the defaults are used: a is PARTLABEL=root-a, b is PARTLABEL=root-b");
		default_slots(p->c);
	}
}

/* ---------------------------------------------------------------- lines */

static const struct conf_key *find_key(struct parse *p, const char *section, const char *name)
{
	bool known = false;

	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		if (strcmp(key->section, section) != 0)
			continue;
		known = true;
		if (strcmp(key->key, name) == 0)
			return key;
	}
	p->c->lost = true;
	warn_of_line(p, p->line, "[%.48s] %.48s: %s; ignored", section, name,
		     known ? "unknown key" : "unknown section");
	return NULL;
}

/* What becomes of a value that cannot be read. */
static void name_outcome(const struct conf_key *key, char out[80])
{
	snprintf(out, 80, "%s%s%s", key->bad != NULL ? "read as " : "",
		 key->bad != NULL     ? key->bad
		 : key->stops != NULL ? key->stops
				      : "ignored",
		 key->stops != NULL ? " until it is mended" : "");
}

static void take_bad(struct parse *p, const struct conf_key *key, const char *value)
{
	char path[CONF_PATHS_LEN + 1], outcome[80];
	const char *why = key->kind == CONF_KIND_SUBPATHS ? conf_paths_fault(value, path) : NULL;

	name_outcome(key, outcome);
	if (p->cut)
		warn_of_line(p, p->line, "longer than %d bytes: [%s] %s=: %s", CONF_LINE_MAX,
			     key->section, key->key, outcome);
	else if (why == NULL && key->kind == CONF_KIND_SUBPATHS)
		warn_of_line(p, p->line, "[%s] %s=: longer than %u bytes; %s", key->section,
			     key->key, (unsigned)key->max, outcome);
	else if (why != NULL)
		warn_of_line(p, p->line, "[%s] %s=: \"%.48s\" %s; %s", key->section, key->key, path,
			     why, outcome);
	else if (key->kind == CONF_KIND_URL)
		warn_of_line(p, p->line, "[%s] %s=%.*s...: expected %s; %s", key->section, key->key,
			     (int)conf_fleet_shown(value), value, key->values, outcome);
	else
		warn_of_line(p, p->line, "[%s] %s=%.64s: expected %s; %s", key->section, key->key,
			     value, key->kind == CONF_KIND_SPEC ? part_forms : key->values,
			     outcome);
	p->c->bad[key - conf_keys] = true;
	if (key->bad != NULL)
		(void)!conf_value_set(p->c, key, key->bad); /* a unit test sets them all */
}

static bool set_key(struct parse *p, const char *section, const char *name, const char *value)
{
	const struct conf_key *key = find_key(p, section, name);

	if (key == NULL)
		return false;
	if (p->cut || conf_value_set(p->c, key, value) != KB_OK) {
		take_bad(p, key, value);
		return false;
	}
	p->c->bad[key - conf_keys] = false;
	return true;
}

static int take_line(void *user, const char *section, const char *name, const char *value)
{
	struct parse *p = user;

	p->waiting = false;
	if (strncmp(section, "slot.", 5) != 0 || section[5] < 'a' ||
	    section[5] >= 'a' + CONF_SLOTS_MAX || section[6] != '\0')
		return set_key(p, section, name, value);
	if (!p->cut)
		return set_slot(p, section[5], name, value);
	warn_of_line(p, p->line, "longer than %d bytes; ignored", CONF_LINE_MAX);
	return false;
}

/* inih ignores a line in which it finds nothing, and reports nothing. */
static void line_done(struct parse *p)
{
	p->c->lost = p->c->lost || p->waiting;
	if (p->waiting && p->cut)
		warn_of_line(p, p->line, "longer than %d bytes; ignored", CONF_LINE_MAX);
	else if (p->waiting)
		warn_of_line(p, p->line, "neither [section] nor key=value; ignored");
	p->waiting = p->cut = false;
}

/* What inih is given instead of a line that it must not see. A heading must not be lost: the keys
 * below it would fall to the section above. */
static const char *replacement_of_line(char first)
{
	return first == '[' ? "[?]\n" : "\n";
}

/* What is cut off is a comment, as inih knows it. */
static bool ends_in_comment(const char *s)
{
	for (size_t i = 1; i < CONF_LINE_MAX; i++)
		if (s[i] == ';' && (s[i - 1] == ' ' || s[i - 1] == '\t'))
			return true;
	return false;
}

/*
 * Gives inih a line. Blanks at its start are left out, since inih would take an indented line for
 * more of the value above; so is a byte order mark.
 */
static char *next_line(char *buf, int size, void *stream)
{
	struct parse *p = stream;
	const char *s = p->next;
	size_t len;

	line_done(p);
	if (*s == '\0')
		return NULL;
	len = strcspn(s, "\n");
	p->next = s + len + (s[len] == '\n' ? 1 : 0);
	if (++p->line == 1 && strncmp(s, "\xef\xbb\xbf", 3) == 0) {
		s += 3;
		len -= 3;
	}
	for (; len > 0 && (*s == ' ' || *s == '\t' || *s == '\r'); len--)
		s++;
	if (len > CONF_LINE_MAX && strchr("#;[", *s) != NULL) {
		if (*s == '[')
			warn_of_line(p, p->line, "longer than %d bytes; ignored", CONF_LINE_MAX);
		snprintf(buf, (size_t)size, "%s", replacement_of_line(*s));
	} else if (len > 0 && *s == '[' && memchr(s, ']', len) == NULL) {
		warn_of_line(p, p->line,
			     "section name without ']'; the lines below it are ignored");
		snprintf(buf, (size_t)size, "%s", replacement_of_line(*s));
	} else {
		p->waiting = len > 0 && strchr("#;[", *s) == NULL;
		p->cut = len > CONF_LINE_MAX && !ends_in_comment(s);
		snprintf(buf, (size_t)size, "%.*s\n",
			 len > CONF_LINE_MAX ? CONF_LINE_MAX : (int)len, s);
	}
	return buf;
}

/* ---------------------------------------------------------------- interface */

void conf_defaults(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
		if (key->def[0] != '\0' && conf_value_set(c, key, key->def) != KB_OK)
			continue; /* cannot be: a unit test reads them all */
	default_slots(c);
}

bool conf_is_bad(const struct conf *c, const void *member)
{
	size_t offset = (size_t)((const char *)member - (const char *)c);

	for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
		if (key->offset == offset)
			return c->bad[key - conf_keys];
	return true; /* no key has it: a mistake of the caller's */
}

void conf_parse_file(struct conf *c, const char *text, const char *file, conf_warn_fn warn,
		     void *ctx)
{
	struct parse p = { .c = c, .next = text, .file = file, .warn = warn, .ctx = ctx };

	/* The line of the first error, which was reported already. */
	(void)ini_parse_stream(next_line, &p, take_line, &p);
	line_done(&p);
}

void conf_parse_end(struct conf *c, const char *file, conf_warn_fn warn, void *ctx)
{
	struct parse p = { .c = c, .file = file, .warn = warn, .ctx = ctx };

	check_slots(&p);
}

void conf_parse(struct conf *c, const char *text, const char *file, conf_warn_fn warn, void *ctx)
{
	conf_parse_file(c, text, file, warn, ctx);
	conf_parse_end(c, file, warn, ctx);
}

const char *conf_slot_part(const struct conf *c, unsigned slot, const char *cls)
{
	return slot < c->nslots ? find_class(&c->slot[slot], cls) : NULL;
}
