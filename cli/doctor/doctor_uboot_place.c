/* SPDX-License-Identifier: Apache-2.0 */
/* Where U-Boot keeps its environment: it writes there at each start, also over what is ours. */
#include "cli/doctor/doctor_checks.h"

#include "lib/bytes.h"
#include "selector/loader/loader_fwenv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECTOR UINT64_C(512)

struct place {
	/* "mmcblk0" */
	char disk[64];
	uint64_t from, end;
};

/* "mmcblk0p1" of "/dev/mmcblk0p1", and of "/dev/mmcblk0p1:/boot/Image". */
static void name_of(char name[64], const char *path)
{
	size_t len = strcspn(path, ":");
	size_t from = len;

	while (from > 0 && path[from - 1] != '/')
		from--;
	snprintf(name, 64, "%.*s", (int)(len - from), path + from);
}

/* Of the kernel, in sectors. 0: it says none. */
static uint64_t sysfs_bytes(const struct doctor *doc, const char *disk, const char *what)
{
	char path[192], text[32];
	uint64_t sectors;

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", disk, what);
	if (!doctor_read(doc, path, text, sizeof(text)) ||
	    bytes_decimal(&sectors, text, INT64_MAX / SECTOR) != KB_OK)
		return 0;
	return sectors * SECTOR;
}

/* False: it lies on an MTD, or nobody knows where. */
static bool find_place(const struct doctor *doc, const struct loader_fwenv_copy *copy,
		       struct place *p)
{
	name_of(p->disk, copy->dev);
	if (p->disk[0] == '\0' ||
	    !loader_fwenv_begin(copy, sysfs_bytes(doc, p->disk, "size"), &p->from))
		return false;
	p->end = p->from + copy->size;
	return true;
}

static void check_environment_in(struct doctor *doc, const struct place *p, const char *where,
				 const char *partition)
{
	char name[64], start[80], size[80];
	uint64_t from, end;

	name_of(name, partition);
	if (name[0] == '\0')
		return;
	snprintf(start, sizeof(start), "%s/start", name);
	snprintf(size, sizeof(size), "%s/size", name);
	from = sysfs_bytes(doc, p->disk, start);
	end = from + sysfs_bytes(doc, p->disk, size);
	if (strcmp(name, p->disk) != 0 && (p->from >= end || p->end <= from))
		return;
	doctor_report(
		doc, DOCTOR_ERROR, "loader-environment",
		"have U-Boot keep it before the first partition, or in one of its own (CONFIG_ENV_OFFSET), and name that place there",
		"%s: U-Boot's environment at 0x%" PRIx64
		" of /dev/%s lies in %s: U-Boot writes over that at each start",
		where, p->from, p->disk, partition);
}

void doctor_uboot_place(struct doctor *doc)
{
	const struct device *d = doc->d;
	const char *where = conf_loader_environment(&d->conf);
	char path[DEVICE_PATH_MAX];
	struct loader_fwenv env = { .n = 0 };
	struct place p;

	snprintf(path, sizeof(path), "%s%s", doc->sys_root, where);
	if (loader_fwenv_read(&env, path) != KB_OK)
		return; /* said where it is read */
	for (unsigned i = 0; i < env.n; i++) {
		if (!find_place(doc, &env.copy[i], &p))
			continue;
		check_environment_in(doc, &p, where, d->state_path);
		check_environment_in(doc, &p, where, d->data_path);
		for (unsigned n = 0; n < d->nparts; n++)
			check_environment_in(doc, &p, where, d->part[n].path);
	}
}
