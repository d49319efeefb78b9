/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bundle: the root as it runs. A bind mount shows it without what is mounted into it. In
 * it, the line of "/" is taken out of fstab, and folders whose files come and go are empty. These
 * mounts are this process's own: nobody else sees them, and they are gone when it ends, however it
 * ends.
 */
#include "cli/adopt/adopt.h"

#include "cli/bundle/bundle_build.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_mounts.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define WORK  "/run/keelboot-adopt"
#define VIEW  WORK "/root"
#define FSTAB WORK "/fstab"
#define TRIES 3 /* a file may go away while mke2fs reads the folder */

void adopt_bundle_path(const struct adopt *ad, char out[DEVICE_PATH_MAX])
{
	snprintf(out, DEVICE_PATH_MAX, "%s%s/keelboot/first.keel", ad->sys_root, ad->data_mount);
}

/* Whether a line of fstab mounts the root. */
static bool mounts_root(const char *line)
{
	char source[256], place[256];

	return sscanf(line, "%255s %255s", source, place) == 2 && source[0] != '#' &&
	       strcmp(place, "/") == 0;
}

/* Above an overlay, the options of its line would be given to overlayfs, which refuses most. */
static enum kb_err hide_root_line(void)
{
	static char text[64u << 10], kept[64u << 10];
	char *rest = text, *line;
	size_t len = 0;

	if (!os_is_file(VIEW "/etc/fstab"))
		return KB_OK;
	TRY(os_read_file(VIEW "/etc/fstab", text, sizeof(text), NULL));
	while ((line = strsep(&rest, "\n")) != NULL)
		if (!mounts_root(line) && (rest != NULL || line[0] != '\0'))
			len += (size_t)snprintf(kept + len, sizeof(kept) - len, "%s\n", line);
	TRY(os_write_file(FSTAB, kept, len));
	return os_mount(FSTAB, VIEW "/etc/fstab", NULL, MS_BIND, NULL);
}

/* Below the mount of /boot there may be what was there before it got a partition. */
static enum kb_err hide_passing_files(void)
{
	static const struct {
		const char *path, *mode;
	} folders[] = { { VIEW "/tmp", "mode=1777" },
			{ VIEW "/var/tmp", "mode=1777" },
			{ VIEW "/boot", "mode=0755" } };

	for (size_t i = 0; i < KB_ARRAY_LEN(folders); i++)
		if (os_exists(folders[i].path))
			TRY(os_mount("tmpfs", folders[i].path, "tmpfs", MS_NOSUID | MS_NODEV,
				     folders[i].mode));
	return KB_OK;
}

/* A snapshot is older than the configuration, which must be in the bundle. */
static enum kb_err show_conf(const struct adopt *ad)
{
	char conf[DEVICE_PATH_MAX];

	if (ad->from == NULL)
		return KB_OK;
	adopt_path(ad, conf, "/etc/keelboot");
	return os_mount(conf, VIEW "/etc/keelboot", NULL, MS_BIND, NULL);
}

static enum kb_err make_view(const struct adopt *ad)
{
	char from[DEVICE_PATH_MAX];

	adopt_path(ad, from, "/");
	TRY(os_mounts_own());
	TRY(os_mkdir(WORK, 0700));
	TRY(os_mount("tmpfs", WORK, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700"));
	TRY(os_mkdir(VIEW, 0700));
	TRY(os_mount(ad->from != NULL ? ad->from : from, VIEW, NULL, MS_BIND, NULL));
	TRY(show_conf(ad));
	TRY(hide_root_line());
	return hide_passing_files();
}

const char *adopt_bundle_wrong(const char *key, const char *value)
{
	static struct bundle_spec s;
	const char *wrong;

	bundle_spec_default(&s);
	wrong = bundle_spec_set(&s, "", key, value);
	/* Not a list, as a bundle may have: a device is one of them. */
	return wrong != NULL || s.m.ncompatible <= 1 ? wrong : "expected one name";
}

static const char *set_spec(struct bundle_spec *s, const struct adopt *ad, const char *output)
{
	char image[64];
	const struct {
		const char *key, *value;
	} keys[] = {
		{ "output", output },	    { "compatible", ad->compatible },
		{ "version", ad->version }, { "sequence", ad->sequence },
		{ "key", ad->key },
	};

	bundle_spec_default(s);
	for (size_t i = 0; i < KB_ARRAY_LEN(keys); i++) {
		const char *wrong = bundle_spec_set(s, "", keys[i].key, keys[i].value);

		if (wrong != NULL)
			return wrong;
	}
	snprintf(image, sizeof(image), "root=" VIEW ",fs=ext4,size=%" PRIu64 "M",
		 adopt_image_size(ad) / ADOPT_MIB);
	return bundle_spec_image_option(s, image);
}

enum kb_err adopt_make_bundle(struct adopt *ad)
{
	static struct bundle_spec s;
	struct bundle_build_result result;
	char output[DEVICE_PATH_MAX], folder[DEVICE_PATH_MAX];
	const char *wrong;
	enum kb_err err = make_view(ad);

	if (err != KB_OK) {
		log_err("the root cannot be shown at " VIEW ": %s", err_text(err));
		return err;
	}
	adopt_bundle_path(ad, output);
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(output, '/') - output), output);
	err = os_mkdir(folder, 0700);
	if (err != KB_OK) {
		log_err("%s: unable to make the folder: %s", folder, err_text(err));
		return err;
	}
	for (unsigned i = 0; i < TRIES; i++) {
		wrong = set_spec(&s, ad, output);
		if (wrong != NULL) {
			log_err("bundle: %s", wrong);
			return KB_EINVAL;
		}
		err = bundle_build(&s, &result);
		if (err != KB_EIO)
			break;
		log_warn("the root changed while it was read; once more");
	}
	return err;
}
