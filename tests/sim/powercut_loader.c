/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader on disks that are cut. Firmware writes through: what GRUB saves is durable then.
 */
#include "tests/sim/powercut.h"

void powercut_loader_read(const struct powercut_story *s, const struct cut_content *c,
			  struct grub_choice *is)
{
	static uint8_t store[UBOOT_SIZE];
	uint8_t block[GRUB_BLOCK_LEN];

	if (s->uboot) {
		cut_content_read(c, 0, store, sizeof(store));
		(void)uboot_read(store, is);
		return;
	}
	cut_content_read(c, GRUB_BLOCK, block, sizeof(block));
	(void)grub_read(block, is);
}

void powercut_loader_make(const struct powercut_story *s, struct cut_content *c, int preset)
{
	static uint8_t data[GRUB_SIZE];

	_Static_assert(GRUB_SIZE == UBOOT_SIZE, "one size for both");
	if (s->uboot)
		uboot_make(data, preset);
	else
		grub_make(data, preset);
	cut_content_write(c, 0, data, sizeof(data));
}

static bool read_block(void *ctx, uint8_t *block)
{
	(void)ctx;
	cut_content_read(&powercut_child_disk[POWERCUT_LOADER].durable, GRUB_BLOCK, block,
			 GRUB_BLOCK_LEN);
	return true;
}

static bool write_block(void *ctx, const uint8_t *block)
{
	struct cut_disk *d = &powercut_child_disk[POWERCUT_LOADER];

	(void)ctx;
	return cut_disk_write(d, GRUB_BLOCK, block, GRUB_BLOCK_LEN) == KB_OK &&
	       cut_disk_flush(d) == KB_OK;
}

static bool read_env(void *ctx, uint8_t *store)
{
	(void)ctx;
	cut_content_read(&powercut_child_disk[POWERCUT_LOADER].durable, 0, store, UBOOT_SIZE);
	return true;
}

static bool write_env(void *ctx, unsigned number, const uint8_t *page)
{
	struct cut_disk *d = &powercut_child_disk[POWERCUT_LOADER];

	(void)ctx;
	return cut_disk_write(d, (uint64_t)number * BDEV_ALIGN, page, BDEV_ALIGN) == KB_OK &&
	       cut_disk_flush(d) == KB_OK;
}

static bool is_power_off(void *ctx)
{
	(void)ctx;
	return powercut_child_power.off;
}

static enum grub_pair start_pair(void *ctx, int slot)
{
	const struct powercut_story *s = ctx;
	int release = powercut_view_pair(&powercut_child_disk[POWERCUT_BOOT_A + slot].durable);

	if (release == POWERCUT_NONE)
		return GRUB_NOT_LOADED;
	return s->does == POWERCUT_IS_DEAD && release == POWERCUT_NEW ? GRUB_DEAD : GRUB_UP;
}

int powercut_loader_start(const struct powercut_story *s, const char **how)
{
	struct powercut_story story = *s;
	const struct grub g = { .counts = s->counts,
				.read = read_block,
				.write = write_block,
				.is_off = is_power_off,
				.start = start_pair,
				.ctx = &story };
	const struct uboot u = { .counts = s->counts,
				 .read = read_env,
				 .write = write_env,
				 .is_off = is_power_off,
				 .start = start_pair,
				 .ctx = &story };

	return s->uboot ? uboot_start(&u, how) : grub_start(&g, how);
}
