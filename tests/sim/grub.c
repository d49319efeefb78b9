/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/grub.h"

#include "lib/bytes.h"

#include <stdio.h>
#include <string.h>

/* Sector 0, one FAT, six sectors of the folder; then clusters of 2 KiB, as mkfs.vfat -s 4 has. */
#define SECTOR	   512u
#define FOLDER	   (2 * SECTOR)
#define STARTS_MAX 3u /* keelboot_limit=111 */
#define FIRST	   0  /* keelboot_first=a */

#define HEADER	"# GRUB Environment Block\n"
#define DEFAULT "\nkeelboot_default="
#define ONCE	"\nkeelboot_once="
#define STARTS	"\nkeelboot_starts="

/* ---------------------------------------------------------------- the block */

static int slot_behind(const char *block, const char *word)
{
	const char *at = strstr(block, word);
	char letter = at != NULL ? at[strlen(word)] : '\0';

	return letter == 'a' || letter == 'b' ? letter - 'a' : STATE_NONE;
}

bool grub_read(const uint8_t block[GRUB_BLOCK_LEN], struct grub_choice *is)
{
	char text[GRUB_BLOCK_LEN + 1] = "";
	const char *starts;

	memcpy(text, block, GRUB_BLOCK_LEN);
	*is = (struct grub_choice){ STATE_NONE, STATE_NONE, 0 };
	if (strncmp(text, HEADER, strlen(HEADER)) != 0)
		return false;
	is->preset = slot_behind(text, DEFAULT);
	is->once = slot_behind(text, ONCE);
	starts = strstr(text, STARTS);
	if (starts != NULL)
		is->starts = (unsigned)strspn(starts + strlen(STARTS), "1");
	return true;
}

static const char *letter_of(int slot)
{
	return slot == STATE_NONE ? "" : slot == 0 ? "a" : "b";
}

/* Behind the text the block is as it was: GRUB does not look there. */
static void put_text(const struct grub_choice *is, uint8_t block[GRUB_BLOCK_LEN])
{
	const uint8_t *last = memrchr(block, '\n', GRUB_BLOCK_LEN);
	char text[GRUB_BLOCK_LEN];
	int n = snprintf(text, sizeof(text), HEADER "%s%s" ONCE "%s" STARTS "%.*s\n", &DEFAULT[1],
			 letter_of(is->preset), letter_of(is->once), (int)is->starts, "1111");

	if (last != NULL)
		memset(block, '#', (size_t)(last + 1 - block));
	memcpy(block, text, (size_t)n);
}

void grub_make(uint8_t out[GRUB_SIZE], int preset)
{
	static const uint8_t name[] = "GRUBENV    ";
	uint8_t *folder = out + FOLDER;

	memset(out, 0, GRUB_SIZE);
	bytes_put16(out + 11, SECTOR);
	out[13] = 4; /* sectors of a cluster */
	bytes_put16(out + 14, 1);
	out[16] = 1;
	bytes_put16(out + 17, 6 * SECTOR / 32);
	bytes_put16(out + 19, GRUB_SIZE / SECTOR);
	bytes_put16(out + 22, 1);
	bytes_put16(out + 510, 0xaa55);
	memcpy(folder, name, 11);
	bytes_put16(folder + 26, 2); /* the first cluster */
	bytes_put32(folder + 28, GRUB_BLOCK_LEN);
	memset(out + GRUB_BLOCK, '#', GRUB_BLOCK_LEN);
	put_text(&(struct grub_choice){ preset, STATE_NONE, 0 }, out + GRUB_BLOCK);
}

/* ---------------------------------------------------------------- a start */

/* load_env: what cannot be read is not set. */
static bool load(const struct grub *g, uint8_t block[GRUB_BLOCK_LEN], struct grub_choice *is)
{
	*is = (struct grub_choice){ STATE_NONE, STATE_NONE, 0 };
	return g->read(g->ctx, block) && grub_read(block, is);
}

/* save_env: reads the block again, and changes one variable. */
static bool save(const struct grub *g, const struct grub_choice *is, bool once)
{
	uint8_t block[GRUB_BLOCK_LEN];
	struct grub_choice new;

	if (!load(g, block, &new))
		return false;
	if (once)
		new.once = is->once;
	else
		new.starts = is->starts;
	put_text(&new, block);
	return g->write(g->ctx, block);
}

static bool is_off(const struct grub *g)
{
	return g->is_off != NULL && g->is_off(g->ctx);
}

/* One that comes back could not be loaded. */
static bool try_pair(const struct grub *g, int slot, const char *says, int *up, const char **how)
{
	enum grub_pair p = g->start(g->ctx, slot);

	*how = says;
	*up = p == GRUB_UP ? slot : STATE_NONE;
	return p != GRUB_NOT_LOADED;
}

/* False: another one is to be started. */
static bool count(const struct grub *g, struct grub_choice *is, const char **says)
{
	bool leaves = is->starts >= STARTS_MAX, saved;

	is->starts = leaves ? 0 : is->starts + 1;
	saved = save(g, is, false);
	*says = saved ? ",counted" : ",unsaved";
	return !leaves;
}

static int start_preset(const struct grub *g, struct grub_choice *is, const char **how)
{
	int preset = is->preset == STATE_NONE ? FIRST : is->preset, up = STATE_NONE;
	const char *says = "";
	bool stays = !g->counts || count(g, is, &says);

	if (is_off(g))
		return STATE_NONE;
	if (stays && try_pair(g, preset, says, &up, how))
		return up;
	if (!try_pair(g, 1 - preset, ",instead", &up, how))
		(void)try_pair(g, preset, "", &up, how);
	return up;
}

int grub_start(const struct grub *g, const char **how)
{
	uint8_t block[GRUB_BLOCK_LEN];
	struct grub_choice is, back;
	int once, up;

	(void)load(g, block, &is);
	once = is.once;
	is.once = STATE_NONE;
	*how = "";
	if (once != STATE_NONE && save(g, &is, true) && load(g, block, &back) &&
	    back.once == STATE_NONE && !is_off(g) && try_pair(g, once, ",once", &up, how))
		return up;
	return is_off(g) ? STATE_NONE : start_preset(g, &is, how);
}
