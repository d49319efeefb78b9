/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_find.h"

#include "cli/guard/guard_command.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define BLANKS	    " \t\r\n"
#define HASH_MIN    32 /* digits of a checksum: below that it is a name */
#define HASH_SHORT  12
#define CMDLINE_MAX 4096

/* The value of a word of the kernel command line; false: it has none. */
static bool find_word(const char *cmdline, const char *key, char *value, size_t size)
{
	size_t len = strlen(key), word;

	for (; *cmdline != '\0'; cmdline += word) {
		cmdline += strspn(cmdline, BLANKS);
		word = strcspn(cmdline, BLANKS);
		if (word > len && word - len < size && strncmp(cmdline, key, len) == 0) {
			memcpy(value, cmdline + len, word - len);
			value[word - len] = '\0';
			return true;
		}
	}
	return false;
}

/* ostree=/ostree/boot.1/OS/CHECKSUM-OF-THE-KERNEL/0 is a link to …/deploy/CHECKSUM-OF-THE-COMMIT.0:
 * another kernel argument makes another number behind it, and not another system. */
static enum kb_err find_ostree(const struct device *d, const char *cmdline, char *id)
{
	char word[256], path[DEVICE_PATH_MAX + 272], target[512];
	const char *name;

	if (!find_word(cmdline, "ostree=", word, sizeof(word)))
		return KB_ENOENT;
	snprintf(path, sizeof(path), "%s/sysroot%s", d->opts->conf_root, word);
	if (os_readlink(path, target, sizeof(target)) != KB_OK) {
		log_err("%s: %m; it is not known which deployment runs", path);
		return KB_EIO;
	}
	name = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
	snprintf(id, GUARD_ID_MAX + 1, "%.*s", (int)strcspn(name, "."), name);
	return id[0] != '\0' ? KB_OK : KB_EIO;
}

static enum kb_err find_digest(const char *cmdline, char *id)
{
	static const char *const keys[] = { "composefs=", "roothash=", "usrhash=" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(keys); i++) {
		if (!find_word(cmdline, keys[i], id, GUARD_ID_MAX + 1))
			continue;
		if (id[0] == '?') /* composefs: may be without fs-verity */
			memmove(id, id + 1, strlen(id));
		return KB_OK;
	}
	return KB_ENOENT;
}

/* The value of KEY= in os-release, without its quotes. */
static bool find_key(const char *text, const char *key, char *value, size_t size)
{
	size_t len = strlen(key), n;

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0)
			continue;
		line += len;
		line += *line == '"' || *line == '\'';
		n = strcspn(line, "\"'\n");
		snprintf(value, size, "%.*s", (int)n, line);
		return n > 0;
	}
	return false;
}

static enum kb_err find_release(const struct device *d, char *id)
{
	char path[DEVICE_PATH_MAX + 32], text[8192], image[64] = "image", version[56];
	enum kb_err err;

	snprintf(path, sizeof(path), "%s/etc/os-release", d->opts->conf_root);
	err = os_read_file(path, text, sizeof(text), NULL);
	if (err != KB_OK) {
		snprintf(path, sizeof(path), "%s/usr/lib/os-release", d->opts->conf_root);
		err = os_read_file(path, text, sizeof(text), NULL);
	}
	if (err != KB_OK || !find_key(text, "IMAGE_VERSION=", version, sizeof(version)))
		return KB_ENOENT;
	if (!find_key(text, "IMAGE_ID=", image, sizeof(image)))
		log_debug("%s: no IMAGE_ID", path);
	snprintf(id, GUARD_ID_MAX + 1, "%s %s", image, version);
	return KB_OK;
}

static enum kb_err ask_command(const struct device *d, char *id)
{
	struct guard_command_end end;

	guard_command_run(d, d->conf.guard_deployment, NULL, &end);
	if (!end.ok || end.said[0] == '\0') {
		log_err("[guard] deployment=%s: %s; it is not known which deployment runs",
			d->conf.guard_deployment, end.ok ? "printed nothing" : end.what);
		return KB_EIO;
	}
	snprintf(id, GUARD_ID_MAX + 1, "%.*s", GUARD_ID_MAX, end.said);
	return KB_OK;
}

enum kb_err guard_find(const struct device *d, char id[GUARD_ID_MAX + 1])
{
	char path[DEVICE_PATH_MAX + 16], cmdline[CMDLINE_MAX];
	enum kb_err err;

	if (d->conf.guard_deployment[0] != '\0')
		return ask_command(d, id);
	snprintf(path, sizeof(path), "%s/proc/cmdline", d->opts->conf_root);
	if (os_read_file(path, cmdline, sizeof(cmdline), NULL) != KB_OK)
		cmdline[0] = '\0';
	err = find_ostree(d, cmdline, id);
	if (err == KB_ENOENT)
		err = find_digest(cmdline, id);
	if (err == KB_ENOENT)
		err = find_release(d, id);
	if (err == KB_ENOENT)
		log_err("it is not known which deployment runs: the kernel command line has no ostree=, composefs=, roothash= or usrhash=, and os-release no IMAGE_VERSION; set [guard] deployment=");
	return err;
}

void guard_find_short(const char *id, char text[GUARD_SHORT_MAX + 1])
{
	bool checksum = strspn(id, "0123456789abcdef") == strlen(id) && strlen(id) >= HASH_MIN;

	snprintf(text, GUARD_SHORT_MAX + 1, "%.*s", checksum ? HASH_SHORT : GUARD_SHORT_MAX, id);
}
