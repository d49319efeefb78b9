/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"
#include "lib/log.h"
#include "tests/unit/test.h"

static char root[] = "/tmp/conf_load_test.XXXXXX";
static struct conf c;
static char said[64][400];
static unsigned nsaid;
static bool found;

static void listen(void *ctx, const char *file, int line, const char *text)
{
	(void)ctx;
	if (nsaid < 64)
		snprintf(said[nsaid], sizeof(said[0]), "%s:%d: %s", file, line, text);
	nsaid++;
}

static void load(unsigned warnings)
{
	nsaid = 0;
	memset(&c, 0xa5, sizeof(c));
	found = !found;
	conf_load(&c, root, &found, listen, NULL);
	for (unsigned i = warnings; i < nsaid && i < 64; i++)
		print_message("unexpected: %s\n", said[i]);
	assert_int_equal(nsaid, warnings);
}

static void put_bytes(const char *path, const void *bytes, size_t len)
{
	char full[300];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static int run(const char *format)
{
	char command[600];

	snprintf(command, sizeof(command), format, root, root, root, root);
	return system(command);
}

static void make_root(void)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	assert_non_null(mkdtemp(root));
	assert_int_equal(
		run("mkdir -p %s/etc/keelboot/system.conf.d %s/usr/lib/keelboot/system.conf.d"), 0);
}

static void remove_root(void)
{
	assert_int_equal(run("rm -rf %s"), 0);
}

TEST(without_files_there_are_defaults)
{
	load(0);
	assert_false(found);
	assert_int_equal(c.tries, 3);
	assert_int_equal(c.nslots, 2);
	run("rm -rf %s/etc %s/usr"); /* nor folders */
	load(0);
	assert_false(found);
}

TEST(the_file_of_the_distribution_is_read)
{
	put("/usr/lib/keelboot/system.conf", "[system]\ntries=2\ntimeout=5\n");
	load(0);
	assert_true(found);
	assert_int_equal(c.tries, 2);
	assert_int_equal(c.timeout_s, 5);
}

TEST(the_file_of_the_device_replaces_it)
{
	put("/usr/lib/keelboot/system.conf", "[system]\ntries=2\ntimeout=5\n");
	put("/etc/keelboot/system.conf", "[system]\ntries=4\n");
	load(0);
	assert_int_equal(c.tries, 4);
	assert_int_equal(c.timeout_s, 30);
}

TEST(drop_ins_go_by_name_over_both_folders)
{
	put("/etc/keelboot/system.conf", "[system]\ntries=1\ntimeout=1\n");
	put("/usr/lib/keelboot/system.conf.d/10-x.conf", "[system]\ntries=2\ninit=/10\n");
	put("/etc/keelboot/system.conf.d/20-x.conf", "[system]\ntries=3\ninit=/20\n");
	put("/usr/lib/keelboot/system.conf.d/30-x.conf", "[system]\ntries=4\n");
	load(0);
	assert_int_equal(c.tries, 4);
	assert_int_equal(c.timeout_s, 1);
	assert_string_equal(c.init, "/20");
}

TEST(a_drop_in_of_the_device_hides_its_namesake)
{
	put("/usr/lib/keelboot/system.conf.d/10-x.conf", "[system]\ntries=2\ninit=/lib\n");
	put("/etc/keelboot/system.conf.d/10-x.conf", "[system]\ntries=5\n");
	load(0);
	assert_true(found);
	assert_int_equal(c.tries, 5);
	assert_string_equal(c.init, "/sbin/init");
}

TEST(litter_is_passed_over)
{
	put("/etc/keelboot/system.conf.d/a.conf~", "[system]\ntries=1\n");
	put("/etc/keelboot/system.conf.d/.b.conf", "[system]\ntries=1\n");
	put("/etc/keelboot/system.conf.d/.conf", "[system]\ntries=1\n");
	put("/etc/keelboot/system.conf.d/README", "[system]\ntries=1\n");
	load(0);
	assert_false(found);
	assert_int_equal(c.tries, 3);
}

TEST(what_is_no_file_is_named)
{
	run("mkdir %s/etc/keelboot/system.conf; mkfifo %s/etc/keelboot/system.conf.d/a.conf;"
	    "ln -s /nowhere %s/etc/keelboot/system.conf.d/b.conf");
	put("/usr/lib/keelboot/system.conf", "[system]\ntries=2\n");
	load(2); /* and a pipe without a writer does not block */
	assert_non_null(strstr(said[0], "/etc/keelboot/system.conf:0: not a regular file"));
	assert_non_null(strstr(said[1], "a.conf:0: not a regular file"));
	assert_int_equal(c.tries, 2);
}

TEST(a_warning_names_file_and_line)
{
	put("/etc/keelboot/system.conf.d/a.conf", "[system]\ntries=x\n");
	load(1);
	assert_non_null(strstr(said[0], "/etc/keelboot/system.conf.d/a.conf:2: [system] tries=x"));
}

TEST(a_file_of_the_greatest_size_is_read)
{
	static char text[CONF_FILE_MAX + 1];

	memset(text, '\n', sizeof(text));
	memcpy(text + CONF_FILE_MAX - 16, "[system]\ntries=2", 16);
	put_bytes("/etc/keelboot/system.conf", text, CONF_FILE_MAX);
	load(0);
	assert_int_equal(c.tries, 2);
	put_bytes("/etc/keelboot/system.conf", text, CONF_FILE_MAX + 1);
	load(1);
	assert_non_null(strstr(said[0], "larger than 64 KiB"));
	assert_int_equal(c.tries, 3);
}

TEST(a_file_of_nul_bytes_is_named)
{
	char text[4096] = "";

	memcpy(text + 4000, "\n[system]\ntries=2", 17);
	put_bytes("/etc/keelboot/system.conf", text, sizeof(text));
	load(1);
	assert_non_null(strstr(said[0], "NUL"));
	assert_int_equal(c.tries, 2);
}

TEST(the_first_drop_ins_by_name_are_read)
{
	char path[100], text[64];

	for (int i = 39; i >= 0; i--) {
		snprintf(path, sizeof(path), "/etc/keelboot/system.conf.d/%02d.conf", i);
		snprintf(text, sizeof(text), "[system]\ntimeout=%d\n", i + 1);
		put(path, text);
	}
	load(8);
	assert_non_null(strstr(said[0], "more than 32 drop-ins"));
	assert_int_equal(c.timeout_s, 32);
}

TEST(a_drop_in_with_an_endless_name_is_named)
{
	char path[200] = "/etc/keelboot/system.conf.d/";

	memset(path + 28, 'x', 59);
	strcpy(path + 87, ".conf");
	put(path, "[system]\ntries=2\n");
	load(1);
	strcpy(path + 86, ".conf");
	put(path, "[system]\ntries=2\n");
	load(1);
	assert_int_equal(c.tries, 2);
}

TEST(without_a_listener_the_log_is_told)
{
	int fds[2];
	char line[600] = "";

	assert_int_equal(pipe(fds), 0);
	log_to(fds[1], 0);
	put("/etc/keelboot/system.conf", "[system]\ntries=x\n");
	conf_load(&c, root, &found, NULL, NULL);
	log_to(2, 0);
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_non_null(strstr(line, "/etc/keelboot/system.conf:2: [system] tries=x"));
	close(fds[0]);
	close(fds[1]);
}

TEST_MAIN("conf_load", .set_up = make_root, .tear_down = remove_root)
