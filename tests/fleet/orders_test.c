/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of the process without rights, as it may give them once it is not its own master any more.
 */
#include "fleet/monitor_call.h"
#include "lib/conf.h"
#include "libkeelboot/keelboot.h"
#include "tests/unit/test.h"
#include "channel/staged_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OURS   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NEWER  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OTHERS "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
/* It prints the file of that name; what changes something is in the file "did". */
#define PROGRAM                                                                                \
	"#!/bin/sh\ncd %s\ncase \" $* \" in\n*' status '*) cat status ;;\n*' inspect '*) cat " \
	"inspect ;;\n*' stage --by-fleet '*/proc/*) echo stage >>did; exit $(cat code) ;;\n"   \
	"*' unstage --by-fleet '*) echo unstage >>did; exit $(cat code) ;;\nesac\n"

#define BUNDLE "data/keelboot/fleet/" FOLDER_BUNDLE

static char home[64];
static struct conf conf;
static struct monitor m;

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static bool did(const char *what)
{
	char path[128], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/did", home);
	file = fopen(path, "r");
	if (file != NULL) {
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		assert_int_equal(fclose(file), 0);
		assert_int_equal(unlink(path), 0);
	}
	return strcmp(text, what) == 0;
}

static void is_staged(const char *release)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"schema\": 1, \"staged\": {\"release\": \"%s\"}}\n",
		 release);
	write_file("status", release[0] != '\0' ? text : "{\"schema\": 1, \"staged\": null}\n");
}

static void has_fetched(const char *release)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"schema\": 1, \"release\": \"%s\"}\n", release);
	write_file("inspect", text);
	write_file(BUNDLE, "");
}

static int order(enum monitor_work work)
{
	const struct monitor_order o = { .work = work };
	struct monitor_result r;
	json_object *document = NULL;
	int fd = -1;

	monitor_work(&m, &o, &r, &document, &fd);
	json_object_put(document);
	return r.code;
}

static void begin(void)
{
	char text[512], path[128];

	snprintf(home, sizeof(home), "/tmp/orders.XXXXXX");
	assert_non_null(mkdtemp(home));
	snprintf(text, sizeof(text), PROGRAM, home);
	write_file("keelboot", text);
	write_file("code", "0");
	snprintf(path, sizeof(path), "%s/keelboot", home);
	assert_int_equal(keelboot_new(&m.kb), 0);
	assert_int_equal(keelboot_set_program(m.kb, path), 0);
	snprintf(path, sizeof(path), "%s/data", home);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(conf.data_mount, sizeof(conf.data_mount), "%s", path);
	snprintf(path, sizeof(path), "%s/data/keelboot", home);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/data/keelboot/fleet", home);
	assert_int_equal(mkdir(path, 0700), 0);
	m.conf = &conf;
	m.link = -1;
	folder_init(&m.folder, conf.data_mount);
}

static void end(void)
{
	char text[128];

	keelboot_free(m.kb);
	snprintf(text, sizeof(text), "rm -r %s", home);
	assert_int_equal(system(text), 0);
}

TEST(what_others_staged_is_neither_unstaged_nor_replaced)
{
	begin();
	is_staged(OTHERS);
	has_fetched(OTHERS);
	write_file("code", "1"); /* the command looks under the state's lock, and refuses */
	assert_int_equal(order(MONITOR_UNSTAGE), MONITOR_OTHERS);
	assert_true(did("unstage\n"));
	/* Not even by the same bundle, to unstage it then. */
	assert_int_equal(order(MONITOR_STAGE), 1);
	assert_true(did(""));
	end();
}

TEST(an_unstage_that_fails_otherwise_has_failed)
{
	begin();
	is_staged(OURS);
	assert_int_equal(staged_note_add(conf.data_mount, OURS, ""), KB_OK);
	write_file("code", "1");
	assert_int_equal(order(MONITOR_UNSTAGE), 1);
	write_file("code", "7");
	assert_int_equal(order(MONITOR_UNSTAGE), 7);
	write_file("code", "2");
	is_staged("");
	assert_int_equal(order(MONITOR_UNSTAGE), 2);
	end();
}

TEST(what_was_staged_by_an_order_is_replaced_and_unstaged_by_one)
{
	begin();
	is_staged("");
	has_fetched(OURS);
	assert_int_equal(order(MONITOR_STAGE), 0);
	assert_true(did("stage\n"));
	is_staged(OURS);
	assert_int_equal(staged_note_add(conf.data_mount, OURS, ""), KB_OK);
	assert_int_equal(order(MONITOR_STAGE), 0);
	assert_true(did("stage\n"));
	assert_int_equal(order(MONITOR_UNSTAGE), 0);
	assert_true(did("unstage\n"));
	end();
}

/* Root would open what it leads to, and of some devices that is an act. */
TEST(a_link_or_a_pipe_in_the_place_of_the_bundle_is_not_opened)
{
	static const enum monitor_work works[] = { MONITOR_STAGE, MONITOR_INSPECT, MONITOR_INDEX,
						   MONITOR_RANGES };
	char path[128], target[128];

	begin();
	is_staged("");
	has_fetched(OURS);
	snprintf(path, sizeof(path), "%s/" BUNDLE, home);
	snprintf(target, sizeof(target), "%s/elsewhere", home);
	for (unsigned kind = 0; kind < 3; kind++) {
		assert_int_equal(unlink(path), 0);
		if (kind == 0)
			write_file("elsewhere", "");
		assert_int_equal(kind == 2 ? mkfifo(path, 0600)
					   : symlink(kind == 0 ? target : "/dev/zero", path),
				 0);
		for (unsigned i = 0; i < KB_ARRAY_LEN(works); i++)
			assert_int_equal(order(works[i]), 1);
		assert_true(did(""));
	}
	end();
}

/* `keelboot --conf-root DIR bundle inspect` is refused: these verbs have verbs of their own. */
TEST(a_file_is_inspected_without_the_options_of_the_device)
{
	static const char *const options[] = { "--conf-root", "/elsewhere", NULL };
	char text[512];

	begin();
	snprintf(text, sizeof(text),
		 "#!/bin/sh\n[ \"$1\" != bundle ] || [ \"$2\" != inspect ] || exec cat %s/inspect\n"
		 "exit 3\n",
		 home);
	write_file("keelboot", text);
	assert_int_equal(keelboot_set_options(m.kb, options), 0);
	has_fetched(OURS);
	assert_int_equal(order(MONITOR_INSPECT), 0);
	end();
}

TEST(what_is_not_known_to_be_free_is_not_touched)
{
	begin();
	write_file("status", "");
	has_fetched(OURS);
	assert_int_equal(order(MONITOR_STAGE), 1);
	assert_true(did(""));
	end();
}

TEST(when_a_timer_asks_next_is_noted_and_nothing_else_is_done)
{
	struct monitor_order o = { .work = MONITOR_WAIT, .wait = { .due = 4711, .failures = 3 } };
	struct monitor_result r;
	struct wait_note n;
	json_object *none = NULL;
	int fd = -1;

	begin();
	m.run_dir = home;
	monitor_work(&m, &o, &r, &none, &fd);
	n = wait_note_read(home);
	assert_true(r.code == 0 && n.due == 4711 && n.failures == 3 && did(""));
	o.wait.due = o.wait.failures = UINT64_MAX;
	monitor_work(&m, &o, &r, &none, &fd);
	n = wait_note_read(home);
	assert_true(r.code == 0 && n.due == 0 && n.failures == 0);
	m.run_dir = "/nowhere";
	monitor_work(&m, &o, &r, &none, &fd);
	n = wait_note_read("/nowhere");
	assert_true(r.code != 0 && n.due == 0 && did(""));
	assert_string_equal(r.why,
			    "/nowhere: nothing can be noted there: No such file or directory");
	end();
}

/* While all of a bundle is flushed, nobody sees anything: 4 GiB at half a MiB in a second. */
TEST(a_command_may_stand_still_for_as_long_as_a_slow_card_flushes)
{
	assert_int_equal(monitor_patience(0), 600);
	assert_int_equal(monitor_patience(UINT64_C(4) << 30), 600 + 8192);
	assert_int_equal(monitor_patience(UINT64_MAX), INT32_MAX);
}

TEST_MAIN("orders", .quiet = true)
