/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/loader/copies_write.h"

#include "lib/bdev.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PIECE (64u << 10)

static uint8_t back[PIECE] __attribute__((aligned(BDEV_ALIGN)));

static enum kb_err allow_running(struct copies *c)
{
	switch (c->runs) {
	case COPIES_RUNS_SET:
		return KB_OK;
	case COPIES_RUNS_OTHER:
		return copies_fail(
			c, KB_EBUSY,
			"the loader that runs is the copy in boot area %u, and the eMMC is set to %u: restart to try that one; if it was restarted since, it did not start: keelboot loader keep",
			c->other, c->set);
	case COPIES_RUNS_UNKNOWN:
		break;
	}
	return copies_fail(
		c, KB_ENOTARGET, "nobody knows which copy of the loader runs: %s (docs/KERNEL.md)",
		c->version[0] != '\0'
			? "the version that it says is in none of them, or in both, which differ"
			: "it does not say its version");
}

enum kb_err copies_write_allowed(struct copies *c, uint64_t size)
{
	TRY(allow_running(c));
	if (c->emmc.locked[c->other])
		return copies_fail(c, KB_EPERM,
				   "boot area %u is write-protected by the eMMC itself (BOOT_WP)",
				   c->other);
	if (size > c->emmc.boot_bytes)
		return copies_fail(c, KB_ENOSPC,
				   "the loader has %" PRIu64
				   " bytes, and a boot area has room for %" PRIu64,
				   size, c->emmc.boot_bytes);
	return KB_OK;
}

/* ---------------------------------------------------------------- the area */

static enum kb_err protect_area(const struct copies *c, bool on)
{
	char path[COPIES_PATH];

	copies_force_ro(c, c->other, path);
	return os_write_file(path, on ? "1" : "0", 1);
}

static enum kb_err write_area(const char *path, const uint8_t *image, size_t len)
{
	struct bdev_file file;
	enum kb_err err = bdev_file_open(&file, path, BDEV_FILE_WRITE | BDEV_FILE_EXCL);

	for (size_t at = 0; err == KB_OK && at < len; at += PIECE)
		err = bdev_write(&file.bdev, at, image + at, len - at < PIECE ? len - at : PIECE);
	if (err == KB_OK)
		err = bdev_flush(&file.bdev);
	if (err == KB_OK)
		err = bdev_drop_cache(&file.bdev, 0, file.bdev.size);
	bdev_file_close(&file);
	return err;
}

static enum kb_err read_area_back(const char *path, const uint8_t *image, size_t len)
{
	struct bdev_file file;
	enum kb_err err = bdev_file_open(&file, path, BDEV_FILE_DIRECT);

	for (size_t at = 0; err == KB_OK && at < len; at += PIECE) {
		size_t n = len - at < PIECE ? len - at : PIECE;

		err = bdev_read(&file.bdev, at, back, n);
		if (err == KB_OK && memcmp(back, image + at, n) != 0)
			err = KB_EIO;
	}
	bdev_file_close(&file);
	return err;
}

/* Linux's protection is off in here only. */
static enum kb_err fill_area(struct copies *c, const uint8_t *image, size_t len)
{
	char path[COPIES_PATH];
	enum kb_err err, closed;

	copies_path(c, c->other, path);
	err = protect_area(c, false);
	if (err == KB_OK)
		err = write_area(path, image, len);
	if (err == KB_OK)
		err = read_area_back(path, image, len);
	closed = protect_area(c, true);
	if (err != KB_OK)
		return copies_fail(
			c, err,
			"%s cannot be written: %s; the eMMC starts the old loader, as before", path,
			err_text(err));
	if (closed != KB_OK)
		return copies_fail(
			c, closed,
			"%s cannot be protected again: %s; the eMMC starts the old loader", path,
			err_text(closed));
	return KB_OK;
}

/* ---------------------------------------------------------------- the switch */

static enum kb_err set_area(struct copies *c, unsigned area)
{
	uint8_t csd[OS_EMMC_CSD], want = emmc_config(&c->emmc, area);
	char disk[COPIES_PATH];
	struct emmc now;
	enum kb_err err;

	snprintf(disk, sizeof(disk), "%.80s%.80s", c->sys_root, c->disk);
	err = os_emmc_set(disk, EMMC_PARTITION_CONFIG, want);
	if (os_emmc_read(disk, csd) != KB_OK)
		return copies_fail(
			c, KB_EIO,
			"%s: it is not known which boot area the eMMC is set to; run keelboot loader again, before a restart",
			disk);
	emmc_parse(&now, csd);
	if (now.start == (enum emmc_start)area)
		return KB_OK;
	return copies_fail(c, err != KB_OK ? err : KB_EIO,
			   "%s does not take boot area %u (PARTITION_CONFIG 0x%02x): %s", disk,
			   area, now.config, err != KB_OK ? err_text(err) : "it stays as it was");
}

enum kb_err copies_write_image(struct copies *c, const uint8_t *image, size_t len)
{
	TRY(copies_write_allowed(c, len));
	if (copies_has_version(c, image, len))
		return copies_fail(
			c, KB_EAPPLIED,
			"it has the text of the version that runs (%.60s): it is that one, or nobody could tell which of the two runs",
			c->version);
	TRY(fill_area(c, image, len));
	return set_area(c, c->other);
}

enum kb_err copies_write_keep(struct copies *c)
{
	if (c->runs == COPIES_RUNS_SET)
		return copies_fail(c, KB_EAPPLIED,
				   "the copy that runs is the one that the eMMC is set to");
	if (c->runs == COPIES_RUNS_UNKNOWN)
		return allow_running(c);
	return set_area(c, c->other);
}
