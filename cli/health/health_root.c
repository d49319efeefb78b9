/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health_root.h"

#include "lib/capture.h"
#include "lib/os.h"
#include "lib/os_mounts.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define MOUNT_MS 30000

/* Nobody may run what is not checked, where the boot would check it. */
static bool has_root_hash(struct device *d, int slot)
{
	static const char key[] = "\nverity-root-hash=";
	static uint8_t blob[STORE_MANIFEST_MAX];
	struct store_manifest m;

	return store_manifest_read(&d->store, slot, &m, blob, sizeof(blob)) == KB_OK &&
	       memmem(blob, m.len, key, sizeof(key) - 1) != NULL;
}

static bool may_mount(struct device *d, int slot, char why[HISTORY_TEXT_MAX + 1])
{
	bool verity;

	if (device_open_to_read(d) != KB_OK)
		return false;
	verity = has_root_hash(d, slot);
	device_close(d);
	if (verity || d->conf.verify_slot == CONF_VERIFY_ALWAYS)
		snprintf(why, HISTORY_TEXT_MAX + 1,
			 "its root is verified by dm-verity, which only a boot sets up");
	return !verity && d->conf.verify_slot != CONF_VERIFY_ALWAYS;
}

static bool mount_slot(const char *dev, const char *root, char why[HISTORY_TEXT_MAX + 1])
{
	const char *const argv[] = { "/bin/mount", "-r", dev, root, NULL };
	char said[120];

	if (capture_run(argv, MOUNT_MS, said, sizeof(said)) == KB_OK)
		return true;
	said[strcspn(said, "\n")] = '\0';
	snprintf(why, HISTORY_TEXT_MAX + 1, "cannot be mounted: %s", said);
	return false;
}

static void mount_inside(const struct device *d, const char *root)
{
	const char *const paths[] = { "/dev", "/proc",		 "/sys", "/run", "/tmp",
				      "/var", d->conf.data_mount };
	char target[2 * DEVICE_PATH_MAX];

	for (unsigned i = 0; i < KB_ARRAY_LEN(paths); i++) {
		snprintf(target, sizeof(target), "%s%s", root, paths[i]);
		/* What that root has no place for, its programs do without. */
		if (paths[i][0] == '/' && os_exists(paths[i]) && os_exists(target))
			(void)!os_mount(paths[i], target, NULL, MS_BIND | MS_REC, NULL);
	}
}

bool health_root_enter(struct device *d, int slot, char root[DEVICE_PATH_MAX],
		       char why[HISTORY_TEXT_MAX + 1])
{
	char dev[DEVICE_PATH_MAX];

	snprintf(why, HISTORY_TEXT_MAX + 1, "its partition is not known");
	snprintf(root, DEVICE_PATH_MAX, "%s/other-root", d->opts->run_dir);
	if (!may_mount(d, slot, why) || device_slot_path(d, slot, "root", dev) != KB_OK)
		return false;
	if (os_mounts_own() != KB_OK || os_mkdir(root, 0700) != KB_OK) {
		snprintf(why, HISTORY_TEXT_MAX + 1, "no mount namespace, or no folder for it");
		return false;
	}
	if (!mount_slot(dev, root, why))
		return false;
	mount_inside(d, root);
	return true;
}

void health_root_leave(const char *root)
{
	/* Else it goes with this process, whose own it is. */
	(void)!os_umount(root);
}
