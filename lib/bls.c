/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bls.h"

#include <string.h>
#include <strings.h>

struct word {
	const char *at;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct word trim_blanks(struct word w)
{
	while (w.len > 0 && is_blank(w.at[0])) {
		w.at++;
		w.len--;
	}
	while (w.len > 0 && is_blank(w.at[w.len - 1]))
		w.len--;
	return w;
}

static struct word unquote(struct word w)
{
	bool is = w.len > 1 && w.at[0] == '"' && w.at[w.len - 1] == '"';

	return is ? (struct word){ w.at + 1, w.len - 2 } : w;
}

/* The next line, without the blanks around it; false: there is none. */
static bool take_next_line(struct word *rest, struct word *line)
{
	size_t n = 0;

	if (rest->len == 0)
		return false;
	while (n < rest->len && rest->at[n] != '\n' && rest->at[n] != '\r')
		n++;
	*line = trim_blanks((struct word){ rest->at, n });
	n += n < rest->len;
	rest->at += n;
	rest->len -= n;
	return true;
}

static bool is_key(struct word key, const char *name)
{
	return key.len == strlen(name) && memcmp(key.at, name, key.len) == 0;
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

static size_t skip_slashes(const char *at, size_t len)
{
	size_t n = 0;

	while (n < len && is_slash(at[n]))
		n++;
	return n;
}

/* Slashes are doubled, turned round, or missing at the beginning, for systemd-boot as well. */
static bool is_path(struct word value, const char *path)
{
	size_t n = skip_slashes(value.at, value.len);

	for (path++; *path != '\0'; path++) {
		size_t slashes = skip_slashes(value.at + n, value.len - n);

		if (*path == '/' ? slashes == 0
				 : n >= value.len || strncasecmp(value.at + n, path, 1) != 0)
			return false;
		n += *path == '/' ? slashes : 1;
	}
	return n == value.len;
}

struct bls bls_look(const char *text, size_t len, const char *path)
{
	struct word rest = { text, strnlen(text, len) }, line;
	struct bls b = { 0 };

	while (take_next_line(&rest, &line)) {
		struct word key = { line.at, 0 }, value;

		while (key.len < line.len && !is_blank(line.at[key.len]))
			key.len++;
		value = unquote(
			trim_blanks((struct word){ line.at + key.len, line.len - key.len }));
		if (is_key(key, "linux") || is_key(key, "efi") || is_key(key, "uki")) {
			b.starts |= is_path(value, path);
			b.starts_other |= !is_path(value, path);
		}
		if (is_key(key, "initrd") || is_key(key, "devicetree"))
			b.loads |= is_path(value, path);
	}
	return b;
}
