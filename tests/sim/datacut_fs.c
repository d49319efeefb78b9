/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/datacut.h"

#include <stdlib.h>
#include <string.h>

void datacut_fs_init(struct datacut_fs *fs)
{
	memset(fs, 0, sizeof(*fs));
	fs->nnodes = 1;
	fs->node[DATACUT_TOP].folder = true;
}

static struct datacut_name *find_name(struct datacut_fs *fs, int in, const char *name)
{
	for (unsigned i = 0; i < fs->nnames; i++)
		if (fs->name[i].node >= 0 && fs->name[i].in == in &&
		    strcmp(fs->name[i].name, name) == 0)
			return &fs->name[i];
	return NULL;
}

int datacut_fs_find(const struct datacut_fs *fs, int in, const char *name)
{
	const struct datacut_name *n = find_name((struct datacut_fs *)fs, in, name);

	return n == NULL ? -1 : n->node;
}

int datacut_fs_path(const struct datacut_fs *fs, const char *path)
{
	char part[DATACUT_NAME];
	int at = DATACUT_TOP;

	while (at >= 0 && util_path_part(&path, part, sizeof(part)))
		at = datacut_fs_find(fs, at, part);
	return at;
}

int datacut_fs_node(struct datacut_fs *fs, bool folder)
{
	struct datacut_node *n = &fs->node[fs->nnodes];

	if (fs->nnodes == DATACUT_NODES)
		abort();
	memset(n, 0, sizeof(*n));
	n->folder = folder;
	return (int)fs->nnodes++;
}

static void add_name(struct datacut_fs *fs, int in, const char *name, int node)
{
	struct datacut_name *n = fs->name;

	for (unsigned i = 0; i < fs->nnames; i++, n++)
		if (n->node < 0)
			break;
	if (n == fs->name + fs->nnames && fs->nnames++ == DATACUT_NAMES)
		abort();
	n->in = in;
	n->node = node;
	snprintf(n->name, sizeof(n->name), "%s", name);
}

static bool is_empty(const struct datacut_fs *fs, int node)
{
	for (unsigned i = 0; i < fs->nnames; i++)
		if (fs->name[i].node >= 0 && fs->name[i].in == node)
			return false;
	return true;
}

/* All below `from` once more, below `to`. */
static void copy_tree(struct datacut_fs *fs, int from, int to)
{
	fs->node[to] = fs->node[from];
	for (unsigned i = 0, n = fs->nnames; i < n; i++) {
		int copy;

		if (fs->name[i].node < 0 || fs->name[i].in != from)
			continue;
		copy = datacut_fs_node(fs, false);
		copy_tree(fs, fs->name[i].node, copy);
		add_name(fs, to, fs->name[i].name, copy);
	}
}

static void write_text(struct datacut_node *n, const struct datacut_change *c)
{
	if (c->off + c->len > DATACUT_TEXT)
		abort();
	memcpy(n->text + c->off, c->text, c->len);
	if (n->len < c->off + c->len)
		n->len = c->off + c->len;
}

void datacut_fs_do(struct datacut_fs *fs, const struct datacut_change *c)
{
	struct datacut_name *n = find_name(fs, c->in, c->name);

	switch (c->kind) {
	case DATACUT_ADD:
		if (n == NULL)
			add_name(fs, c->in, c->name, c->node);
		break;
	case DATACUT_REMOVE:
		if (n != NULL && (!fs->node[n->node].folder || fs->node[n->node].subvolume ||
				  is_empty(fs, n->node)))
			n->node = -1;
		break;
	case DATACUT_MOVE:
		if (n == NULL || find_name(fs, c->to_in, c->to) != NULL)
			break;
		n->in = c->to_in;
		snprintf(n->name, sizeof(n->name), "%s", c->to);
		break;
	case DATACUT_REPLACE:
		if (n == NULL)
			break;
		if (find_name(fs, c->to_in, c->to) != NULL)
			find_name(fs, c->to_in, c->to)->node = -1;
		n->in = c->to_in;
		snprintf(n->name, sizeof(n->name), "%s", c->to);
		break;
	case DATACUT_WRITE:
		write_text(&fs->node[c->node], c);
		break;
	case DATACUT_COPY:
		copy_tree(fs, c->node, c->to_in);
		break;
	}
}

/* ---------------------------------------------------------------- as text */

/* What nothing reads any more. */
static bool is_litter(const char *name)
{
	return strcmp(name, "kept.new") == 0 || strcmp(name, "kept.gone") == 0;
}

static size_t print_folder(const struct datacut_fs *fs, int in, char *out, size_t size)
{
	const struct datacut_name *last = NULL;
	size_t len = 0;

	/* in the order of their names, however they came to be */
	for (;;) {
		const struct datacut_name *next = NULL;

		for (unsigned i = 0; i < fs->nnames; i++) {
			const struct datacut_name *n = &fs->name[i];

			if (n->node >= 0 && n->in == in &&
			    (last == NULL || strcmp(n->name, last->name) > 0) &&
			    (next == NULL || strcmp(n->name, next->name) < 0))
				next = n;
		}
		if (next == NULL)
			return len;
		last = next;
		if (len + DATACUT_TEXT + 64 > size)
			abort();
		len += (size_t)snprintf(out + len, size - len, "%s%c", next->name,
					!fs->node[next->node].folder	 ? '='
					: fs->node[next->node].subvolume ? '{'
									 : '(');
		if (is_litter(next->name) && !is_empty(fs, next->node)) {
			len += (size_t)snprintf(out + len, size - len, "x=;");
		} else if (fs->node[next->node].folder) {
			len += print_folder(fs, next->node, out + len, size - len);
		} else {
			memcpy(out + len, fs->node[next->node].text, fs->node[next->node].len);
			len += fs->node[next->node].len;
		}
		out[len++] = fs->node[next->node].folder ? ')' : ';';
	}
}

size_t datacut_fs_print(const struct datacut_fs *fs, char *out, size_t size)
{
	size_t len = print_folder(fs, DATACUT_TOP, out, size);

	out[len] = '\0';
	return len;
}

static const char *read_folder(struct datacut_fs *fs, int in, const char *at)
{
	while (*at != '\0' && *at != ')') {
		size_t n = strcspn(at, "=({");
		char name[DATACUT_NAME];
		int node = datacut_fs_node(fs, at[n] != '=');

		snprintf(name, sizeof(name), "%.*s", (int)n, at);
		fs->node[node].subvolume = at[n] == '{';
		add_name(fs, in, name, node);
		at += n + 1;
		if (fs->node[node].folder) {
			at = read_folder(fs, node, at) + 1;
			continue;
		}
		fs->node[node].len = (unsigned)strcspn(at, ";");
		memcpy(fs->node[node].text, at, fs->node[node].len);
		at += fs->node[node].len + 1;
	}
	return at;
}

void datacut_fs_read(struct datacut_fs *fs, const char *text)
{
	datacut_fs_init(fs);
	read_folder(fs, DATACUT_TOP, text);
}
