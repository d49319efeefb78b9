/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/modules.h"

#include "initramfs/alias_table.h"
#include "initramfs/root.h"
#include "kernel-cmdline/cmdline.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define BLANKS " \t\n\v\f\r\xa0" /* the kernel's isspace() */

const char *modules_name(const char *path, size_t *len)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	const char *end = strstr(name, ".ko");

	*len = end != NULL ? (size_t)(end - name) : strlen(name);
	return name;
}

/* The end of a word of the kernel command line: a blank outside of quotes, or the end. */
static const char *word_end(const char *s)
{
	bool quoted = false;

	for (; *s != '\0' && (quoted || strchr(BLANKS, *s) == NULL); s++) {
		if (*s == '"')
			quoted = !quoted;
	}
	return s;
}

/* The parameter in a word "name.parameter=value"; NULL when it is another module's. */
static const char *parameter_of(const char *word, const char *end, const char *name, size_t len)
{
	if ((size_t)(end - word) < len + 2 || word[len] != '.')
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (alias_table_letter(word[i]) != alias_table_letter(name[i]))
			return NULL;
	}
	return word + len + 1;
}

static bool append_word(char *out, size_t size, const char *quote, const char *text, size_t len)
{
	size_t used = strlen(out), blank = used > 0, quotes = strlen(quote);

	if (used + blank + quotes + len >= size)
		return false;
	memcpy(out + used, " ", blank);
	memcpy(out + used + blank, quote, quotes);
	memcpy(out + used + blank + quotes, text, len);
	out[used + blank + quotes + len] = '\0';
	return true;
}

static bool is_heeded(const char *heeded, const char *word, const char *end)
{
	const char *equals = memchr(word, '=', (size_t)(end - word));
	size_t len = (size_t)((equals != NULL ? equals : end) - word);

	if (cmdline_is_heeded(heeded, word, len))
		return true;
	log_warn("%.*s: ignored: [system] command-line= does not name it", (int)len, word);
	return false;
}

/* Quotes may stand around the value, and then they stay there, or around the whole word. */
static const char *next_word(const char **s, const char **quote)
{
	const char *word = *s + strspn(*s, BLANKS), *end = word_end(word);

	*s = end;
	*quote = "";
	/* What follows a bare "--" is init's. */
	if (word == end || (end - word == 2 && memcmp(word, "--", 2) == 0))
		return NULL;
	if (*word == '"') {
		word++;
		*quote = "\"";
	}
	return word;
}

bool modules_in_cmdline(const char *cmdline, const char *path)
{
	const char *quote, *word;
	size_t len;
	const char *name = modules_name(path, &len);

	while ((word = next_word(&cmdline, &quote)) != NULL) {
		if (parameter_of(word, cmdline, name, len) != NULL)
			return true;
	}
	return false;
}

bool modules_is_given(const struct modules *m, const struct module *one)
{
	return one->params[0] != '\0' || modules_in_cmdline(m->cmdline, one->path);
}

bool modules_params(char *out, size_t size, const char *path, const char *cmdline,
		    const char *heeded)
{
	size_t len;
	const char *name = modules_name(path, &len), *end = cmdline, *quote, *word;
	bool whole = true;

	out[0] = '\0';
	while ((word = next_word(&end, &quote)) != NULL) {
		const char *param = parameter_of(word, end, name, len);

		if (param != NULL && is_heeded(heeded, word, end))
			whole = append_word(out, size, quote, param, (size_t)(end - param)) &&
				whole;
	}
	return whole;
}

static void warn_of_length(const char *path)
{
	log_warn("module %s: more than %d bytes of parameters; some are dropped", path,
		 MODULES_PARAMS_MAX);
}

/* True for watchdog.ko when the list says nothing about it. */
static bool wants_to_go_on(const char *path, const char *listed)
{
	size_t len;
	const char *name = modules_name(path, &len);

	return len == 8 && memcmp(name, "watchdog", 8) == 0 &&
	       strstr(listed, "stop_on_reboot") == NULL;
}

void modules_own_params(const struct modules *m, const struct module *one,
			char own[MODULES_PARAMS_MAX])
{
	if (!modules_params(own, MODULES_PARAMS_MAX, one->path, m->cmdline, m->heeded))
		warn_of_length(one->path);
}

void modules_compose(char params[MODULES_PARAMS_MAX], const struct module *one, const char *own)
{
	bool whole;

	params[0] = '\0';
	whole = append_word(params, MODULES_PARAMS_MAX, "", one->params, strlen(one->params));
	if (wants_to_go_on(one->path, one->params))
		whole = append_word(params, MODULES_PARAMS_MAX, "", "stop_on_reboot=0", 16) &&
			whole;
	if (own[0] != '\0')
		whole = append_word(params, MODULES_PARAMS_MAX, "", own, strlen(own)) && whole;
	if (!whole)
		warn_of_length(one->path);
}

/* Cuts a line off *text; NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text, *end = line + strcspn(line, "\n");

	if (*line == '\0')
		return NULL;
	*text = *end == '\n' ? end + 1 : end;
	*end = '\0';
	return line;
}

static void take_module(struct modules *m, char *line)
{
	char *blank = strchr(line, ' ');

	if (line[0] == '#' || line[0] == '\0')
		return;
	if (m->n == MODULES_MAX) {
		log_warn("modules: more than %u; %s is not loaded", MODULES_MAX, line);
		return;
	}
	if (blank != NULL)
		*blank = '\0';
	m->module[m->n++] = (struct module){
		.path = line,
		.params = blank != NULL ? blank + 1 : "",
	};
}

void modules_read(struct modules *m, const char *list)
{
	char *at = m->text, *line;
	size_t len;

	m->n = 0;
	for (unsigned i = 0; i < MODULES_SIDE_MAX; i++)
		m->run[i].one = NULL;
	if (os_read_file(list, m->text, sizeof(m->text), &len) != KB_OK) {
		log_info("modules: no list %s; all drivers must be built into the kernel", list);
		return;
	}
	if (len == sizeof(m->text) - 1)
		log_warn("modules: %s is longer than %u bytes; the rest is not loaded", list,
			 MODULES_TEXT);
	while ((line = next_line(&at)) != NULL)
		take_module(m, line);
}

struct module *modules_find(struct modules *m, const char *name, size_t len)
{
	for (unsigned i = 0; i < m->n; i++) {
		size_t own_len, same = 0;
		const char *own = modules_name(m->module[i].path, &own_len);

		while (same < len && own_len == len &&
		       alias_table_letter(own[same]) == alias_table_letter(name[same]))
			same++;
		if (own_len == len && same == len)
			return &m->module[i];
	}
	return NULL;
}

bool modules_in_root(const char *release)
{
	static const char *const folders[] = { "/lib", "/usr/lib" };
	char path[192];

	for (unsigned i = 0; i < KB_ARRAY_LEN(folders); i++) {
		snprintf(path, sizeof(path), ROOT_DIR "%s/modules/%.90s/modules.dep", folders[i],
			 release);
		if (os_exists(path))
			return true;
	}
	return false;
}

void modules_export(const struct modules *m)
{
	/* Each path of the list is longer than its name and the end of a line. */
	static char text[MODULES_TEXT + 1];
	size_t used = 0, len;
	enum kb_err err;

	for (unsigned i = 0; i < m->n; i++) {
		const char *name = modules_name(m->module[i].path, &len);

		if (m->module[i].is & MODULE_FAILED)
			continue;
		memcpy(text + used, name, len);
		text[used + len] = '\n';
		used += len + 1;
	}
	err = os_write_file(MODULES_EXPORT, text, used);
	if (err != KB_OK)
		log_warn("modules: unable to write " MODULES_EXPORT ": %s", err_text(err));
}
