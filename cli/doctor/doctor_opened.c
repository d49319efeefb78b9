/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a word of the command line keeps a slot from being opened: dracut then opens what such
 * words name and nothing else, and waits for each of them. */
#include "cli/doctor/doctor_checks.h"

#include <string.h>

static const struct {
	/* with the '=' */
	const char *name;
	char kind;
	const char *fix;
} namers[] = {
	{ "rd.lvm.lv=", 'v', "give the kernel rd.lvm.vg= with the slots' group in its place" },
	{ "rd.md.uuid=", 'm', "give the kernel rd.auto=1 in its place" },
	{ "rd.luks.uuid=", 'c', "remove it: the containers of the slots belong in /etc/crypttab" },
	{ "rd.luks.name=", 'c', "remove it: the containers of the slots belong in /etc/crypttab" },
};

static bool is_in_crypttab(const struct doctor *doc, const char *name)
{
	static char text[16384];
	char *rest = text, *line;
	size_t len = strlen(name);

	if (!doctor_read(doc, "/etc/crypttab", text, sizeof(text)))
		return false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		line += strspn(line, " \t");
		if (strcspn(line, " \t") == len && strncmp(line, name, len) == 0)
			return true;
	}
	return false;
}

/* 'm': an array; 'c': a container; 'v': a volume; 0: nobody has to open it. */
static char opened_kind(const struct doctor *doc, const char *part)
{
	static const char mapper[] = "/dev/mapper/";
	const char *slash = strncmp(part, "/dev/", 5) == 0 ? strchr(part + 5, '/') : NULL;

	if (strncmp(part, "/dev/md", 7) == 0)
		return 'm';
	if (slash == NULL || strncmp(part, "/dev/disk/", 10) == 0)
		return 0;
	if (strncmp(part, mapper, sizeof(mapper) - 1) == 0 &&
	    is_in_crypttab(doc, part + sizeof(mapper) - 1))
		return 'c';
	return 'v';
}

static bool has_slot_of(const struct doctor *doc, char kind)
{
	const struct conf *c = &doc->d->conf;

	for (unsigned i = 0; i < CONF_SLOTS_MAX; i++)
		for (unsigned j = 0; j < c->slot[i].nclasses; j++)
			if (opened_kind(doc, c->slot[i].cls[j].part) == kind)
				return true;
	return false;
}

/* One finding says it for all words of its kind. */
void doctor_opened(struct doctor *doc)
{
	static char text[CMDLINE_MAX + 1];
	char *rest = text, *word;

	if (!doctor_read(doc, "/proc/cmdline", text, sizeof(text)))
		return;
	while ((word = strsep(&rest, " \t\n")) != NULL) {
		for (unsigned i = 0; i < sizeof(namers) / sizeof(namers[0]); i++) {
			if (strncmp(word, namers[i].name, strlen(namers[i].name)) != 0 ||
			    !has_slot_of(doc, namers[i].kind))
				continue;
			doctor_report(
				doc, DOCTOR_WARNING, "slot-not-opened", namers[i].fix,
				"kernel command line: %.80s: dracut opens only what such words name, and where one of these is gone, no slot boots",
				word);
			return;
		}
	}
}
