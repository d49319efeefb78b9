/* SPDX-License-Identifier: Apache-2.0 */
/* system.conf of an adopted system, and the key that it trusts. */
#include "cli/adopt/adopt.h"

#include "cli/bundle/bundle_output.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define CONF_FILE "/etc/keelboot/system.conf"
#define KEYS	  "/etc/keelboot/keys"
#define FIRST	  "# Made by `keelboot adopt`."

void adopt_look_at_conf(struct adopt *ad)
{
	static char text[CONF_FILE_MAX];
	char path[DEVICE_PATH_MAX], fix[ADOPT_FIX_LEN];

	adopt_path(ad, path, CONF_FILE);
	if (!os_exists(path))
		return;
	ad->configured = os_read_file(path, text, sizeof(text), NULL) == KB_OK &&
			 strncmp(text, FIRST, strlen(FIRST)) == 0;
	if (ad->configured)
		return;
	snprintf(fix, sizeof(fix), "mv %.400s %.400s.old; or go on by hand with docs/INTEGRATE.md",
		 path, path);
	adopt_problem(ad, fix, "%s is there, and adopt did not make it", path);
}

static int print_conf(const struct adopt *ad, char *text, size_t size)
{
	const struct prober_part *const *r = ad->role;
	char overlay[64] = "tmpfs";

	if (r[ADOPT_OVERLAY] != NULL)
		snprintf(overlay, sizeof(overlay), "PARTUUID=%s", r[ADOPT_OVERLAY]->partuuid);
	return snprintf(text, size,
			FIRST " man system.conf explains each key.\n"
			      "[system]\ncompatible=%s\nroot-overlay=%s\n"
			      "[state]\npartition=PARTUUID=%s\n"
			      "[slot.a]\nroot=PARTUUID=%s\n"
			      "[slot.b]\nroot=PARTUUID=%s\n"
			      "[source.data]\npartition=PARTUUID=%s\nfilesystem=%s\nmount=%s\n"
			      "# root= of the boot loader names slot a, which updates overwrite.\n"
			      "[initramfs]\nrequired=yes\n",
			ad->compatible, overlay, r[ADOPT_STATE]->partuuid, r[ADOPT_ROOT]->partuuid,
			r[ADOPT_SLOT_B]->partuuid, r[ADOPT_DATA]->partuuid, r[ADOPT_DATA]->fstype,
			ad->data_mount);
}

static enum kb_err find_pem(void *found, const char *name)
{
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, ".pem") == 0)
		*(bool *)found = true;
	return KB_OK;
}

/* `key generate` makes the public half beside the private one: vendor.key, vendor.pem. */
static enum kb_err copy_public_key(const struct adopt *ad, const char *keys)
{
	char from[DEVICE_PATH_MAX], to[2 * DEVICE_PATH_MAX + 2], text[4096];
	size_t len = ad->key != NULL ? strlen(ad->key) : 0;
	const char *name;

	if (len > 4 && len < sizeof(from) && strcmp(ad->key + len - 4, ".key") == 0) {
		snprintf(from, sizeof(from), "%.*s.pem", (int)len - 4, ad->key);
		name = strrchr(from, '/');
		snprintf(to, sizeof(to), "%s/%s", keys, name != NULL ? name + 1 : from);
		if (os_read_file(from, text, sizeof(text), &len) == KB_OK)
			return bundle_output_whole(to, text, len);
	}
	log_err("%s has no public key, and there is none beside %s; copy it: install -m 644 PUBLIC.pem %s",
		keys, ad->key != NULL ? ad->key : "--key", keys);
	return KB_ENOENT;
}

static enum kb_err write_key(const struct adopt *ad)
{
	char keys[DEVICE_PATH_MAX];
	bool found = false;

	adopt_path(ad, keys, KEYS);
	TRY(os_mkdir(keys, 0755));
	TRY(os_each(keys, find_pem, &found));
	return found ? KB_OK : copy_public_key(ad, keys);
}

enum kb_err adopt_write_conf(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX], text[2048];
	enum kb_err err;

	adopt_path(ad, path, "/etc/keelboot");
	err = os_mkdir(path, 0755);
	if (err == KB_OK)
		err = write_key(ad);
	if (err != KB_OK || ad->configured)
		return err;
	adopt_path(ad, path, CONF_FILE);
	return bundle_output_whole(path, text, (size_t)print_conf(ad, text, sizeof(text)));
}
