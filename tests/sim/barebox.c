/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/barebox.h"

#include "lib/bytes.h"

#include <stdio.h>
#include <string.h>

#define COPY_MAGIC 0x2354fdf3u
#define MAGIC	   0x27031977u
#define STATE	   8u  /* the state begins behind the copy's own head, */
#define VARS	   24u /* and its variables behind its head */

const char barebox_conf[] = "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
			    "[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=boot-b\n"
			    "[loader]\nkind=barebox\nenvironment=PARTLABEL=grubenv\n"
			    "layout=0x27031977:4096,a=system0:0x0:0x4,b=system1:0x8:0xc\n";

struct vars {
	struct {
		uint32_t attempts, priority;
	} of[2];
	uint32_t last_chosen;
};

static const struct vars defaults = { { { 3, 20 }, { 3, 10 } }, 0 };

/* ---------------------------------------------------------------- a copy */

static uint32_t get(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static void put(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, sizeof(value));
}

static bool is_sound(const uint8_t *page, struct vars *v)
{
	memcpy(v, page + VARS, sizeof(*v));
	return get(page) == COPY_MAGIC && get(page + 4) == 16 + sizeof(*v) &&
	       get(page + STATE) == MAGIC && get(page + STATE + 4) == sizeof(*v) << 16 &&
	       get(page + STATE + 8) == bytes_crc32(0, page + VARS, sizeof(*v)) &&
	       get(page + STATE + 12) == bytes_crc32(0, page + STATE, 12);
}

static void put_copy(uint8_t *page, const struct vars *v)
{
	memset(page, 0xff, BDEV_ALIGN);
	memcpy(page + VARS, v, sizeof(*v));
	put(page, COPY_MAGIC);
	put(page + 4, 16 + sizeof(*v));
	put(page + STATE, MAGIC);
	put(page + STATE + 4, sizeof(*v) << 16);
	put(page + STATE + 8, bytes_crc32(0, page + VARS, sizeof(*v)));
	put(page + STATE + 12, bytes_crc32(0, page + STATE, 12));
}

void barebox_make(uint8_t out[BAREBOX_SIZE], int preset)
{
	struct vars v = defaults;

	v.of[preset].priority = 20;
	v.of[1 - preset].priority = 10;
	for (unsigned i = 0; i < BAREBOX_COPIES; i++)
		put_copy(out + i * BDEV_ALIGN, &v);
}

/* ---------------------------------------------------------------- what it says */

static bool is_tried(const struct vars *v, int slot)
{
	return v->of[slot].priority == 30 && v->of[slot].attempts <= 1;
}

static struct grub_choice choice_of(const struct vars *v)
{
	struct grub_choice is = { STATE_NONE, STATE_NONE, 0 };

	for (int i = 0; i < 2; i++) {
		if (is_tried(v, i))
			is.once = v->of[i].attempts > 0 ? i : is.once;
		else if (is.preset == STATE_NONE || v->of[i].priority > v->of[is.preset].priority)
			is.preset = i;
	}
	if (is.preset != STATE_NONE)
		is.starts = 3 - v->of[is.preset].attempts;
	return is;
}

bool barebox_read(const uint8_t store[BAREBOX_SIZE], struct grub_choice *is)
{
	struct vars v;

	*is = (struct grub_choice){ STATE_NONE, STATE_NONE, 0 };
	for (unsigned i = 0; i < BAREBOX_COPIES; i++) {
		if (!is_sound(store + i * BDEV_ALIGN, &v))
			continue;
		*is = choice_of(&v);
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- a start */

static void save(const struct barebox *b, const struct vars *v)
{
	static uint8_t page[BDEV_ALIGN];

	put_copy(page, v);
	for (unsigned i = 0; i < BAREBOX_COPIES; i++)
		(void)b->write(b->ctx, i, page);
}

/* The first copy that is sound; the others become like it. None: the device tree's defaults. */
static struct vars load(const struct barebox *b)
{
	static uint8_t page[BDEV_ALIGN];
	struct vars used = defaults, v;
	unsigned sound = 0;
	bool differ = false;

	for (unsigned i = 0; i < BAREBOX_COPIES; i++) {
		if (!b->read(b->ctx, i, page) || !is_sound(page, &v))
			continue;
		differ |= sound > 0 && memcmp(&v, &used, sizeof(v)) != 0;
		used = sound++ == 0 ? v : used;
	}
	if (sound > 0 && (sound < BAREBOX_COPIES || differ))
		save(b, &used);
	return used;
}

static int best_of(const struct vars *v)
{
	int best = STATE_NONE;

	for (int i = 0; i < 2; i++)
		if (v->of[i].attempts > 0 &&
		    (best == STATE_NONE || v->of[i].priority > v->of[best].priority))
			best = i;
	return best;
}

/* bootchooser.reset_attempts=all-zero */
static void reset_attempts(struct vars *v)
{
	for (int i = 0; i < 2; i++)
		v->of[i].attempts = defaults.of[i].attempts;
}

int barebox_start(const struct barebox *b)
{
	struct vars v = load(b);
	int slot;

	if (best_of(&v) == STATE_NONE)
		reset_attempts(&v);
	/* bootchooser.retry=1 */
	while ((slot = best_of(&v)) != STATE_NONE) {
		enum grub_pair is;

		v.of[slot].attempts--;
		v.last_chosen = (uint32_t)slot + 1;
		save(b, &v);
		is = b->start(b->ctx, slot);
		if (is != GRUB_NOT_LOADED)
			return is == GRUB_UP ? slot : STATE_NONE;
	}
	return STATE_NONE;
}

const char *barebox_line(int pair)
{
	return pair == 0 ? "quiet bootchooser.active=system0\n"
			 : "quiet bootchooser.active=system1\n";
}
