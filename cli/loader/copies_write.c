/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/loader/copies_write.h"

#include "cli/loader/copies_env.h"
#include "cli/loader/copies_path.h"
#include "lib/bdev.h"
#include "lib/os.h"
#include "lib/version_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PIECE (64u << 10)

static uint8_t back[PIECE] __attribute__((aligned(BDEV_ALIGN)));

/* Not const: that would take its size of the program. */
static uint8_t zeroes[PIECE] __attribute__((aligned(BDEV_ALIGN)));

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

static enum kb_err allow_environment(struct copies *c, uint64_t size)
{
	if (!c->knows_environment)
		return copies_fail(
			c, KB_EINVAL,
			"%.100s is %s, so an image may overwrite U-Boot's environment: expected lines DEVICE OFFSET SIZE, in the device",
			c->environment, os_exists(c->environment) ? "not understood" : "missing");
	for (unsigned i = 0; i < c->nkept; i++)
		if (c->kept[i].area == c->other && c->kept[i].from < size)
			return copies_fail(c, KB_ENOSPC,
					   "the loader has %" PRIu64 " bytes, and from %" PRIu64
					   " on, boot area %u holds U-Boot's environment (%.80s)",
					   size, c->kept[i].from, c->other, c->environment);
	return KB_OK;
}

enum kb_err copies_write_allowed(struct copies *c, uint64_t size)
{
	TRY(allow_running(c));
	if (c->emmc.start_locked)
		return copies_fail(
			c, KB_EPERM,
			"the eMMC does not let itself be set to another boot area (BOOT_CONFIG_PROT)");
	if (c->emmc.locked[c->other])
		return copies_fail(c, KB_EPERM,
				   "boot area %u is write-protected by the eMMC itself (BOOT_WP)",
				   c->other);
	if (size > c->emmc.boot_bytes)
		return copies_fail(c, KB_ENOSPC,
				   "the loader has %" PRIu64
				   " bytes, and a boot area has room for %" PRIu64,
				   size, c->emmc.boot_bytes);
	return allow_environment(c, size);
}

/* ---------------------------------------------------------------- the area */

static enum kb_err protect_area(const struct copies *c, bool on)
{
	char path[COPIES_PATH];

	copies_force_ro(c, c->other, path);
	return os_write_file(path, on ? "1" : "0", 1);
}

/* Behind the image: what is left of an older one may have the text of a version, by which that
 * would count as the one that runs. By writes: what an eMMC has erased may read as ones. */
static enum kb_err write_zeroes(const struct copies *c, struct bdev *b, uint64_t at)
{
	for (size_t n; copies_env_free(c, c->other, b->size, &at, PIECE, &n); at += n)
		TRY(bdev_write(b, at, zeroes, n));
	return KB_OK;
}

static enum kb_err write_area(const struct copies *c, const char *path, const uint8_t *image,
			      size_t len)
{
	struct bdev_file file;
	enum kb_err err = bdev_file_open(&file, path, BDEV_FILE_WRITE | BDEV_FILE_EXCL);

	for (size_t at = 0; err == KB_OK && at < len; at += PIECE)
		err = bdev_write(&file.bdev, at, image + at, len - at < PIECE ? len - at : PIECE);
	if (err == KB_OK)
		err = write_zeroes(c, &file.bdev, len);
	if (err == KB_OK)
		err = bdev_flush(&file.bdev);
	if (err == KB_OK)
		err = bdev_drop_cache(&file.bdev, 0, file.bdev.size);
	bdev_file_close(&file);
	return err;
}

static enum kb_err read_back(struct bdev *b, uint64_t at, const uint8_t *want, size_t len)
{
	TRY(bdev_read(b, at, back, len));
	return memcmp(back, want, len) == 0 ? KB_OK : KB_EIO;
}

static enum kb_err read_zeroes_back(const struct copies *c, struct bdev *b, uint64_t at)
{
	for (size_t n; copies_env_free(c, c->other, b->size, &at, PIECE, &n); at += n)
		TRY(read_back(b, at, zeroes, n));
	return KB_OK;
}

static enum kb_err read_area_back(const struct copies *c, const char *path, const uint8_t *image,
				  size_t len)
{
	struct bdev_file file;
	enum kb_err err = bdev_file_open(&file, path, BDEV_FILE_DIRECT);

	for (size_t at = 0; err == KB_OK && at < len; at += PIECE)
		err = read_back(&file.bdev, at, image + at, len - at < PIECE ? len - at : PIECE);
	if (err == KB_OK)
		err = read_zeroes_back(c, &file.bdev, len);
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
		err = write_area(c, path, image, len);
	if (err == KB_OK)
		err = read_area_back(c, path, image, len);
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

/* By the rule that copies_look() goes by. */
static enum kb_err allow_version(struct copies *c, const uint8_t *image, size_t len,
				 const char *version)
{
	if (!version_text_in(version, image, len, true))
		return copies_fail(
			c, KB_ECOMPAT,
			"%.60s, the version of the bundle, is no text of %u bytes or more that stands in the image: nobody would know that it runs (docs/KERNEL.md)",
			version, VERSION_TEXT_MIN);
	if (version_text_in(c->version, image, len, true))
		return copies_fail(
			c, KB_EAPPLIED,
			"it has the text of the version that runs (%.60s): it is that one, or nobody could tell which of the two runs",
			c->version);
	return KB_OK;
}

enum kb_err copies_write_image(struct copies *c, const uint8_t *image, size_t len,
			       const char *version)
{
	TRY(copies_write_allowed(c, len));
	TRY(allow_version(c, image, len, version));
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
