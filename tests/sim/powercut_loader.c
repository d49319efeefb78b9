/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of GRUB with kernel-cmdline/loaders/grub.cfg, written apart from what ships: the block in
 * its FAT, and which pair is started. Firmware writes through: what GRUB saves is durable then.
 */
#include "tests/sim/powercut.h"

/* Sector 0, one FAT, six sectors of the folder; then clusters of 2 KiB, as mkfs.vfat -s 4 has. */
#define FOLDER	   (2 * CUT_SECTOR)
#define BLOCK	   BDEV_ALIGN /* where the block lies: in the first cluster */
#define BLOCK_LEN  1024u
#define SECTORS	   16u
#define STARTS_MAX 3u /* keelboot_limit=111 */

#define HEADER	"# GRUB Environment Block\n"
#define DEFAULT "\nkeelboot_default="
#define ONCE	"\nkeelboot_once="
#define STARTS	"\nkeelboot_starts="

/* ---------------------------------------------------------------- the block */

static int slot_behind(const char *block, const char *word)
{
	const char *at = strstr(block, word);
	char letter = at != NULL ? at[strlen(word)] : '\0';

	return letter == 'a' || letter == 'b' ? letter - 'a' : POWERCUT_NONE;
}

void powercut_loader_read(const struct cut_content *c, struct powercut_loader *is)
{
	char block[BLOCK_LEN + 1] = "";
	const char *starts;

	cut_content_read(c, BLOCK, block, BLOCK_LEN);
	*is = (struct powercut_loader){ POWERCUT_NONE, POWERCUT_NONE, 0 };
	if (strncmp(block, HEADER, strlen(HEADER)) != 0)
		return;
	is->preset = slot_behind(block, DEFAULT);
	is->once = slot_behind(block, ONCE);
	starts = strstr(block, STARTS);
	if (starts != NULL)
		is->starts = (unsigned)strspn(starts + strlen(STARTS), "1");
}

static const char *letter_of(int slot)
{
	return slot == POWERCUT_NONE ? "" : slot == 0 ? "a" : "b";
}

static void make_block(const struct powercut_loader *is, char block[BLOCK_LEN])
{
	char text[BLOCK_LEN];
	int n = snprintf(text, sizeof(text), HEADER "%s%s" ONCE "%s" STARTS "%.*s\n", &DEFAULT[1],
			 letter_of(is->preset), letter_of(is->once), (int)is->starts, "1111");

	memset(block, '#', BLOCK_LEN);
	memcpy(block, text, (size_t)n);
}

void powercut_loader_make(struct cut_content *c, int preset)
{
	static const uint8_t name[] = "GRUBENV    ";
	uint8_t first[CUT_SECTOR] = { 0 }, folder[CUT_SECTOR] = { 0 };
	char block[BLOCK_LEN];

	bytes_put16(first + 11, CUT_SECTOR);
	first[13] = 4; /* sectors of a cluster */
	bytes_put16(first + 14, 1);
	first[16] = 1;
	bytes_put16(first + 17, 6 * CUT_SECTOR / 32);
	bytes_put16(first + 19, SECTORS);
	bytes_put16(first + 22, 1);
	bytes_put16(first + 510, 0xaa55);
	memcpy(folder, name, 11);
	bytes_put16(folder + 26, 2); /* the first cluster */
	bytes_put32(folder + 28, BLOCK_LEN);
	make_block(&(struct powercut_loader){ preset, POWERCUT_NONE, 0 }, block);
	cut_content_write(c, 0, first, sizeof(first));
	cut_content_write(c, FOLDER, folder, sizeof(folder));
	cut_content_write(c, BLOCK, block, sizeof(block));
}

/* ---------------------------------------------------------------- a start */

/* False: the power is gone. */
static bool save(const struct powercut_loader *is)
{
	struct cut_disk *d = &powercut_child_disk[POWERCUT_LOADER];
	char block[BLOCK_LEN];

	make_block(is, block);
	return cut_disk_write(d, BLOCK, block, sizeof(block)) == KB_OK &&
	       cut_disk_flush(d) == KB_OK;
}

static bool is_loaded(int slot)
{
	return powercut_view_pair(&powercut_child_disk[POWERCUT_BOOT_A + slot].durable) >= 0;
}

/* It was loaded: does its init run? */
static int run_kernel(const struct powercut_story *s, int slot)
{
	int release = powercut_view_pair(&powercut_child_disk[POWERCUT_BOOT_A + slot].durable);

	return s->does == POWERCUT_IS_DEAD && release == POWERCUT_NEW ? POWERCUT_NONE : slot;
}

static int start_preset(const struct powercut_story *s, struct powercut_loader *is,
			const char **how)
{
	int preset = is->preset == POWERCUT_NONE ? 0 : is->preset;
	bool leaves = s->counts && is->starts >= STARTS_MAX;

	*how = "";
	if (s->counts) {
		*how = leaves ? ",instead" : ",counted";
		is->starts = leaves ? 0 : is->starts + 1;
		if (!save(is))
			return POWERCUT_NONE;
	}
	if (!leaves && is_loaded(preset))
		return run_kernel(s, preset);
	*how = ",instead";
	return is_loaded(1 - preset) ? run_kernel(s, 1 - preset) : POWERCUT_NONE;
}

int powercut_loader_start(const struct powercut_story *s, const char **how)
{
	struct powercut_loader is;
	int once;

	powercut_loader_read(&powercut_child_disk[POWERCUT_LOADER].durable, &is);
	once = is.once;
	if (once == POWERCUT_NONE)
		return start_preset(s, &is, how);
	is.once = POWERCUT_NONE;
	if (!save(&is))
		return POWERCUT_NONE;
	*how = ",once";
	return is_loaded(once) ? run_kernel(s, once) : start_preset(s, &is, how);
}
