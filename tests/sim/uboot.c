/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/uboot.h"

#include "lib/bytes.h"
#include "tests/sim/os_sim.h"

#include <stdio.h>
#include <string.h>

#define HEAD	   5u
#define TEXT	   (BDEV_ALIGN - HEAD)
#define SECTOR	   512u
#define STARTS_MAX 3u /* keelboot_limit=111 */
#define FIRST	   0
#define LONG	   "zeal=" /* stands behind ours, and ends in the next sector */
#define LONG_LEN   600u

const char uboot_conf[] = "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
			  "[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=boot-b\n"
			  "[loader]\nkind=u-boot\n";

void uboot_config(const char *dev)
{
	char text[128];

	snprintf(text, sizeof(text), "%s 0x0 0x%x\n%s 0x%x 0x%x\n", dev, BDEV_ALIGN, dev,
		 BDEV_ALIGN, BDEV_ALIGN);
	os_sim_file("/etc/fw_env.config", text);
}

/* ---------------------------------------------------------------- a copy */

static bool is_checked(const uint8_t *page)
{
	uint32_t sum;

	memcpy(&sum, page, sizeof(sum));
	return sum == bytes_crc32(0, page + HEAD, TEXT);
}

static size_t add(char *text, size_t at, const char *name, const char *value)
{
	return value[0] == '\0'
		       ? at
		       : at + 1 + (size_t)snprintf(text + at, TEXT - at, "%s=%s", name, value);
}

static const char *slot_word(int slot)
{
	return slot == STATE_NONE ? "" : slot == 0 ? "a" : "b";
}

static void put_env(uint8_t *page, uint8_t count, const struct grub_choice *is)
{
	char *text = (char *)page + HEAD, starts[8] = "";
	uint32_t sum;
	size_t at;

	memset(page, 0, BDEV_ALIGN);
	snprintf(starts, sizeof(starts), "%.*s", (int)is->starts, "1111111");
	at = add(text, 0, "keelboot_default", slot_word(is->preset));
	at = add(text, at, "keelboot_once", slot_word(is->once));
	at = add(text, at, "keelboot_starts", starts);
	memcpy(text + at, LONG, strlen(LONG));
	memset(text + at + strlen(LONG), 'x', LONG_LEN);
	page[4] = count;
	sum = bytes_crc32(0, page + HEAD, TEXT);
	memcpy(page, &sum, sizeof(sum));
}

static const char *value_of_word(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; *text != '\0'; text += strlen(text) + 1) {
		if (strncmp(text, name, len) == 0 && text[len] == '=')
			return text + len + 1;
	}
	return "";
}

static int slot_of_word(const char *value)
{
	return value[0] == 'a' || value[0] == 'b' ? value[0] - 'a' : STATE_NONE;
}

static struct grub_choice env_choice(const uint8_t *page)
{
	const char *text = (const char *)page + HEAD;

	return (struct grub_choice){
		.preset = slot_of_word(value_of_word(text, "keelboot_default")),
		.once = slot_of_word(value_of_word(text, "keelboot_once")),
		.starts = (unsigned)strlen(value_of_word(text, "keelboot_starts")),
	};
}

void uboot_make(uint8_t out[UBOOT_SIZE], int preset)
{
	const struct grub_choice is = { preset, STATE_NONE, 0 };

	/* The count wraps soon. */
	put_env(out, 254, &is);
	put_env(out + BDEV_ALIGN, 253, &is);
}

/* env_check_redund(): the copy that counts; -1: none. */
static int newer_of(const uint8_t *store)
{
	const uint8_t *one = store, *two = store + BDEV_ALIGN;

	if (!is_checked(one) || !is_checked(two))
		return is_checked(one) ? 0 : is_checked(two) ? 1 : -1;
	if (one[4] == 255 && two[4] == 0)
		return 1;
	if (two[4] == 255 && one[4] == 0)
		return 0;
	return two[4] > one[4] ? 1 : 0;
}

bool uboot_read(const uint8_t store[UBOOT_SIZE], struct grub_choice *is)
{
	int n = newer_of(store);

	*is = (struct grub_choice){ STATE_NONE, STATE_NONE, 0 };
	if (n >= 0)
		*is = env_choice(store + (unsigned)n * BDEV_ALIGN);
	return n >= 0;
}

/* Of two sound copies, one is always the next of the other. What is damaged may be sound again when
 * it is written in part: then its first sector counts. */
uint64_t uboot_class(const uint8_t page[BDEV_ALIGN])
{
	char sector[SECTOR + 2] = ""; /* two ends: of the last text, and of all */
	struct grub_choice is;

	memcpy(sector, page, SECTOR);
	if (strncmp(sector + HEAD, "keelboot_", 9) != 0 &&
	    strncmp(sector + HEAD, LONG, strlen(LONG)) != 0)
		return 0;
	is = env_choice((const uint8_t *)sector);
	return (is_checked(page) ? UINT64_C(1) : UINT64_C(2)) << 32 |
	       (uint64_t)(page[4] % 4) << 24 | (uint64_t)(is.preset + 1) << 16 |
	       (uint64_t)(is.once + 1) << 8 | is.starts;
}

/* ---------------------------------------------------------------- a start */

/* Its environment in memory, and where the next saveenv goes. */
struct env {
	struct grub_choice is;
	uint8_t count;
	unsigned used;
};

static struct env load_env(const struct uboot *u)
{
	static uint8_t store[UBOOT_SIZE];
	struct env e = { .is = { STATE_NONE, STATE_NONE, 0 }, .used = 1 };
	int n = u->read(u->ctx, store) ? newer_of(store) : -1;

	if (n < 0)
		return e; /* its own variables; saved into the first */
	e.used = (unsigned)n;
	e.is = env_choice(store + e.used * BDEV_ALIGN);
	e.count = store[e.used * BDEV_ALIGN + 4];
	return e;
}

static bool save_env(const struct uboot *u, struct env *e)
{
	static uint8_t page[BDEV_ALIGN];

	put_env(page, ++e->count, &e->is);
	if (!u->write(u->ctx, 1 - e->used, page))
		return false;
	e->used = 1 - e->used;
	return true;
}

/* keelboot_list of boot.cmd: slots, and COUNT. */
#define COUNT (-2)
struct list {
	int item[5];
	unsigned n;
	const char *how;
};

static void add_preset(struct list *l, int preset, bool count)
{
	if (count)
		l->item[l->n++] = COUNT;
	l->item[l->n++] = preset;
}

/* keelboot_others */
static void add_others(struct list *l, int preset)
{
	l->item[l->n++] = 1 - preset;
	l->item[l->n++] = preset;
}

static struct list list_of(const struct uboot *u, struct env *e)
{
	int preset = e->is.preset == STATE_NONE ? FIRST : e->is.preset, once = e->is.once;
	struct list l = { .how = "" };

	if (once != STATE_NONE) {
		e->is.once = STATE_NONE;
		if (save_env(u, e)) {
			l.item[l.n++] = once;
			l.how = ",once";
			add_preset(&l, preset, true);
		} else {
			l.how = ",unsaved";
			add_preset(&l, preset, false);
		}
	} else if (u->counts && e->is.starts >= STARTS_MAX) {
		e->is.starts = 0;
		(void)save_env(u, e);
		l.how = ",instead";
	} else {
		add_preset(&l, preset, true);
	}
	add_others(&l, preset);
	return l;
}

static void count_start(const struct uboot *u, struct env *e, struct list *l)
{
	l->how = "";
	if (!u->counts)
		return;
	e->is.starts++;
	l->how = save_env(u, e) ? ",counted" : ",unsaved";
}

int uboot_start(const struct uboot *u, const char **how)
{
	struct env e = load_env(u);
	struct list l = list_of(u, &e);

	for (unsigned i = 0; i < l.n && !u->is_off(u->ctx); i++) {
		enum grub_pair is;

		if (l.item[i] == COUNT) {
			count_start(u, &e, &l);
			continue;
		}
		*how = l.how;
		is = u->start(u->ctx, l.item[i]);
		if (is != GRUB_NOT_LOADED)
			return is == GRUB_UP ? l.item[i] : STATE_NONE;
		l.how = ",instead";
	}
	return STATE_NONE;
}
