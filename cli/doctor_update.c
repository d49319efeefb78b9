/* SPDX-License-Identifier: Apache-2.0 */
/* What an update needs: a name, keys, and room where it is staged. */
#include "cli/doctor.h"

#include "cli/stage_files.h"
#include "lib/os.h"
#include "lib/util.h"
#include "update/keyring.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define ROOM_MIN (64u << 20) /* bytes: where nothing tells how large a bundle is */

static const char *const development[] = { "dev",  "devel",   "development", "demo",
					   "test", "testing", "example",     "sample" };

/* As a word of its own: "dev", "acme-dev-2026", "test1", but neither "device" nor "contest". */
static bool is_development(const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, "-_.0123456789");

		for (size_t i = 0; i < KB_ARRAY_LEN(development); i++)
			if (strlen(development[i]) == len &&
			    strncasecmp(name, development[i], len) == 0)
				return true;
		name += name[len] != '\0' ? len + 1 : len;
	}
	return false;
}

static void check_folder(struct doctor *doc, const char *dir)
{
	struct stat st;

	if (stat(dir, &st) == 0 && ((st.st_mode & 022) != 0 || st.st_uid != 0))
		doctor_find(doc, DOCTOR_ERROR, "keys-writable", "chown root, chmod go-w",
			    "others than root may put keys into %s", dir);
}

static void check_keys(struct doctor *doc)
{
	static struct keyring keys;
	char dir[DEVICE_PATH_MAX];
	enum kb_err e;

	snprintf(dir, sizeof(dir), "%s%s", doc->d->opts->conf_root, doc->d->conf.keyring);
	e = keyring_load(&keys, dir);
	if (e != KB_OK) {
		doctor_find(doc, DOCTOR_ERROR, "keys-none",
			    "put the public key (*.pem) of `keelboot key generate` there, and "
			    "into the initramfs",
			    "%s: no key can be used: no bundle is trusted", dir);
		return;
	}
	check_folder(doc, dir);
	for (unsigned i = 0; i < keys.n; i++)
		if (is_development(keys.key[i].name))
			doctor_find(doc, DOCTOR_WARNING, "key-development",
				    "take it off devices that leave the house",
				    "%s/%s.pem is a development key by its name", dir,
				    keys.key[i].name);
	keyring_free(&keys);
}

static void check_configuration(struct doctor *doc)
{
	const struct device *d = doc->d;

	if (!d->conf_found)
		doctor_find(doc, DOCTOR_ERROR, "conf-missing",
			    "write /etc/keelboot/system.conf; system.conf(5)",
			    "there is no system.conf: defaults are used");
	if (d->conf.compatible[0] == '\0')
		doctor_find(doc, DOCTOR_ERROR, "conf-compatible",
			    "set [system] compatible= of system.conf",
			    "system.conf does not say what this device is: no bundle is "
			    "installed");
}

static void check_staging(struct doctor *doc)
{
	const struct device *d = doc->d;
	char free_text[OUTPUT_TIME_LEN];
	uint64_t room, total;

	if (!d->conf.data_enabled)
		return;
	if (doc->st.staged_path[0] != '\0' && !doc->st.have_staged_file)
		doctor_find(doc, DOCTOR_ERROR, "staged-missing",
			    "keelboot stage it again, or keelboot unstage",
			    "%.150s is staged but not there", doc->st.staged_path);
	if (os_free_space(d->conf.data_mount, &room, &total) != KB_OK) {
		doctor_find(doc, DOCTOR_ERROR, "staging-missing",
			    "mount the data partition there, or say where it is: [source.data] "
			    "mount=; enabled=no if there is none",
			    "%s is not there: nothing can be staged", d->conf.data_mount);
		return;
	}
	output_size(free_text, room);
	if (room < ROOM_MIN)
		doctor_find(doc, DOCTOR_WARNING, "staging-space", "make room on it",
			    "%s has only %s left: a bundle may not fit", d->conf.data_mount,
			    free_text);
}

static void check_sources(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;

	if (!c->data_enabled && !c->usb_enabled && !c->sd_enabled && !c->raw_enabled)
		doctor_find(doc, DOCTOR_WARNING, "sources-none",
			    "switch one on: enabled=yes in [source.data], [source.usb], …",
			    "all sources of updates are switched off: only `keelboot install` "
			    "updates, and nothing repairs a device that does not boot");
}

void doctor_update(struct doctor *doc)
{
	check_configuration(doc);
	check_keys(doc);
	check_staging(doc);
	check_sources(doc);
}
