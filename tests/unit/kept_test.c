/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of the data partition, on a file system of this machine: all that a file has is
 * kept, and goes back. The order of it all is datacut_sim's. */
#include "initramfs/data/kept.h"

#include "initramfs/data/anew.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "tests/unit/folder.h"
#include "tests/unit/syscall.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

static const struct kept_owner owner = { .slot = 'b', .release = { 1, 2, 3 } };
static struct conf conf;
static bool old_rename; /* as on a file system that knows no RENAME_NOREPLACE */
static struct tree_job job;
static int top;

static bool syscall_answers(long number, const long arg[6], long *result)
{
	if (number != SYS_renameat2 || !old_rename || arg[4] == 0)
		return false;
	errno = EINVAL;
	*result = -1;
	return true;
}

static void set_up(void)
{
	old_rename = false;
	folder_make();
	conf_defaults(&conf);
	snprintf(conf.data_paths, sizeof(conf.data_paths), "app,etc/site,none");
	job = (struct tree_job){ .limit = UINT64_MAX };
	folder_run("mkdir app etc");
	folder_put("app/db", "old");
	folder_put("etc/site", "site");
	folder_put("other", "other");
	OK(os_file_folder(folder, &top));
}

static void tear_down(void)
{
	util_close(&top);
	folder_remove();
}

static void keep(void)
{
	kept_method how;

	OK(kept_make(&job, top, &conf, &owner, how));
	OK(kept_check(top, &owner));
}

static void holds(const char *name, const char *text)
{
	char buf[64] = "";
	int fd = open(folder_at(name), O_RDONLY);

	assert_true(fd >= 0 && read(fd, buf, sizeof(buf) - 1) >= 0);
	close(fd);
	assert_string_equal(buf, text);
}

static struct stat stat_of(const char *name)
{
	struct stat st = { 0 };

	assert_int_equal(lstat(folder_at(name), &st), 0);
	return st;
}

static void same_as(const struct stat *a, const char *name)
{
	struct stat b = stat_of(name);

	EQUAL((b.st_mode, a->st_mode), (b.st_uid, a->st_uid), (b.st_gid, a->st_gid));
	EQUAL((b.st_size, a->st_size), (b.st_rdev, a->st_rdev), (b.st_nlink, a->st_nlink));
	EQUAL((b.st_mtim.tv_sec, a->st_mtim.tv_sec), (b.st_mtim.tv_nsec, a->st_mtim.tv_nsec));
}

/* What the trial does, and that it is left. */
static void migrate_and_leave(void)
{
	folder_run("rm -rf app etc/site && mkdir app none && echo new >app/db && echo x >none/x");
	OK(kept_put_back(&job, top, "ext4"));
	assert_int_equal(access(folder_at("none"), F_OK), -1);
	assert_int_equal(access(folder_at("keelboot/kept"), F_OK), -1);
}

TEST(what_was_there_goes_back_and_nothing_else)
{
	keep();
	folder_put("other", "changed");
	migrate_and_leave();
	holds("app/db", "old");
	holds("etc/site", "site");
	holds("other", "changed");
	FAILS(kept_put_back(&job, top, "ext4"), KB_ENOENT);
}

TEST(a_file_goes_back_with_all_that_it_has)
{
	struct stat db, pipe_, link_, dir;

	folder_run(
		"chmod 4751 app/db && mkdir app/sub && chmod 2770 app/sub && ln app/db app/sub/same && "
		"ln -s nowhere app/link && mkfifo app/pipe && touch -h -d @7 app/link && touch -d @9 app/sub app/pipe");
	if (getuid() == 0)
		folder_run(
			"chown 12:34 app/db app/sub && chown -h 5:6 app/link && chmod 4751 app/db");
	assert_true(setxattr(folder_at("app/db"), "user.name", "value", 5, 0) == 0 ||
		    errno == ENOTSUP);
	db = stat_of("app/db"), pipe_ = stat_of("app/pipe");
	link_ = stat_of("app/link"), dir = stat_of("app/sub");
	keep();
	migrate_and_leave();
	same_as(&db, "app/db");
	same_as(&pipe_, "app/pipe");
	same_as(&link_, "app/link");
	same_as(&dir, "app/sub");
	assert_int_equal(stat_of("app/db").st_ino, stat_of("app/sub/same").st_ino);
	if (errno != ENOTSUP) {
		char value[8] = "";
		ssize_t n = getxattr(folder_at("app/db"), "user.name", value, sizeof(value));

		assert_true(n == 5 ? strcmp(value, "value") == 0 : errno == ENOTSUP);
	}
}

TEST(holes_stay_holes)
{
	folder_run("truncate -s 64M app/hole && echo end >>app/hole");
	keep();
	assert_true(stat_of("keelboot/kept/0/hole").st_blocks < 1024);
	migrate_and_leave();
	EQUAL((stat_of("app/hole").st_size, (64 << 20) + 4));
	folder_run("tail -c 4 app/hole | grep -qx end");
}

/* What has to be flushed at the end must not take longer than a stall may. */
TEST(copies_are_flushed_while_they_are_made)
{
	folder_run("head -c 9M /dev/urandom >app/big");
	keep();
	assert_in_range(job.unflushed, 1, TREE_FLUSH - 1);
	assert_true(job.copied > 9u << 20);
}

TEST(device_nodes_are_kept_where_that_is_allowed)
{
	struct stat null_;

	if (mknod(folder_at("app/null"), S_IFCHR | 0640, makedev(1, 3)) != 0)
		skip();
	null_ = stat_of("app/null");
	keep();
	migrate_and_leave();
	same_as(&null_, "app/null");
}

TEST(a_copy_above_its_limit_is_refused_and_leaves_nothing)
{
	kept_method how;

	folder_run("head -c 3000000 /dev/zero >app/big");
	conf.data_method = CONF_DATA_COPY;
	conf.data_limit_mib = 2;
	FAILS(kept_make(&job, top, &conf, &owner, how), KB_ENOSPC);
	assert_string_equal(job.why, "a copy needs 3 MiB, but [data] limit= is 2 MiB");
	FAILS(kept_check(top, &owner), KB_ENOENT);
	folder_run("test -z \"$(ls keelboot)\"");
}

TEST(no_link_leads_out_of_the_partition)
{
	kept_method how;

	folder_run("mv etc real && ln -s real etc");
	FAILS(kept_make(&job, top, &conf, &owner, how), KB_EINVAL);
	assert_non_null(strstr(job.why, "etc/site: cannot be opened"));
	folder_run("rm etc && mv real etc");
	job.why[0] = '\0';
	keep();
	folder_run("mv etc real && ln -s real etc && echo new >app/db");
	assert_int_not_equal(kept_put_back(&job, top, "ext4"), KB_OK);
	holds("app/db", "new\n"); /* all is as the trial left it, nothing mixed */
	OK(kept_check(top, &owner));
	folder_run("rm etc && mv real etc");
	OK(kept_put_back(&job, top, "ext4"));
	holds("app/db", "old");
}

TEST(snapshot_of_another_release_is_not_taken_for_it)
{
	struct kept_owner other = owner, found;

	keep();
	other.release[0] = 9;
	FAILS(kept_check(top, &other), KB_ENOENT);
	other = owner;
	other.slot = 'c';
	FAILS(kept_check(top, &other), KB_ENOENT);
	OK(kept_look(top, &found));
	assert_memory_equal(&found, &owner, sizeof(owner));
}

TEST(list_that_is_damaged_is_no_snapshot)
{
	static const char *const lists[] = {
		"",
		"keelboot-data 1\n",
		"keelboot-data 1\nslot b\nrelease 00\npath app\nend\n",
		"keelboot-data 1\nslot b\nrelease 01020300000000000000000000000000\npath ../x\nend\n",
		"keelboot-data 1\nslot b\nrelease 01020300000000000000000000000000\npath /app\nend\n",
		"keelboot-data 1\nslot b\nrelease 01020300000000000000000000000000\npath app\n",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(lists); i++) {
		keep();
		folder_put("keelboot/kept/list", lists[i]);
		FAILS(kept_check(top, &owner), KB_ENOENT);
		FAILS(kept_put_back(&job, top, "ext4"), KB_ENOENT);
		OK(kept_drop(&job, top));
	}
	holds("app/db", "old");
}

TEST(deleting_takes_its_time_and_goes_on)
{
	folder_run("mkdir app/many && touch app/many/1 app/many/2");
	keep();
	job.until_ms = 1;
	FAILS(kept_drop(&job, top), KB_ETIMEDOUT);
	FAILS(kept_check(top, &owner), KB_ENOENT);
	job.until_ms = 0;
	OK(kept_drop(&job, top));
	folder_run("test -z \"$(ls keelboot)\"");
}

TEST(too_many_folders_inside_each_other_are_refused)
{
	kept_method how;

	folder_run("p=app; for i in $(seq 120); do p=$p/d; done; mkdir -p $p");
	conf.data_method = CONF_DATA_COPY;
	FAILS(kept_make(&job, top, &conf, &owner, how), KB_EINVAL);
	assert_non_null(strstr(job.why, "too many folders"));
}

TEST(file_system_without_rename_flags_keeps_and_says_what_is_in_the_way)
{
	old_rename = true;
	FAILS(os_tree_move(top, "other", top, "app"), KB_EBUSY);
	assert_int_equal(errno, EEXIST);
	holds("other", "other");
	keep();
	migrate_and_leave();
	holds("app/db", "old");
}

TEST(reset_leaves_what_the_maker_keeps_and_fills_the_rest)
{
	int root = -1;

	folder_run(
		"mkdir -p slot/tmpl/app slot/tmpl/ids && echo new >slot/tmpl/app/db && echo no >slot/tmpl/ids/n && "
		"mkdir -p ids etc/keys && echo 42 >ids/n && echo k >etc/keys/k && chmod 700 slot/tmpl/app");
	snprintf(conf.data_keep, sizeof(conf.data_keep), "ids,etc/keys,slot");
	snprintf(conf.data_template, sizeof(conf.data_template), "/tmpl");
	keep();
	OK(anew_wipe(&job, top, &conf));
	FAILS(kept_check(top, &owner), KB_ENOENT);
	assert_int_equal(access(folder_at("app"), F_OK), -1);
	assert_int_equal(access(folder_at("other"), F_OK), -1);
	assert_int_equal(access(folder_at("etc/site"), F_OK), -1);
	holds("etc/keys/k", "k\n");
	OK(os_file_folder(folder_at("slot"), &root));
	OK(anew_fill(&job, top, root, &conf));
	holds("app/db", "new\n");
	holds("ids/n", "42\n");
	EQUAL((stat_of("app").st_mode & 07777, 0700));
	FAILS(anew_fill(&job, top, root, &conf), KB_ENOENT);
	util_close(&root);
}

static void fill_from(const char *slot)
{
	KB_CLEANUP_FD int root = -1;

	OK(os_file_folder(folder_at(slot), &root));
	OK(anew_fill(&job, top, root, &conf));
}

/* A trial begins on an emptied partition. */
static void reset_and_keep(void)
{
	snprintf(conf.data_keep, sizeof(conf.data_keep), "slot-a,slot-b");
	snprintf(conf.data_template, sizeof(conf.data_template), "/t");
	OK(anew_wipe(&job, top, &conf));
	keep();
}

/* The slot that boots then brings what was named, and what the trial has beside that stays. */
TEST(trial_that_began_with_a_reset_leaves_what_the_next_slot_brings)
{
	folder_run(
		"for s in a b; do mkdir -p slot-$s/t/app slot-$s/t/etc && echo $s >slot-$s/t/app/db && "
		"echo $s >slot-$s/t/etc/site && echo $s >slot-$s/t/etc/more && echo $s >slot-$s/t/own; done");
	reset_and_keep();
	fill_from("slot-b");
	holds("app/db", "b\n");
	folder_run(
		"echo trial >app/db && echo trial >own && echo trial >etc/more && test ! -e keelboot/fill");
	OK(kept_put_back(&job, top, "ext4"));
	assert_int_equal(access(folder_at("app"), F_OK), -1);
	fill_from("slot-a");
	holds("app/db", "a\n");
	holds("etc/site", "a\n");
	holds("etc/more", "trial\n");
	holds("own", "trial\n");
	folder_run("test -z \"$(ls keelboot)\"");
}

TEST(reset_whose_second_half_was_cut_is_filled_whole_by_the_next_slot)
{
	folder_run("mkdir -p slot-a/t/app && echo a >slot-a/t/app/db && echo a >slot-a/t/own");
	reset_and_keep();
	OK(kept_put_back(&job, top, "ext4"));
	fill_from("slot-a");
	holds("app/db", "a\n");
	holds("own", "a\n");
}

TEST(way_to_what_a_reset_is_to_fill_is_made)
{
	folder_run(
		"mkdir -p slot-a/t/etc && echo a >slot-a/t/etc/site && echo a >slot-a/t/etc/more && chmod 750 slot-a/t/etc");
	reset_and_keep();
	folder_run("rm keelboot/fill");
	OK(kept_put_back(&job, top, "ext4"));
	fill_from("slot-a");
	holds("etc/site", "a\n");
	EQUAL((stat_of("etc").st_mode & 07777, 0750));
	assert_int_equal(access(folder_at("etc/more"), F_OK), -1);
}

static void conf_says(const char *text)
{
	conf_parse(&conf, text, "system.conf", NULL, NULL);
}

TEST(reset_by_a_rule_that_cannot_be_read_deletes_nothing)
{
	static const char *const bad[] = { "keep=/ids,etc/keys", "paths=app/",
					   "template=usr/share/x" };
	char text[80];

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		conf_defaults(&conf);
		snprintf(text, sizeof(text), "[data]\n%s\n", bad[i]);
		conf_says(text);
		job.why[0] = '\0';
		FAILS(anew_wipe(&job, top, &conf), KB_EINVAL);
		assert_non_null(strstr(job.why, "cannot be read"));
		holds("app/db", "old");
		holds("other", "other");
	}
	conf_defaults(&conf);
	conf_says("[data]\nkeep=app, etc/site\n");
	OK(anew_wipe(&job, top, &conf));
	holds("app/db", "old");
	holds("etc/site", "site");
	assert_int_equal(access(folder_at("other"), F_OK), -1);
}

TEST(paths_that_cannot_be_read_keep_nothing_and_say_so)
{
	kept_method how;

	conf_says("[data]\npaths=/app\n");
	FAILS(kept_make(&job, top, &conf, &owner, how), KB_EINVAL);
	assert_non_null(strstr(job.why, "[data] paths= of the initramfs: cannot be read"));
	FAILS(kept_check(top, &owner), KB_ENOENT);
	job.why[0] = '\0';
	conf_says("[data]\npaths=app , etc/site\n");
	keep();
	folder_run("rm -rf app etc/site");
	OK(kept_put_back(&job, top, "ext4"));
	holds("app/db", "old");
	holds("etc/site", "site");
}

TEST_MAIN("kept", .set_up = set_up, .tear_down = tear_down)
