/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check/check_greenboot.h"

#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define CONF	 "/etc/greenboot/greenboot.conf"
#define KEY	 "DISABLED_HEALTHCHECKS"
#define BLANKS	 " \t"
#define TEXT_MAX 65536

/* What stands between the parentheses, without what a # hides; NULL: there is no such key. */
static char *list_of(char *text)
{
	char *at = NULL, *line = text;

	for (char *c = text; *c != '\0'; c++)
		if (*c == '#')
			memset(c, ' ', strcspn(c, "\n"));
	for (; line != NULL && at == NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, BLANKS);
		if (strncmp(line, KEY, strlen(KEY)) == 0)
			at = line + strlen(KEY);
	}
	if (at == NULL)
		return NULL;
	at += strspn(at, BLANKS);
	if (*at != '=')
		return NULL;
	at += 1 + strspn(at + 1, BLANKS);
	if (*at != '(')
		return NULL;
	at[strcspn(at, ")")] = '\0';
	return at + 1;
}

static bool disable(struct check_list *l, const char *name)
{
	bool known = false;

	for (unsigned i = 0; i < l->n; i++) {
		struct check_found *c = &l->check[i];
		const char *file = strrchr(c->path, '/') + 1;

		if (strchr(c->name, '/') == NULL || strcmp(file, name) != 0)
			continue;
		c->off = "disabled in greenboot.conf";
		known = true;
	}
	return known;
}

void check_greenboot_disable(struct check_list *l, const char *root)
{
	static char text[TEXT_MAX];
	char path[DEVICE_PATH_MAX], *list, *name;
	enum kb_err err;

	snprintf(path, sizeof(path), "%s" CONF, root);
	err = os_read_file(path, text, sizeof(text), NULL);
	if (err != KB_OK) {
		if (err != KB_ENOENT)
			log_warn("%s: cannot be read: %s", path, err_text(err));
		return;
	}
	list = list_of(text);
	while (list != NULL && (name = strsep(&list, BLANKS "\n\"'")) != NULL)
		if (name[0] != '\0' && !disable(l, name))
			log_warn("%s: " KEY " names %s, and there is no such check", path, name);
}
