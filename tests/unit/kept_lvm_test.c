/* SPDX-License-Identifier: Apache-2.0 */
/* Data that is kept by a snapshot of its logical volume: lvm is a child that succeeds, fails, hangs
 * or is cut, and the data partition the file system of tests/sim/datacut.h, where each change can
 * be lost. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/data/kept.h"
#include "tests/sim/datacut.h"
#include "tests/unit/test.h"

#define DEV    "/dev/kb/data"
#define VOLUME "kb/keelboot-kept"
#define IMAGES 128
#define TURNS  200

static const struct kept_owner owner = { .slot = 'b', .release = { 1, 2, 3 } };
static struct conf conf;
static struct tree_job job;
static kept_method how;

/* What a cut leaves as it is. */
static struct {
	bool there, thick;
	struct datacut_fs fs;
} volume;
static struct datacut_fs disk;

/* How lvm is. */
static struct {
	bool missing, fails, hangs, pool_full, group_full;
	const char *warning;
} lvm;
static char named[1200], told[1200];
static int status;

/* ---------------------------------------------------------------- lvm */

static void tell_names(void)
{
	const char *warning = lvm.warning != NULL ? lvm.warning : "";

	snprintf(named, sizeof(named), "%s%s", warning, volume.there ? "  keelboot-kept\n" : "");
}

/* Whether it does anything; power may fail before. */
static bool begins(void)
{
	bool fails = datacut_calls_turn() || lvm.fails;

	status = fails ? 5 << 8 : 0;
	snprintf(told, sizeof(told), "%s", fails ? "  It does not work.\n" : "");
	return !fails;
}

static void refuses(const char *why)
{
	status = 5 << 8;
	snprintf(told, sizeof(told), "  %s\n", why);
}

static void answer_names(void *ctx, const char *const *argv)
{
	(void)begins();
	if (status != 0)
		snprintf(named, sizeof(named), "  It does not work.\n");
	else
		tell_names();
}

static void find_group(void *ctx, const char *const *argv)
{
	if (begins())
		snprintf(told, sizeof(told), "  kb\n");
}

static void create(void *ctx, const char *const *argv)
{
	bool thick = has_arg(argv, "-L");

	if (!begins())
		return;
	if (volume.there)
		refuses("It is there already.");
	else if (!thick && lvm.pool_full)
		refuses("Free space in thin pool kb/pool reached threshold.");
	else if (thick && lvm.group_full)
		refuses("Volume group \"kb\" has insufficient free space.");
	if (status != 0)
		return;
	volume.there = true;
	volume.thick = thick;
	volume.fs = datacut_calls.now;
}

static void remove_it(void *ctx, const char *const *argv)
{
	if (begins() && volume.there && has_arg(argv, VOLUME))
		volume.there = false;
}

static void change_it(void *ctx, const char *const *argv)
{
	if (!begins() || !has_arg(argv, "-ay"))
		return;
	os_sim_file("/dev/" VOLUME, "");
	os_sim_fs("/dev/" VOLUME, "ext4");
	datacut_calls_mount(&volume.fs);
}

static void add(const char *arg, const char *text, void (*run)(void *ctx, const char *const *argv))
{
	os_sim_child(&(struct os_sim_child){ .argv0 = "lvm",
					     .arg = arg,
					     .say = { { .at_ms = 50, .text = text } },
					     .duration_ms = 50,
					     .hangs = lvm.hangs,
					     .run = run,
					     .result = &status });
}

/* ---------------------------------------------------------------- lives */

/* A boot begins, with what is on the disk. */
static void begin(void)
{
	os_sim_reset();
	datacut_calls_begin(&disk);
	datacut_calls.cut_at = datacut_calls.fail_at = 0;
	job = (struct tree_job){ .limit = UINT64_MAX, .dev = DEV };
	if (!lvm.missing)
		os_sim_exec("/sbin/lvm");
	tell_names();
	told[0] = '\0';
	add("vg_name", told, find_group);
	add("lv_name", named, answer_names);
	add("lvcreate", told, create);
	add("lvremove", told, remove_it);
	add("lvchange", told, change_it);
}

static enum kb_err end(enum kb_err err)
{
	disk = datacut_calls.now;
	return err;
}

static enum kb_err keep(void)
{
	begin();
	return end(kept_make(&job, datacut_calls_top(), &conf, &owner, how));
}

static enum kb_err look(void)
{
	begin();
	return end(kept_check(datacut_calls_top(), &owner));
}

static enum kb_err put_back(void)
{
	begin();
	return end(kept_put_back(&job, datacut_calls_top(), "ext4"));
}

static enum kb_err let_go(void)
{
	begin();
	return end(kept_drop(&job, datacut_calls_top()));
}

/* ---------------------------------------------------------------- the disk */

static void put(const char *folder, const char *name, const char *text)
{
	struct datacut_change c = { .kind = DATACUT_ADD };

	c.in = folder[0] == '\0' ? DATACUT_TOP : datacut_fs_path(&disk, folder);
	snprintf(c.name, sizeof(c.name), "%s", name);
	c.node = datacut_fs_node(&disk, text == NULL);
	if (text != NULL) {
		disk.node[c.node].len = (unsigned)strlen(text);
		memcpy(disk.node[c.node].text, text, strlen(text));
	}
	datacut_fs_do(&disk, &c);
}

static void take_away(const char *folder, const char *name)
{
	int in = folder[0] == '\0' ? DATACUT_TOP : datacut_fs_path(&disk, folder);

	for (unsigned i = 0; i < disk.nnames; i++)
		if (disk.name[i].in == in && strcmp(disk.name[i].name, name) == 0)
			disk.name[i].node = -1;
}

static bool reads(const char *path, const char *text)
{
	int node = datacut_fs_path(&disk, path);

	if (text == NULL)
		return node < 0;
	return node >= 0 && disk.node[node].len == strlen(text) &&
	       memcmp(disk.node[node].text, text, strlen(text)) == 0;
}

static bool is_old(void)
{
	return reads("app/db", "old") && reads("site", "old") && reads("none", NULL);
}

static bool is_trials(void)
{
	return reads("app/db", "new") && reads("site", NULL) && reads("none", "new");
}

static bool home_is_empty(void)
{
	int home = datacut_fs_path(&disk, "keelboot");

	for (unsigned i = 0; home >= 0 && i < disk.nnames; i++)
		if (disk.name[i].node >= 0 && disk.name[i].in == home)
			return false;
	return true;
}

static bool no_copies(void)
{
	static const char *const copies[] = { "0", "1", "2.absent", "links" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(copies); i++)
		if (datacut_fs_path(&disk, strf("keelboot/kept/%s", copies[i])) >= 0)
			return false;
	return true;
}

static void trial_runs(void)
{
	take_away("app", "db");
	put("app", "db", "new");
	take_away("", "site");
	put("", "none", "new");
	assert_true(is_trials());
}

static void set_up(void)
{
	memset(&lvm, 0, sizeof(lvm));
	memset(&volume, 0, sizeof(volume));
	datacut_calls.room = 0;
	datacut_calls.shares = false;
	conf_defaults(&conf);
	snprintf(conf.data_paths, sizeof(conf.data_paths), "app,site,none");
	conf.data_limit_mib = 24;
	datacut_fs_init(&disk);
	put("", "app", NULL);
	put("app", "db", "old");
	put("", "site", "old");
}

/* ---------------------------------------------------------------- each cut, each failure */

static struct datacut_fs images[IMAGES];
static unsigned nimages;

static void note_image(const struct datacut_fs *image)
{
	assert_true(nimages < IMAGES);
	images[nimages++] = *image;
}

/* Runs it until the n-th change, where the power fails. False: it came to its end before. */
static bool is_cut(enum kb_err (*life)(int data), unsigned n)
{
	nimages = 0;
	begin();
	if (setjmp(datacut_calls.cut) == 0) {
		datacut_calls.cut_at = n;
		(void)!life(datacut_calls_top());
		datacut_calls.cut_at = 0;
		disk = datacut_calls.now;
		return false;
	}
	datacut_calls.cut_at = 0;
	datacut_calls_images(note_image);
	return true;
}

static enum kb_err make_life(int data)
{
	return kept_make(&job, data, &conf, &owner, how);
}

static enum kb_err back_life(int data)
{
	return kept_put_back(&job, data, "ext4");
}

static enum kb_err drop_life(int data)
{
	return kept_drop(&job, data);
}

/* Cut at each change, from this world on: after it is called with each disk that may be left. */
static void cut_each(enum kb_err (*life)(int data), void (*after)(void))
{
	static struct datacut_fs from;
	static __typeof__(volume) was, left;
	static unsigned n, i;

	from = disk;
	was = volume;
	for (n = 1; n < TURNS; n++) {
		disk = from;
		volume = was;
		if (!is_cut(life, n))
			break;
		left = volume;
		for (i = 0; i < nimages; i++) {
			disk = images[i];
			volume = left;
			after();
		}
	}
	assert_in_range(n, 5, TURNS - 1);
}

/* Each change fails: after it is called with what came of it. */
static void fail_each(enum kb_err (*life)(int data), void (*after)(enum kb_err err))
{
	static struct datacut_fs from;
	static __typeof__(volume) was;
	unsigned n, turns;

	from = disk;
	was = volume;
	begin();
	(void)!life(datacut_calls_top());
	turns = datacut_calls.turn;
	assert_in_range(turns, 5, TURNS);
	for (n = 1; n <= turns; n++) {
		disk = from;
		volume = was;
		begin();
		datacut_calls.fail_at = n;
		datacut_calls.fail_with = EIO;
		after(end(life(datacut_calls_top())));
	}
}

/* ---------------------------------------------------------------- making and putting back */

TEST(thin_volume_is_kept_at_no_cost_and_goes_back)
{
	OK(keep());
	EQUAL((how, "lvm"), (volume.there, true), (volume.thick, false), (job.copied, 0));
	OK(look());
	trial_runs();
	OK(put_back());
	EQUAL((is_old(), true), (volume.there, false), (home_is_empty(), true));
	EQUAL((os_sim_count("mount"), 1), (os_sim_count("umount"), 1));
	FAILS(put_back(), KB_ENOENT);
}

TEST(volume_that_is_not_thin_is_kept_so_only_if_that_is_asked_for)
{
	lvm.pool_full = true;
	OK(keep());
	EQUAL((how, "copy"), (volume.there, false),
	      (datacut_fs_path(&disk, "keelboot/kept.volume"), -1));
	conf.data_method = CONF_DATA_LVM;
	OK(keep());
	EQUAL((how, "lvm"), (volume.thick, true));
	EQUAL((os_sim_count("spawn lvm lvcreate -s -L 24m -n keelboot-kept " DEV), 1));
	trial_runs();
	OK(put_back());
	EQUAL((is_old(), true), (volume.there, false), (home_is_empty(), true));
}

TEST(full_pool_is_refused_and_nothing_stays)
{
	lvm.pool_full = lvm.group_full = true;
	conf.data_method = CONF_DATA_LVM;
	FAILS(keep(), KB_EIO);
	assert_string_equal(
		job.why,
		VOLUME ": lvm cannot make it: Volume group \"kb\" has insufficient free space.");
	EQUAL((volume.there, false), (home_is_empty(), true));
}

TEST(one_of_that_name_gives_way)
{
	volume.there = true;
	OK(keep());
	EQUAL((how, "lvm"), (os_sim_count("spawn lvm lvremove"), 1));
	assert_true(datacut_fs_path(&volume.fs, "app/db") >= 0);
}

TEST(without_lvm_a_copy_is_kept_unless_it_was_asked_for)
{
	for (int i = 0; i < 3; i++) {
		lvm = (__typeof__(lvm)){ .missing = i == 0, .fails = i == 1, .hangs = i == 2 };
		conf.data_method = CONF_DATA_AUTO;
		OK(keep());
		EQUAL((how, "copy"), (job.why, ""));
		conf.data_method = CONF_DATA_LVM;
		FAILS(keep(), KB_EINVAL);
		assert_non_null(strstr(job.why, "method=lvm: "));
		EQUAL((home_is_empty(), true));
	}
}

/* ---------------------------------------------------------------- there, not there, not known */

TEST(snapshot_that_lvm_cannot_tell_of_is_not_taken_for_gone)
{
	OK(keep());
	lvm.fails = true;
	FAILS(look(), KB_EIO);
	lvm = (__typeof__(lvm)){ .hangs = true };
	FAILS(look(), KB_EIO);
	lvm = (__typeof__(lvm)){ .missing = true };
	FAILS(look(), KB_EIO);
	lvm.missing = false;
	OK(look());
	volume.there = false;
	FAILS(look(), KB_ENOENT);
}

TEST(name_is_found_between_warnings_and_what_they_cut_off_is_not_known)
{
	static char many[600];

	OK(keep());
	lvm.warning = "  WARNING: Device /dev/sdb not found.\n";
	OK(look());
	volume.there = false;
	FAILS(look(), KB_ENOENT);
	lvm.warning = "  WARNING: keelboot-kept2 and my-keelboot-kept are others.\n";
	FAILS(look(), KB_ENOENT);
	memset(many, 'W', sizeof(many) - 1);
	lvm.warning = many;
	volume.there = true;
	FAILS(look(), KB_EIO);
}

TEST(drop_with_an_lvm_that_fails_keeps_the_record)
{
	for (int i = 0; i < 3; i++) {
		lvm = (__typeof__(lvm)){ .pool_full = false };
		OK(keep());
		lvm = (__typeof__(lvm)){ .missing = i == 0, .fails = i == 1, .hangs = i == 2 };
		FAILS(let_go(), KB_EIO);
		assert_non_null(strstr(job.why, VOLUME ": lvm cannot tell whether it is there: "));
		assert_non_null(strstr(job.why, i == 0	 ? "it cannot be started"
						: i == 1 ? "It does not work."
							 : "no end after 60 s"));
		/* forgotten at once, but for its name */
		EQUAL((reads("keelboot/kept.volume", VOLUME "\n"), true));
		FAILS(look(), KB_ENOENT);
		EQUAL((volume.there, true));
		lvm = (__typeof__(lvm)){ .pool_full = false };
		OK(let_go());
		EQUAL((volume.there, false), (home_is_empty(), true));
	}
}

TEST(volume_that_stays_keeps_no_trial_from_a_copy)
{
	OK(keep());
	lvm.fails = true;
	conf.data_method = CONF_DATA_COPY;
	OK(keep());
	EQUAL((how, "copy"), (job.why, ""), (volume.there, true));
	trial_runs();
	FAILS(put_back(), KB_ETIMEDOUT); /* all but the volume */
	EQUAL((is_old(), true), (volume.there, true));
	lvm.fails = false;
	OK(let_go());
	EQUAL((volume.there, false), (home_is_empty(), true));
}

TEST(record_that_is_damaged_names_no_other_volume)
{
	static const char *const texts[] = { "",
					     "kb/keelboot-kept",
					     "kb/data\n",
					     "keelboot-kept\n",
					     "-f/keelboot-kept\n",
					     "kb/x/keelboot-kept\n" };

	put("", "keelboot", NULL);
	for (unsigned i = 0; i < KB_ARRAY_LEN(texts); i++) {
		put("keelboot", "kept.volume", texts[i]);
		OK(let_go());
		EQUAL((os_sim_count("spawn"), 0), (home_is_empty(), true));
	}
}

/* ---------------------------------------------------------------- cuts */

static void next_boot_drops_all(void)
{
	OK(let_go());
	EQUAL((volume.there, false), (home_is_empty(), true));
	assert_true(reads("app/db", "old") && reads("site", "old"));
}

TEST(cut_while_it_is_made_leaves_no_volume_behind_the_next_drop)
{
	cut_each(make_life, next_boot_drops_all);
}

TEST(cut_while_a_full_pool_refuses_leaves_none_either)
{
	lvm.pool_full = true;
	cut_each(make_life, next_boot_drops_all);
}

TEST(cut_while_it_is_dropped_leaves_no_volume_behind_the_next_drop)
{
	OK(keep());
	cut_each(drop_life, next_boot_drops_all);
}

static void goes_back_whole(void)
{
	enum kb_err err = put_back();

	assert_true(err == KB_OK || err == KB_ENOENT);
	EQUAL((is_old(), true));
	OK(let_go());
	EQUAL((volume.there, false), (home_is_empty(), true));
}

TEST(cut_while_it_goes_back_is_made_good_by_the_next_boot)
{
	OK(keep());
	trial_runs();
	cut_each(back_life, goes_back_whole);
}

/* ---------------------------------------------------------------- failures */

static void made_or_not(enum kb_err err)
{
	if (err == KB_OK && strcmp(how, "lvm") == 0)
		OK(look());
	if (err != KB_OK && volume.there) {
		/* whole, but not known to be durable */
		EQUAL((reads("keelboot/kept.volume", VOLUME "\n"), true));
		assert_true(datacut_fs_path(&disk, "keelboot/kept") >= 0);
	}
	next_boot_drops_all();
}

TEST(failure_while_it_is_made_leaves_nothing_that_is_not_noted)
{
	fail_each(make_life, made_or_not);
	set_up();
	conf.data_method = CONF_DATA_LVM;
	fail_each(make_life, made_or_not);
}

/* All as the trial left it, and no copy that fills the disk; or all is put back. */
static void back_or_not(enum kb_err err)
{
	struct kept_owner found;

	if (err == KB_OK || err == KB_ETIMEDOUT) {
		EQUAL((is_old(), true));
		return;
	}
	EQUAL((is_trials(), true), (volume.there, true));
	if (strstr((const char *)disk.node[datacut_fs_path(&disk, "keelboot/kept/list")].text,
		   "inside") != NULL)
		EQUAL((no_copies(), true));
	begin();
	OK(kept_look(datacut_calls_top(), &found));
	goes_back_whole();
}

TEST(failure_while_it_goes_back_mixes_nothing_and_fills_no_disk)
{
	OK(keep());
	trial_runs();
	fail_each(back_life, back_or_not);
}

TEST(disk_without_room_stays_as_the_trial_left_it)
{
	OK(keep());
	trial_runs();
	datacut_calls.room = 1 << 20;
	for (int boots = 0; boots < 2; boots++) {
		FAILS(put_back(), KB_ENOSPC);
		assert_string_equal(job.why,
				    "a copy needs 5 MiB, but the data partition has 1 MiB");
		EQUAL((is_trials(), true), (no_copies(), true), (volume.there, true));
		OK(look());
	}
	datacut_calls.room = 0;
	goes_back_whole();
}

TEST_MAIN("kept_lvm", .set_up = set_up, .quiet = true)
