/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barebox's state in a partition as the loader's store; and a harness: a model of bootchooser and
 * of how barebox loads and saves its state, by its documentation, with power cuts at each sector
 * that Keelboot or the model writes. No barebox is run; tests/boot/test_loader_barebox.py has the
 * state by Debian's barebox-state.
 */
#include "lib/bytes.h"
#include "selector/loader/loader_barebox.h"
#include "selector/loader/loader_bbcopy.h"
#include "selector/loader/loader_bbvars.h"
#include "selector/state.h"
#include "tests/unit/folder.h"

#define SIZE   (64u << 10)
#define STORE  "dev/vda5"
#define MAGIC  0x27031977u
#define VARS   20u /* bytes: two targets, and last_chosen */
#define LAYOUT ",a=system0:0:4,b=system1:8:0xc"
#define COPIES 3u

static struct loader l = { .kind = CONF_LOADER_BAREBOX };
static struct loader_choice c;
static uint8_t bytes[SIZE];
static char where[128];
static uint32_t stride;

/* ---------------------------------------------------------------- the disk */

/* Writes until the power fails; what that one leaves of its last sector. */
static unsigned writes, syncs, power;
static enum { LOST, TORN } fate;

/* A page: of the sectors that change in it, one alone does. */
ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	static uint8_t old[4096];
	const uint8_t *new = buf;

	writes++;
	if (writes < power)
		return folder_pwrite(fd, buf, n, off);
	if (writes > power || fate == LOST || n != sizeof(old))
		return (ssize_t)n;
	assert_int_equal(pread(fd, old, n, off), n);
	for (size_t i = 0; i < n; i++)
		if (old[i] != new[i]) {
			memset(old + i, 0xa5, 4);
			break;
		}
	folder_pwrite(fd, old, n, off);
	return (ssize_t)n;
}

/* Thousands of them: what a cut leaves is up to pwrite(). */
int fsync(int fd)
{
	(void)fd;
	syncs++;
	return 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

static void power_is_good(void)
{
	writes = syncs = 0;
	power = UINT32_MAX;
}

static void put_store(void)
{
	folder_bytes(STORE, bytes, sizeof(bytes));
	power_is_good();
}

static void get_store(void)
{
	FILE *f = fopen(folder_at(STORE), "r");

	assert_non_null(f);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), f), sizeof(bytes));
	assert_int_equal(fclose(f), 0);
}

static uint8_t *copy_at(unsigned number)
{
	return bytes + number * stride;
}

static uint8_t *vars_of(unsigned number)
{
	return copy_at(number) + LOADER_BBCOPY_HEAD;
}

/* As barebox writes it, by its documentation. */
static void put_head(unsigned number, size_t len)
{
	uint8_t *copy = copy_at(number);
	uint16_t n = (uint16_t)len;

	loader_bbcopy_put(copy, 0x2354fdf3);
	loader_bbcopy_put(copy + 4, (uint32_t)(16 + len));
	loader_bbcopy_put(copy + 8, MAGIC);
	memset(copy + 12, 0, 2);
	memcpy(copy + 14, &n, 2);
	loader_bbcopy_put(copy + 16, bytes_crc32(0, copy + 24, len));
	loader_bbcopy_put(copy + 20, bytes_crc32(0, copy + 8, 12));
}

struct is {
	uint32_t attempts[2], priority[2];
};

static void put_vars(unsigned number, struct is is)
{
	for (unsigned i = 0; i < 2; i++) {
		loader_bbcopy_put(vars_of(number) + 8 * i, is.attempts[i]);
		loader_bbcopy_put(vars_of(number) + 8 * i + 4, is.priority[i]);
	}
	loader_bbcopy_put(vars_of(number) + 16, 7);
	put_head(number, VARS);
}

static void put_all(struct is is)
{
	memset(bytes, 0xff, sizeof(bytes));
	for (unsigned i = 0; i < COPIES; i++)
		put_vars(i, is);
	put_store();
}

static const struct is fresh = { { 3, 3 }, { 20, 10 } };

static void has_stride(uint32_t to)
{
	stride = to;
	snprintf(where, sizeof(where), "/dev/vda5:0x27031977:%u" LAYOUT, stride);
	put_all(fresh);
}

static void set_up(void)
{
	folder_make();
	folder_run("mkdir -p dev proc");
	l.root = folder;
	l.where = where;
	has_stride(1024);
}

static void reads(int preset, int once, unsigned starts)
{
	OK(loader_read(&l, &c));
	EQUAL((c.preset, preset), (c.once, once), (c.starts, starts));
}

static void refuses(enum kb_err err, const char *why)
{
	FAILS(loader_read(&l, &c), err);
	if (strstr(l.why, why) == NULL)
		fail_msg("%s", l.why);
}

static void holds(struct is is)
{
	get_store();
	for (unsigned i = 0; i < COPIES; i++) {
		size_t len;

		EQUAL((loader_bbcopy_look(copy_at(i), stride, MAGIC, &len), LOADER_BBCOPY_SOUND),
		      (len, VARS));
		for (unsigned t = 0; t < 2; t++)
			EQUAL((loader_bbcopy_get(vars_of(i) + 8 * t), is.attempts[t]),
			      (loader_bbcopy_get(vars_of(i) + 8 * t + 4), is.priority[t]));
		EQUAL((loader_bbcopy_get(vars_of(i) + 16), 7));
	}
}

/* ---------------------------------------------------------------- its words */

TEST(priorities_and_attempts_are_words)
{
	reads(0, STATE_NONE, 0);
	put_all((struct is){ { 1, 3 }, { 20, 10 } });
	reads(0, STATE_NONE, 2);
	put_all((struct is){ { 0, 3 }, { 20, 10 } });
	reads(0, STATE_NONE, 3);
	put_all((struct is){ { 3, 1 }, { 20, 30 } });
	reads(0, 1, 0);
	put_all((struct is){ { 2, 0 }, { 20, 30 } });
	reads(0, STATE_NONE, 1);
	put_all((struct is){ { 9, 3 }, { 1, 21 } });
	reads(1, STATE_NONE, 0);
}

/* Somebody else set them: what barebox starts is what counts. */
TEST(numbers_of_others_are_read_as_barebox_does)
{
	put_all((struct is){ { 3, 3 }, { 20, 20 } });
	reads(STATE_NONE, STATE_NONE, 0);
	put_all((struct is){ { 3, 3 }, { 0, 0 } });
	reads(STATE_NONE, STATE_NONE, 0);
	put_all((struct is){ { 3, 3 }, { 20, 30 } });
	reads(1, STATE_NONE, 0);
	put_all((struct is){ { 3, 1 }, { 40, 30 } });
	reads(0, STATE_NONE, 0);
	put_all((struct is){ { 0, 1 }, { 40, 30 } });
	reads(0, 1, 3);
	put_all((struct is){ { 1, 1 }, { 30, 30 } });
	refuses(KB_EFORMAT, "system0 and system1 have the same priority");
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE, 0);
}

TEST(once_has_a_single_attempt_and_the_preset_stays)
{
	OK(loader_set_once(&l, 1));
	holds((struct is){ { 3, 1 }, { 20, 30 } });
	EQUAL((writes, COPIES));
	assert_true(syncs >= COPIES);
	OK(loader_set_once(&l, 1));
	EQUAL((writes, COPIES));
	OK(loader_set_once(&l, 0));
	holds((struct is){ { 3, 3 }, { 20, 10 } });
}

TEST(preset_is_the_highest_and_ends_a_try)
{
	put_all((struct is){ { 3, 1 }, { 20, 30 } });
	OK(loader_set_preset(&l, 0));
	holds((struct is){ { 3, 3 }, { 20, 10 } });
	OK(loader_set_preset(&l, 1));
	holds((struct is){ { 3, 3 }, { 10, 20 } });
}

TEST(starts_are_forgotten_when_the_preset_came_up)
{
	put_all((struct is){ { 1, 0 }, { 20, 30 } });
	OK(loader_came_up(&l));
	holds((struct is){ { 3, 3 }, { 20, 10 } });
	EQUAL((writes, COPIES));
	OK(loader_came_up(&l));
	EQUAL((writes, COPIES));
}

TEST(without_a_preset_nothing_is_started_once)
{
	put_all((struct is){ { 3, 3 }, { 20, 20 } });
	FAILS(loader_set_once(&l, 1), KB_EFORMAT);
	assert_non_null(strstr(l.why, "nothing is there to fall back to"));
	EQUAL((writes, 0));
}

TEST(nothing_but_the_variables_is_written)
{
	static uint8_t before[SIZE];

	memcpy(before, bytes, sizeof(before));
	OK(loader_set_preset(&l, 1));
	get_store();
	for (unsigned i = 0; i < COPIES; i++) {
		memset(before + i * stride, 0, LOADER_BBCOPY_HEAD + VARS);
		memset(copy_at(i), 0, LOADER_BBCOPY_HEAD + VARS);
	}
	assert_memory_equal(before, bytes, sizeof(bytes));
}

TEST(strides_of_sectors_are_read_and_written)
{
	static const uint32_t strides[] = { 512, 1024, 4096, 16384 };

	for (unsigned i = 0; i < KB_ARRAY_LEN(strides); i++) {
		has_stride(strides[i]);
		OK(loader_set_once(&l, 1));
		holds((struct is){ { 3, 1 }, { 20, 30 } });
		reads(0, 1, 0);
	}
	has_stride(24576);
	refuses(KB_EINVAL, "/dev/vda5 has no room for three copies");
	has_stride(256);
	refuses(KB_EINVAL, "is no multiple of 512");
	has_stride(1000);
	refuses(KB_EINVAL, "is no multiple of 512");
}

/* ---------------------------------------------------------------- what is damaged */

TEST(first_sound_copy_counts_as_it_does_for_barebox)
{
	put_vars(1, (struct is){ { 3, 3 }, { 10, 20 } });
	put_vars(2, (struct is){ { 3, 1 }, { 20, 30 } });
	put_store();
	reads(0, STATE_NONE, 0);
	for (unsigned i = 0; i < 24 + VARS; i++) {
		put_all(fresh);
		put_vars(1, (struct is){ { 3, 3 }, { 10, 20 } });
		copy_at(0)[i] ^= 0x10;
		put_store();
		/* longer than it is: barebox believes it */
		if (i >= 4 && i < 8)
			refuses(KB_EFORMAT, "a state with an HMAC");
		else
			reads(1, STATE_NONE, 0);
	}
}

TEST(damaged_copies_are_made_anew_by_a_write)
{
	memset(copy_at(0), 0xff, 100);
	memset(copy_at(2), 0, 100);
	put_store();
	OK(loader_set_once(&l, 1));
	holds((struct is){ { 3, 1 }, { 20, 30 } });
	memset(bytes, 0xff, sizeof(bytes));
	put_store();
	refuses(KB_EFORMAT, "/dev/vda5 holds no state with the magic 0x27031977");
	FAILS(loader_set_preset(&l, 0), KB_EFORMAT);
	EQUAL((writes, 0));
}

/* barebox would believe it, or would not believe what Keelboot makes of it. */
TEST(copies_of_another_format_are_refused_wherever_they_lie)
{
	for (unsigned i = 0; i < COPIES; i++) {
		put_all(fresh);
		memmove(copy_at(i), copy_at(i) + 8, 16 + VARS);
		put_store();
		refuses(KB_EFORMAT, "/dev/vda5 holds a state of an old barebox");
		put_all(fresh);
		loader_bbcopy_put(copy_at(i) + 4, 16 + VARS + 32);
		put_store();
		refuses(KB_EFORMAT, "/dev/vda5 holds a state with an HMAC");
		FAILS(loader_set_preset(&l, 0), KB_EFORMAT);
		EQUAL((writes, 0));
	}
}

TEST(state_of_another_layout_is_refused)
{
	for (unsigned i = 0; i < COPIES; i++)
		put_head(i, 15);
	put_store();
	refuses(KB_EFORMAT, "the variables of system1 lie behind");
	FAILS(loader_set_preset(&l, 0), KB_EFORMAT);
	l.where = "/dev/vda5:0x27031978:1024" LAYOUT;
	put_all(fresh);
	refuses(KB_EFORMAT, "no state with the magic 0x27031978");
}

/* More than a sector. */
TEST(state_with_many_variables_keeps_them)
{
	memset(bytes, 0x42, sizeof(bytes));
	for (unsigned i = 0; i < COPIES; i++) {
		put_vars(i, fresh);
		put_head(i, 1000);
	}
	put_store();
	OK(loader_set_preset(&l, 1));
	EQUAL((writes, 2 * COPIES));
	reads(1, STATE_NONE, 0);
	get_store();
	for (unsigned i = VARS; i < 1000; i++)
		EQUAL((vars_of(2)[i], 0x42));
}

TEST(list_of_targets_is_checked)
{
	static const char *const lists[] = {
		"/dev/vda5",
		"/dev/vda5:1:1024",
		"/dev/vda5:1,a=system0:0:4",
		"/dev/vda5:1:1024:,a=system0:0:4",
		"/dev/vda5:1:1024:9,a=system0:0:4",
		"/dev/vda5:0x:1024,a=system0:0:4",
		"/dev/vda5:0x127031977:1024,a=system0:0:4",
		"/dev/vda5:1:99999999,a=system0:0:4",
		"/dev/vda5:1:1024,a=system0",
		"/dev/vda5:1:1024,a=system0:0",
		"/dev/vda5:1:1024,a=system0:0:",
		"/dev/vda5:1:1024,a=system0:0:4:",
		"/dev/vda5:1:1024,a=system0:0:4:8",
		"/dev/vda5:1:1024,a=:0:4",
		"/dev/vda5:1:1024,a=sys tem:0:4",
		"/dev/vda5:1:1024,a=system0:-1:4",
		"/dev/vda5:1:1024,a=system0:0:4k",
		"/dev/vda5:1:1024,a=system0:0:4097",
		"/dev/vda5:1:1024,a=system0:0:3",
		"/dev/vda5:1:1024,a=system0:0:4,b=system0:8:12",
		"/dev/vda5:1:1024,a=system0:0:4,b=system1:8:4",
		"/dev/vda5:1:1024,a=system0:0:4,b=system1:6:12",
		"/dev/vda5:1:1024,a=a2345678901234567890123456789012:0:4",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(lists); i++) {
		l.where = lists[i];
		refuses(KB_EINVAL, "expected the state and its variables");
	}
	l.where = "/dev/vda5:0x27031977:1024,a=system0:0:4";
	reads(0, STATE_NONE, 0);
	FAILS(loader_set_once(&l, 1), KB_EINVAL);
	assert_non_null(strstr(l.why, "slot b has no target"));
	l.where = "/dev/none:1:1024,a=system0:0:4";
	refuses(KB_ENOENT, "/dev/none: cannot open");
}

/* ---------------------------------------------------------------- what was started */

static int started(const char *line)
{
	int slot = 9;

	folder_put("proc/cmdline", line);
	if (loader_booted(&l, &slot) == KB_OK)
		return slot;
	assert_non_null(strstr(l.why, "bootchooser did not start this"));
	return slot;
}

TEST(command_line_says_whose_kernel_runs)
{
	EQUAL((started("quiet bootchooser.active=system0 panic=10\n"), 0),
	      (started("bootchooser.active=system1"), 1),
	      (started("bootchooser.active=system1 bootchooser.active=system1\n"), 1),
	      (started("bootchooser.active=system1 bootchooser.active=system0\n"), STATE_NONE),
	      (started("bootchooser.active=system1 bootchooser.active=net\n"), STATE_NONE));
	EQUAL((started("bootchooser.active=system\n"), STATE_NONE),
	      (started("bootchooser.active=system00\n"), STATE_NONE),
	      (started("bootchooser.active=\n"), STATE_NONE),
	      (started("xbootchooser.active=system0\n"), STATE_NONE),
	      (started("keelboot.pair=a\n"), STATE_NONE), (started(""), STATE_NONE));
}

TEST(how_it_was_started_is_what_bootchooser_left)
{
	put_all((struct is){ { 2, 3 }, { 20, 10 } });
	EQUAL((loader_started(&l, 0), LOADER_START_COUNTED),
	      (loader_started(&l, 1), LOADER_START_PLAIN));
	put_all((struct is){ { 0, 2 }, { 20, 10 } });
	EQUAL((loader_started(&l, 0), LOADER_START_COUNTED),
	      (loader_started(&l, 1), LOADER_START_INSTEAD));
	put_all((struct is){ { 3, 0 }, { 20, 30 } });
	EQUAL((loader_started(&l, 1), LOADER_START_ONCE),
	      (loader_started(&l, 0), LOADER_START_UNSAVED));
	put_all((struct is){ { 3, 1 }, { 20, 30 } });
	EQUAL((loader_started(&l, 1), LOADER_START_UNSAVED));
	put_all((struct is){ { 4, 1 }, { 20, 10 } });
	EQUAL((loader_started(&l, 0), LOADER_START_PLAIN));
}

/* It counts, as far as anybody knows: init answers, or says why it cannot. */
TEST(state_that_cannot_be_read_counts)
{
	memset(bytes, 0, sizeof(bytes));
	put_store();
	EQUAL((loader_started(&l, 0), LOADER_START_COUNTED));
	folder_run("rm " STORE);
	EQUAL((loader_started(&l, 0), LOADER_START_COUNTED));
}

/* ---------------------------------------------------------------- the harness */

#define NOTHING_STARTS 9

/* Keelboot's own writes are cut by pwrite(); the model's by this. */
static unsigned model_power = UINT32_MAX, model_writes;
static bool all_zero; /* bootchooser.reset_attempts */

static void model_writes_copy(unsigned number, const uint8_t *from, size_t len)
{
	model_writes++;
	if (model_writes < model_power)
		memcpy(copy_at(number), from, len);
	else if (model_writes == model_power && fate == TORN)
		memset(copy_at(number), 0xa5, 30);
}

/* The first copy whose checksums are right; the others become like it. */
static bool model_loads(uint8_t vars[VARS])
{
	for (unsigned i = 0; i < COPIES; i++) {
		size_t len;

		if (loader_bbcopy_look(copy_at(i), stride, MAGIC, &len) != LOADER_BBCOPY_SOUND)
			continue;
		assert_int_equal(len, VARS);
		memcpy(vars, vars_of(i), VARS);
		for (unsigned j = 0; j < COPIES; j++)
			if (memcmp(copy_at(j), copy_at(i), 24 + VARS) != 0)
				model_writes_copy(j, copy_at(i), 24 + VARS);
		return true;
	}
	return false;
}

static void model_saves(const uint8_t vars[VARS])
{
	static uint8_t keep[24 + VARS];
	uint8_t *first = copy_at(0);

	memcpy(keep, first, sizeof(keep));
	memcpy(vars_of(0), vars, VARS);
	put_head(0, VARS);
	for (unsigned i = 0; i < sizeof(keep); i++) {
		uint8_t old = keep[i];

		keep[i] = first[i];
		first[i] = old;
	}
	for (unsigned i = 0; i < COPIES; i++)
		model_writes_copy(i, keep, sizeof(keep));
}

/* What is started; NOTHING_STARTS where no target has an attempt, or nothing is sound: then
 * barebox takes the defaults of its device tree, which name no slot that is known to be whole. */
static unsigned bootchooser_starts(void)
{
	uint8_t vars[VARS];
	unsigned best = NOTHING_STARTS;
	uint32_t highest = 0;

	get_store();
	model_writes = 0;
	if (!model_loads(vars))
		return NOTHING_STARTS;
	if (all_zero && loader_bbcopy_get(vars) == 0 && loader_bbcopy_get(vars + 8) == 0) {
		loader_bbcopy_put(vars, 3);
		loader_bbcopy_put(vars + 8, 3);
	}
	for (unsigned i = 0; i < 2; i++) {
		uint32_t attempts = loader_bbcopy_get(vars + 8 * i);
		uint32_t priority = loader_bbcopy_get(vars + 8 * i + 4);

		if (attempts > 0 && priority > highest) {
			best = i;
			highest = priority;
		}
	}
	if (best != NOTHING_STARTS) {
		loader_bbcopy_put(vars + 8 * best, loader_bbcopy_get(vars + 8 * best) - 1);
		loader_bbcopy_put(vars + 16, best + 1);
		model_saves(vars);
	}
	put_store();
	return best;
}

TEST(bootchooser_starts_once_what_it_is_asked_to_and_then_the_preset)
{
	OK(loader_set_preset(&l, 0));
	EQUAL((bootchooser_starts(), 0));
	OK(loader_came_up(&l));
	OK(loader_set_once(&l, 1));
	EQUAL((bootchooser_starts(), 1), (loader_started(&l, 1), LOADER_START_ONCE),
	      (bootchooser_starts(), 0), (loader_started(&l, 0), LOADER_START_COUNTED));
	OK(loader_came_up(&l));
	OK(loader_set_once(&l, 1));
	EQUAL((bootchooser_starts(), 1));
	OK(loader_set_preset(&l, 1));
	for (unsigned i = 0; i < 9; i++) {
		EQUAL((bootchooser_starts(), 1), (loader_started(&l, 1), LOADER_START_COUNTED));
		OK(loader_came_up(&l));
	}
}

TEST(preset_that_nobody_answers_is_left_after_three_starts)
{
	OK(loader_set_preset(&l, 0));
	EQUAL((bootchooser_starts(), 0), (bootchooser_starts(), 0), (bootchooser_starts(), 0));
	EQUAL((bootchooser_starts(), 1), (loader_started(&l, 1), LOADER_START_INSTEAD));
	reads(0, STATE_NONE, 3);
	OK(loader_set_preset(&l, 1));
	EQUAL((bootchooser_starts(), 1), (loader_started(&l, 1), LOADER_START_COUNTED));
}

TEST(both_bad_pairs_leave_what_barebox_has_behind_bootchooser)
{
	OK(loader_set_preset(&l, 0));
	for (unsigned i = 0; i < 6; i++)
		EQUAL((bootchooser_starts(), i / 3));
	EQUAL((bootchooser_starts(), NOTHING_STARTS));
}

/* Nobody can answer, nor end the try: something starts all the same. */
TEST(state_that_nobody_can_write_starts_something_with_all_zero)
{
	all_zero = true;
	put_all((struct is){ { 2, 0 }, { 20, 30 } });
	for (unsigned i = 0; i < 20; i++)
		assert_true(bootchooser_starts() != NOTHING_STARTS);
	all_zero = false;
	put_all((struct is){ { 2, 0 }, { 20, 30 } });
	EQUAL((bootchooser_starts(), 0), (bootchooser_starts(), 0),
	      (bootchooser_starts(), NOTHING_STARTS));
}

/* A copy may hold what counts, what counted before, or nothing that is sound. */
static void put_mixed(unsigned mix, struct is now, struct is before)
{
	put_all(now);
	for (unsigned i = 0; i < COPIES; i++, mix /= 3) {
		if (mix % 3 == 1)
			put_vars(i, before);
		if (mix % 3 == 2)
			memset(copy_at(i), 0xff, 100);
	}
	put_store();
}

enum { MIXES = 27 };

/* What it starts without a write, in the world as it is. */
static unsigned would_start(void)
{
	static uint8_t keep[SIZE];
	unsigned is;

	get_store();
	memcpy(keep, bytes, sizeof(keep));
	is = bootchooser_starts();
	memcpy(bytes, keep, sizeof(keep));
	put_store();
	return is;
}

static enum kb_err sets(unsigned verb, int slot)
{
	return verb == 0   ? loader_set_preset(&l, slot)
	       : verb == 1 ? loader_set_once(&l, slot)
			   : loader_came_up(&l);
}

/* Returns whether there was a write to be cut. */
static bool cut_one(unsigned mix, struct is now, struct is before, unsigned verb, int slot)
{
	unsigned old, cut;

	put_mixed(mix, now, before);
	old = would_start();
	if (old == NOTHING_STARTS)
		return false;
	for (cut = 1;; cut++) {
		unsigned is;
		bool done;

		put_mixed(mix, now, before);
		power = cut;
		(void)!sets(verb, slot);
		done = writes < cut;
		power_is_good();
		is = would_start();
		if (is != old && is != (unsigned)slot)
			fail_msg("mix %u verb %u slot %d cut %u: %u starts, and not %u", mix, verb,
				 slot, cut, is, old);
		if (done)
			return cut > 1;
		/* The next boot does it again, and that is whole. */
		if (sets(verb, slot) == KB_OK && verb == 0)
			EQUAL((would_start(), (unsigned)slot));
	}
}

/* Of each mix of copies, by each verb, at each write: what starts then is what started before, or
 * what was asked for; never an older choice, and never nothing. */
TEST(cut_at_each_write_leaves_the_old_choice_or_the_new_one)
{
	static const struct is before[] = { { { 3, 3 }, { 10, 20 } }, { { 3, 1 }, { 20, 30 } } };
	static const struct is now[] = { { { 2, 3 }, { 20, 10 } }, { { 1, 0 }, { 20, 30 } } };
	unsigned cuts = 0;

	for (unsigned i = 0; i < 2 * 2 * 2 * MIXES * 3 * 2; i++) {
		unsigned mix = i % MIXES, rest = i / MIXES;

		fate = rest % 2 == 0 ? LOST : TORN;
		if (rest / 2 % 3 == 2 && rest / 6 % 2 == 1)
			continue;
		cuts += cut_one(mix, now[rest / 12 % 2], before[rest / 24 % 2], rest / 2 % 3,
				(int)(rest / 6 % 2));
	}
	assert_true(cuts > 500);
}

/* barebox's own write of an attempt: the try is spent, or is had once more. */
TEST(cut_while_barebox_notes_a_start_leaves_a_choice)
{
	for (unsigned cut = 1; cut <= COPIES; cut++)
		for (unsigned torn = 0; torn < 2; torn++) {
			unsigned is;

			fate = torn ? TORN : LOST;
			put_all((struct is){ { 3, 1 }, { 20, 30 } });
			model_power = cut;
			EQUAL((bootchooser_starts(), 1));
			model_power = UINT32_MAX;
			is = would_start();
			EQUAL((is, cut == 1 ? 1 : 0));
			OK(loader_set_preset(&l, 0));
			EQUAL((would_start(), 0));
		}
}

TEST_MAIN("loader_barebox", .set_up = set_up, .tear_down = folder_remove)
