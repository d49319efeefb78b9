/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/loader/copies.h"

#include "cli/loader/copies_env.h"
#include "cli/loader/copies_path.h"
#include "kernel-cmdline/cmdline.h"
#include "lib/bdev.h"
#include "lib/os.h"
#include "lib/version_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DISK	"/dev/mmcblk"
#define VERSION "/sys/firmware/devicetree/base/chosen/u-boot,version"
#define PIECE	(64u << 10)

/* A piece, and before it the end of the one before: the text may lie across both. */
static uint8_t piece[BDEV_ALIGN + PIECE] __attribute__((aligned(BDEV_ALIGN)));

static uint8_t twin[PIECE] __attribute__((aligned(BDEV_ALIGN)));

_Static_assert(COPIES_VERSION_MAX < BDEV_ALIGN, "the end of a piece has room for the text");

enum kb_err copies_fail(struct copies *c, enum kb_err err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return err;
}

void copies_force_ro(const struct copies *c, unsigned area, char path[COPIES_PATH])
{
	snprintf(path, COPIES_PATH, "%.80s/sys/block/%.40sboot%u/force_ro", c->sys_root,
		 c->disk + strlen("/dev/"), area);
}

/* ---------------------------------------------------------------- which one runs */

/* U-Boot says it in the device tree; another loader, on the kernel's command line. */
static void read_version(struct copies *c)
{
	static char line[CMDLINE_READ_SIZE];
	static struct cmdline cmd;
	char path[COPIES_PATH];

	snprintf(path, sizeof(path), "%.80s" VERSION, c->sys_root);
	if (os_read_file(path, c->version, sizeof(c->version), NULL) == KB_OK)
		return;
	c->version[0] = '\0';
	snprintf(path, sizeof(path), "%.80s/proc/cmdline", c->sys_root);
	if (os_read_file(path, line, sizeof(line), NULL) != KB_OK)
		return;
	cmdline_parse(&cmd, line);
	snprintf(c->version, sizeof(c->version), "%s", cmd.loader);
}

static enum kb_err look_in(struct copies *c, unsigned area, struct bdev *dev, bool *found)
{
	size_t kept = 0;

	*found = false;
	for (uint64_t at = 0; at < dev->size && !*found; at += PIECE) {
		size_t len = dev->size - at < PIECE ? (size_t)(dev->size - at) : PIECE;

		TRY(bdev_read(dev, at, piece + BDEV_ALIGN, len));
		/* U-Boot may have saved its version there. */
		copies_env_blank(c, area, at, piece + BDEV_ALIGN, len);
		*found = version_text_in(c->version, piece + BDEV_ALIGN - kept, kept + len,
					 at + len == dev->size);
		kept = len < BDEV_ALIGN ? len : BDEV_ALIGN;
		memcpy(piece + BDEV_ALIGN - kept, piece + BDEV_ALIGN + len - kept, kept);
	}
	return KB_OK;
}

/* What is no loader's in one of them may be one's in the other: neither counts. */
static enum kb_err read_to_compare(struct copies *c, struct bdev *dev, uint64_t at, uint8_t *bytes,
				   size_t len)
{
	TRY(bdev_read(dev, at, bytes, len));
	copies_env_blank(c, 0, at, bytes, len);
	copies_env_blank(c, 1, at, bytes, len);
	return KB_OK;
}

static enum kb_err compare(struct copies *c, struct bdev *a, struct bdev *b, bool *same)
{
	*same = a->size == b->size;
	for (uint64_t at = 0; at < a->size && *same; at += PIECE) {
		size_t len = a->size - at < PIECE ? (size_t)(a->size - at) : PIECE;

		TRY(read_to_compare(c, a, at, piece, len));
		TRY(read_to_compare(c, b, at, twin, len));
		*same = memcmp(piece, twin, len) == 0;
	}
	return KB_OK;
}

/* Both may have it, as a factory leaves them. If one is damaged, nobody knows which of them runs:
 * the SoC may have left the one that is set. */
static enum kb_err look_in_both(struct copies *c, struct bdev *set, struct bdev *unset)
{
	bool in_set = false, in_other = false, same = true;

	TRY(look_in(c, c->set, set, &in_set));
	TRY(look_in(c, c->other, unset, &in_other));
	if (in_set && in_other)
		TRY(compare(c, set, unset, &same));
	if (in_set && same)
		c->runs = COPIES_RUNS_SET;
	else if (in_other && !in_set)
		c->runs = COPIES_RUNS_OTHER;
	return KB_OK;
}

static enum kb_err find_running(struct copies *c)
{
	struct bdev_file file[2] = { { .fd = -1 }, { .fd = -1 } };
	char path[COPIES_PATH];
	enum kb_err err = KB_OK;

	read_version(c);
	if (strlen(c->version) < VERSION_TEXT_MIN)
		return KB_OK;
	for (unsigned i = 0; err == KB_OK && i < 2; i++) {
		copies_path(c, i, path);
		err = bdev_file_open(&file[i], path, 0);
	}
	if (err == KB_OK)
		err = look_in_both(c, &file[c->set].bdev, &file[c->other].bdev);
	bdev_file_close(&file[0]);
	bdev_file_close(&file[1]);
	return err == KB_OK ? KB_OK
			    : copies_fail(c, err, "the boot areas of %s cannot be read: %s",
					  c->disk, err_text(err));
}

/* ---------------------------------------------------------------- both */

static bool is_disk(const char *disk)
{
	size_t prefix = strlen(DISK), digits;

	if (strncmp(disk, DISK, prefix) != 0)
		return false;
	digits = strspn(disk + prefix, "0123456789");
	return digits > 0 && digits < 4 && disk[prefix + digits] == '\0';
}

static enum kb_err find_areas(struct copies *c)
{
	char path[COPIES_PATH];

	if (!is_disk(c->disk))
		return copies_fail(c, KB_ENODEV, "%.100s is no eMMC; expected " DISK "0", c->disk);
	for (unsigned i = 0; i < 2; i++) {
		copies_path(c, i, path);
		if (!os_exists(path))
			return copies_fail(c, KB_ENODEV, "%.100s has no two boot areas: no %s",
					   c->disk, path);
	}
	return KB_OK;
}

enum kb_err copies_look_at_registers(struct copies *c)
{
	uint8_t csd[OS_EMMC_CSD];
	char path[COPIES_PATH];
	enum kb_err err;

	c->why[0] = c->version[0] = '\0';
	c->runs = COPIES_RUNS_UNKNOWN;
	TRY(find_areas(c));
	snprintf(path, sizeof(path), "%.80s%.80s", c->sys_root, c->disk);
	err = os_emmc_read(path, csd);
	if (err != KB_OK)
		return copies_fail(c, err, "the registers of %s cannot be read: %s", path,
				   err_text(err));
	emmc_parse(&c->emmc, csd);
	if (c->emmc.boot_bytes == 0)
		return copies_fail(c, KB_ENODEV, "%s says that it has no boot areas", path);
	if (c->emmc.start != EMMC_START_BOOT0 && c->emmc.start != EMMC_START_BOOT1)
		return copies_fail(
			c, KB_ECOMPAT,
			"%s is set to start from none of its boot areas (PARTITION_CONFIG 0x%02x): the loader has one copy, elsewhere",
			path, c->emmc.config);
	c->set = c->emmc.start == EMMC_START_BOOT1;
	c->other = 1 - c->set;
	copies_env_find(c);
	return KB_OK;
}

enum kb_err copies_look(struct copies *c)
{
	TRY(copies_look_at_registers(c));
	return find_running(c);
}
