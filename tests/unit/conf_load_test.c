/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"
#include "tests/unit/folder.h"

static struct conf c;
static char said[64][400];
static unsigned nsaid;
static bool found;

static void listen(void *ctx, const char *file, int line, const char *text)
{
	if (nsaid < 64)
		snprintf(said[nsaid], sizeof(said[0]), "%s:%d: %s", file, line, text);
	nsaid++;
}

static void load(unsigned warnings)
{
	nsaid = 0;
	memset(&c, 0xa5, sizeof(c));
	found = !found;
	conf_load(&c, folder, &found, listen, NULL);
	for (unsigned i = warnings; i < nsaid && i < 64; i++)
		print_message("unexpected: %s\n", said[i]);
	assert_int_equal(nsaid, warnings);
}

static void make_root(void)
{
	folder_make();
	folder_run("mkdir -p etc/keelboot/system.conf.d usr/lib/keelboot/system.conf.d");
}

TEST(without_files_there_are_defaults)
{
	load(0);
	EQUAL((found, false), (c.tries, 3), (c.nslots, 2));
	folder_run("rm -rf etc usr"); /* nor folders */
	load(0);
	assert_false(found);
}

TEST(the_file_of_the_distribution_is_read)
{
	folder_put("usr/lib/keelboot/system.conf", "[system]\ntries=2\ntimeout=5\n");
	load(0);
	EQUAL((found, true), (c.tries, 2), (c.timeout_s, 5));
}

TEST(the_file_of_the_device_replaces_it)
{
	folder_put("usr/lib/keelboot/system.conf", "[system]\ntries=2\ntimeout=5\n");
	folder_put("etc/keelboot/system.conf", "[system]\ntries=4\n");
	load(0);
	EQUAL((c.tries, 4), (c.timeout_s, 30));
}

TEST(drop_ins_go_by_name_over_both_folders)
{
	folder_put("etc/keelboot/system.conf", "[system]\ntries=1\ntimeout=1\n");
	folder_put("usr/lib/keelboot/system.conf.d/10-x.conf", "[system]\ntries=2\ninit=/10\n");
	folder_put("etc/keelboot/system.conf.d/20-x.conf", "[system]\ntries=3\ninit=/20\n");
	folder_put("usr/lib/keelboot/system.conf.d/30-x.conf", "[system]\ntries=4\n");
	load(0);
	EQUAL((c.tries, 4), (c.timeout_s, 1), (c.init, "/20"));
}

TEST(a_drop_in_of_the_device_hides_its_namesake)
{
	folder_put("usr/lib/keelboot/system.conf.d/10-x.conf", "[system]\ntries=2\ninit=/lib\n");
	folder_put("etc/keelboot/system.conf.d/10-x.conf", "[system]\ntries=5\n");
	load(0);
	EQUAL((found, true), (c.tries, 5), (c.init, "/sbin/init"));
}

#define PAIR(letter) "boot=PARTLABEL=x:/EFI/Linux/" letter ".efi\n"

/* Also if none of the files would have been enough. */
TEST(slots_are_judged_when_all_files_were_read)
{
	folder_put("etc/keelboot/system.conf", "[slot.a]\n" PAIR("a") "[slot.b]\n" PAIR("b"));
	folder_put("etc/keelboot/system.conf.d/board.conf",
		   "[slot.a]\nroot=PARTLABEL=r0\n[slot.b]\nroot=PARTLABEL=r1\n");
	load(0);
	EQUAL((c.nslots, 2), (conf_slot_part(&c, 1, "root"), "PARTLABEL=r1"));
	assert_string_equal(conf_slot_part(&c, 0, "boot"), "PARTLABEL=x:/EFI/Linux/a.efi");
}

TEST(a_slot_may_be_named_before_the_one_in_front_of_it)
{
	folder_put("etc/keelboot/system.conf.d/10.conf", "[slot.b]\nroot=PARTLABEL=r1\n");
	folder_put("etc/keelboot/system.conf.d/20.conf", "[slot.a]\nroot=PARTLABEL=r0\n");
	load(0);
	EQUAL((c.nslots, 2), (conf_slot_part(&c, 0, "root"), "PARTLABEL=r0"));
}

TEST(a_partition_may_get_another_use_behind)
{
	folder_put("etc/keelboot/system.conf", "[slot.a]\nroot=PARTLABEL=data\n");
	folder_put("etc/keelboot/system.conf.d/10.conf",
		   "[source.data]\npartition=PARTLABEL=more\n");
	load(0);
	EQUAL((c.nslots, 1), (conf_slot_part(&c, 0, "root"), "PARTLABEL=data"));
	folder_put("etc/keelboot/system.conf.d/10.conf", "[slot.b]\nroot=PARTLABEL=b\n");
	load(2); /* the one behind is left out, too */
	assert_string_equal(
		said[0],
		"system.conf and its drop-ins:0: slot.a root=PARTLABEL=data is also the partition of data; this slot and those behind it are ignored");
}

TEST(litter_is_passed_over)
{
	folder_put("etc/keelboot/system.conf.d/a.conf~", "[system]\ntries=1\n");
	folder_put("etc/keelboot/system.conf.d/.b.conf", "[system]\ntries=1\n");
	folder_put("etc/keelboot/system.conf.d/.conf", "[system]\ntries=1\n");
	folder_put("etc/keelboot/system.conf.d/README", "[system]\ntries=1\n");
	load(0);
	EQUAL((found, false), (c.tries, 3));
}

TEST(what_is_no_file_is_named)
{
	folder_run("mkdir etc/keelboot/system.conf; mkfifo etc/keelboot/system.conf.d/a.conf;"
		   "ln -s /nowhere etc/keelboot/system.conf.d/b.conf;"
		   "ln -s /dev/null etc/keelboot/system.conf.d/c.conf");
	folder_put("usr/lib/keelboot/system.conf", "[system]\ntries=2\n");
	load(3); /* and a pipe without a writer does not block */
	assert_non_null(strstr(said[0], "/etc/keelboot/system.conf:0: not a regular file"));
	assert_non_null(strstr(said[1], "a.conf:0: not a regular file"));
	assert_non_null(strstr(said[2], "c.conf:0: not a regular file"));
	assert_int_equal(c.tries, 2);
}

TEST(a_folder_of_drop_ins_that_cannot_be_read_is_named)
{
	folder_put("etc/keelboot/system.conf", "[system]\ntries=2\n");
	folder_run(
		"rm -r etc/keelboot/system.conf.d; ln -s system.conf.d etc/keelboot/system.conf.d");
	load(1);
	assert_non_null(strstr(said[0], "/etc/keelboot/system.conf.d:0: cannot be read"));
	assert_int_equal(c.tries, 2);
}

TEST(a_warning_names_file_and_line)
{
	folder_put("etc/keelboot/system.conf.d/a.conf", "[system]\ntries=x\n");
	load(1);
	assert_non_null(strstr(said[0], "/etc/keelboot/system.conf.d/a.conf:2: [system] tries=x"));
}

TEST(a_file_of_the_greatest_size_is_read)
{
	static char text[CONF_FILE_MAX + 1];

	memset(text, '\n', sizeof(text));
	memcpy(text + CONF_FILE_MAX - 16, "[system]\ntries=2", 16);
	folder_bytes("etc/keelboot/system.conf", text, CONF_FILE_MAX);
	load(0);
	assert_int_equal(c.tries, 2);
	folder_bytes("etc/keelboot/system.conf", text, CONF_FILE_MAX + 1);
	load(1);
	assert_non_null(strstr(said[0], "larger than 64 KiB"));
	assert_int_equal(c.tries, 3);
}

TEST(a_file_of_nul_bytes_is_named)
{
	char text[4096] = "";

	memcpy(text + 4000, "\n[system]\ntries=2", 17);
	folder_bytes("etc/keelboot/system.conf", text, sizeof(text));
	load(1);
	assert_non_null(strstr(said[0], "NUL"));
	assert_int_equal(c.tries, 2);
}

TEST(the_first_drop_ins_by_name_are_read)
{
	for (int i = 39; i >= 0; i--)
		folder_put(strf("etc/keelboot/system.conf.d/%02d.conf", i),
			   strf("[system]\ntimeout=%d\n", i + 1));
	load(8);
	assert_non_null(strstr(said[0], "more than 32 drop-ins"));
	assert_int_equal(c.timeout_s, 32);
}

TEST(a_drop_in_with_an_endless_name_is_named)
{
	char path[200] = "etc/keelboot/system.conf.d/";

	memset(path + 27, 'x', 59);
	strcpy(path + 86, ".conf");
	folder_put(path, "[system]\ntries=2\n");
	load(1);
	strcpy(path + 85, ".conf");
	folder_put(path, "[system]\ntries=2\n");
	load(1);
	assert_int_equal(c.tries, 2);
}

TEST(without_a_listener_the_log_is_told)
{
	int fds[2];
	char line[600] = "";

	assert_int_equal(pipe(fds), 0);
	log_to(fds[1], 0);
	folder_put("etc/keelboot/system.conf", "[system]\ntries=x\n");
	conf_load(&c, folder, &found, NULL, NULL);
	log_to(2, 0);
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_non_null(strstr(line, "/etc/keelboot/system.conf:2: [system] tries=x"));
	close(fds[0]);
	close(fds[1]);
}

TEST_MAIN("conf_load", .set_up = make_root, .tear_down = folder_remove)
