/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of keelboot-fleet that decide without a server: answers, the record, verdicts, waiting
 * times, addresses. */
#include "fleet/action.h"
#include "fleet/attributes.h"
#include "lib/bytes.h"
#include "lib/daily.h"
#include "fleet/ddi.h"
#include "fleet/files.h"
#include "fleet/monitor_link.h"
#include "fleet/judge.h"
#include "fleet/permit.h"
#include "fleet/polling.h"
#include "channel/strict.h"
#include "lib/os_file.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *why;

#define POLL(links) "{\"config\":{\"polling\":{\"sleep\":\"00:05:00\"}},\"_links\":" links "}"

static enum kb_err read_poll(struct ddi_poll *p, const char *text)
{
	return ddi_read_poll(p, text, strlen(text), &why);
}

/* ---------------------------------------------------------------- addresses */

TEST(the_token_goes_to_one_origin)
{
	assert_true(url_same_origin("https://a.example", "https://A.example:443/x?y"));
	assert_true(url_same_origin("http://a.example:80", "http://a.example/"));
	assert_false(url_same_origin("https://a.example", "http://a.example"));
	assert_false(url_same_origin("https://a.example", "https://a.example:444"));
	assert_false(url_same_origin("https://a.example", "https://a.example.evil"));
	assert_false(url_same_origin("https://a.example", "https://a.example@evil/"));
	assert_false(url_same_origin("https://a.example", "https://evil/https://a.example"));
	assert_false(url_same_origin("https://a.example", "no address"));
	assert_false(url_same_origin("no address", "no address"));
}

TEST(an_id_is_no_path)
{
	assert_true(url_is_id("12"));
	assert_true(url_is_id("device-1.a_b"));
	assert_false(url_is_id(""));
	assert_false(url_is_id(".."));
	assert_false(url_is_id("a/b"));
	assert_false(url_is_id("1?x"));
	assert_false(url_is_id("1 2"));
	assert_false(url_is_id(strf("%065d", 1)));
}

TEST(messages_name_an_origin_and_no_secret)
{
	char out[64];

	url_origin(out, sizeof(out), "https://me:secret@h.example/path?token=secret");
	assert_string_equal(out, "https://h.example:443");
	url_origin(out, sizeof(out), "\033[2J");
	assert_string_equal(out, "an address that cannot be read");
}

/* ---------------------------------------------------------------- answers of the server */

TEST(a_poll_says_what_waits)
{
	struct ddi_poll p;

	OK(read_poll(
		&p,
		"{\"config\":{\"polling\":{\"sleep\":\"00:10:30\"}},\"_links\":{"
		"\"deploymentBase\":{\"href\":\"https://h/t/controller/v1/d/deploymentBase/12?c=-3\"},"
		"\"configData\":{\"href\":\"https://h/t/controller/v1/d/configData\"}}}"));
	assert_int_equal(p.sleep_s, 630);
	assert_string_equal(p.deployment, "12");
	assert_string_equal(p.edition, "?c=-3");
	assert_string_equal(p.cancel, "");
	assert_true(p.config_data);
	OK(read_poll(&p, POLL("null")));
	assert_string_equal(p.deployment, "");
}

/* Of a proxy, while the server is away. */
TEST(json_without_a_time_between_polls_is_none)
{
	static const char *const texts[] = {
		"{}",
		"{\"error\":\"down for maintenance\"}",
		"{\"_links\":null,\"config\":null}",
		"{\"config\":{\"polling\":{\"sleep\":7}}}",
		"{\"config\":{\"polling\":{}},\"_links\":{}}",
	};
	struct ddi_poll p;

	for (size_t i = 0; i < KB_ARRAY_LEN(texts); i++) {
		FAILS(read_poll(&p, texts[i]), KB_EFORMAT);
		assert_string_equal(
			why, "JSON that is no answer to a poll: config.polling.sleep is missing");
	}
}

TEST(a_sleep_out_of_bounds_is_moved_into_them)
{
	static const struct {
		const char *text;
		unsigned is;
	} sleeps[] = { { "00:00:01", 30 },  { "99:59:59", 86399 },
		       { "1:00:00", 3600 }, { "00:61:00", 0 },
		       { "", 0 },	    { "a:b:c", 0 },
		       { "00:01:00x", 0 },  { "00:01", 0 } };
	struct ddi_poll p;

	for (size_t i = 0; i < KB_ARRAY_LEN(sleeps); i++) {
		OK(read_poll(
			&p, strf("{\"config\":{\"polling\":{\"sleep\":\"%s\"}}}", sleeps[i].text)));
		assert_int_equal(p.sleep_s, sleeps[i].is);
	}
}

TEST(a_link_that_is_none_fails_the_whole_poll)
{
	static const char *const links[] = {
		"7",
		"{}",
		"{\"href\":7}",
		"{\"href\":\"http://h/other/1\"}",
		"{\"href\":\"http://h/deploymentBase/\"}",
		"{\"href\":\"http://h/deploymentBase/..\"}",
		"{\"href\":\"http://h/deploymentBase/a b\"}",
		"{\"href\":\"http://h/deploymentBase/1\\u0000\"}",
		"[]",
	};
	struct ddi_poll p;

	for (size_t i = 0; i < KB_ARRAY_LEN(links); i++) {
		FAILS(read_poll(
			      &p,
			      strf(POLL("{\"cancelAction\":{\"href\":\"http://h/cancelAction/1\"},"
					"\"deploymentBase\":%s}"),
				   links[i])),
		      KB_EFORMAT);
		assert_string_equal(why, "links that cannot be read");
		assert_string_equal(p.cancel, "");
	}
}

TEST(json_is_bounded_and_whole)
{
	static char large[STRICT_MAX + 2];
	json_object *o;

	memset(large, ' ', sizeof(large));
	large[0] = '{';
	large[STRICT_MAX - 1] = '}';
	o = strict_parse(large, STRICT_MAX, &why);
	assert_non_null(o);
	json_object_put(o);
	assert_null(strict_parse(large, STRICT_MAX + 1, &why));
	assert_string_equal(why, "an answer that is too large");
	assert_null(strict_parse("{}x", 3, &why));
	assert_null(strict_parse("{\"a\":'1'}", 9, &why));
	assert_null(strict_parse("{\"a\":1,}", 8, &why));
	assert_null(strict_parse("", 0, &why));
	assert_string_equal(why, "an empty answer");
}

TEST(numbers_and_texts_are_what_they_say_or_nothing)
{
	static const char text[] =
		"{\"n\":5,\"big\":18446744073709551616,\"neg\":-1,\"f\":1.5,\"s\":\"5\","
		"\"c\":\"a\\u0007b\",\"z\":\"a\\u0000b\",\"null\":null}";
	json_object *o = strict_parse(text, sizeof(text) - 1, &why);
	char out[4];
	uint64_t n;

	assert_non_null(o);
	OK(strict_number(o, "n", &n, 5));
	FAILS(strict_number(o, "n", &n, 4), KB_EFORMAT);
	FAILS(strict_number(o, "big", &n, INT64_MAX), KB_EFORMAT);
	FAILS(strict_number(o, "neg", &n, 5), KB_EFORMAT);
	FAILS(strict_number(o, "f", &n, 5), KB_EFORMAT);
	FAILS(strict_number(o, "s", &n, 5), KB_EFORMAT);
	FAILS(strict_number(o, "null", &n, 5), KB_ENOENT);
	OK(strict_text(o, "s", out, sizeof(out)));
	FAILS(strict_text(o, "c", out, sizeof(out)), KB_EFORMAT);
	FAILS(strict_text(o, "z", out, sizeof(out)), KB_EFORMAT);
	FAILS(strict_text(o, "s", out, 1), KB_EFORMAT);
	json_object_put(o);
}

static enum kb_err read_deployment(struct offer *d, const char *download, const char *more,
				   const char *artifact)
{
	const char *text =
		strf("{\"id\":\"7\",\"deployment\":{\"download\":\"%s\",\"update\":\"forced\"%s,"
		     "\"chunks\":[{\"part\":\"os\",\"artifacts\":[%s]}]}}",
		     download, more, artifact);

	return ddi_read_deployment(d, text, strlen(text), &why);
}

#define BUNDLE                                                                \
	"{\"filename\":\"a.keel\",\"size\":9,\"hashes\":{\"sha256\":\"ab\"}," \
	"\"_links\":{\"download\":{\"href\":\"https://h/a\"},\"download-http\":{\"href\":\"http://h/a\"}}}"

TEST(a_deployment_has_one_bundle_its_size_and_its_addresses)
{
	static struct offer d;

	OK(read_deployment(&d, "attempt", "", BUNDLE ",{\"filename\":\"notes.txt\"}"));
	assert_int_equal(d.bundles, 1);
	assert_int_equal(d.download, OFFER_ATTEMPT);
	assert_int_equal(d.update, OFFER_FORCED);
	assert_false(d.window_closed);
	assert_int_equal(d.size, 9);
	assert_string_equal(d.digest, "ab");
	assert_string_equal(d.url, "https://h/a");
	assert_string_equal(d.plain_url, "http://h/a");
	OK(read_deployment(&d, "skip", ",\"maintenanceWindow\":\"unavailable\"",
			   BUNDLE "," BUNDLE));
	assert_int_equal(d.bundles, 2);
	assert_true(d.window_closed);
	OK(read_deployment(&d, "skip", ",\"maintenanceWindow\":\"available\"", BUNDLE));
	assert_false(d.window_closed);
}

/* It can be answered: what it is, is known. */
TEST(a_deployment_that_is_not_understood_is_still_an_action)
{
	static const char *const artifacts[] = {
		"7", "{\"filename\":\"a.keel\",\"size\":0}",
		"{\"filename\":\"a.keel\",\"size\":-1}",
		"{\"filename\":\"a.keel\",\"size\":9,\"_links\":{}}"
	};
	static struct offer d;

	OK(read_deployment(&d, "later", "", BUNDLE));
	assert_true(d.unclear);
	assert_string_equal(d.id, "7");
	assert_int_equal(d.bundles, 0);
	for (size_t i = 0; i < KB_ARRAY_LEN(artifacts); i++) {
		OK(read_deployment(&d, "forced", "", artifacts[i]));
		assert_true(d.unclear);
	}
	OK(read_deployment(&d, "forced", "", BUNDLE));
	assert_false(d.unclear);
}

TEST(a_name_that_cannot_be_read_is_no_bundles)
{
	static struct offer d;

	OK(read_deployment(&d, "forced", "",
			   BUNDLE ",{\"filename\":\"\xc3\x84nderungen.pdf\"},"
				  "{\"filename\":\"\xc3\xbc.keel\"},{\"filename\":7},{}"));
	assert_int_equal(d.bundles, 1);
	assert_string_equal(d.name, "a.keel");
	OK(read_deployment(&d, "forced", "", strf(BUNDLE ",{\"filename\":\"%0200d.txt\"}", 1)));
	assert_int_equal(d.bundles, 1);
	assert_string_equal(d.name, "a.keel");
}

TEST(a_window_that_is_not_said_to_be_open_is_closed)
{
	static struct offer d;

	OK(read_deployment(&d, "forced", ",\"maintenanceWindow\":\"perhaps\"", BUNDLE));
	assert_true(d.window_closed);
	OK(read_deployment(&d, "forced", ",\"maintenanceWindow\":7", BUNDLE));
	assert_true(d.window_closed);
}

/* ---------------------------------------------------------------- what the server hears */

TEST(feedback_is_within_hawkbits_quotas)
{
	static struct ddi_feedback f;
	json_object *o, *status, *details;
	char *text;

	f = (struct ddi_feedback){ .execution = "closed", .finished = "failure" };
	ddi_say(&f, "%0600d \033[2J\xff", 1);
	for (int i = 0; i < 100; i++)
		ddi_say(&f, "line %d \"quoted\"", i);
	text = ddi_write_feedback(&f, "12");
	o = strict_parse(text, strlen(text), &why);
	OK(strict_object(o, "status", &status));
	OK(strict_list(status, "details", &details));
	assert_int_equal(json_object_array_length(details), DDI_MESSAGES_MAX);
	for (size_t i = 0; i < DDI_MESSAGES_MAX; i++)
		assert_true(json_object_get_string_len(json_object_array_get_idx(details, i)) <=
			    512);
	json_object_put(o);
	free(text);
}

/* ---------------------------------------------------------------- the record */

static void fill(struct action *a)
{
	*a = (struct action){ .server = 99,
			      .id = "12",
			      .phase = ACTION_TRIAL,
			      .reported = ACTION_STAGED,
			      .name = "a.keel",
			      .size = 5000,
			      .digest = "ab",
			      .etag = "\"x\\y\"",
			      .durable = 4096,
			      .tries = 3,
			      .tries_max = 8,
			      .repeats = 5,
			      .forced = 1,
			      .window_closed = 1,
			      .release = "00ff",
			      .version = "2.0",
			      .sequence = INT64_MAX,
			      .own.release = "00fe",
			      .own.half = 2,
			      .why = "it \"says\" so",
			      .news = ACTION_NEWS_BOOTS,
			      .boot = "0f",
			      .boots = 2,
			      .day = 20783,
			      .day_bytes = 700,
			      .day_uptime = 30,
			      .attributes = 77,
			      .installed = "1.0",
			      .device_boots = 41,
			      .device_boot = "0e",
			      .reached = 1796118962,
			      .pin = 31 };
}

TEST(a_record_is_read_as_it_was_written)
{
	static struct action a, b;
	char *text;

	fill(&a);
	text = action_write(&a);
	assert_true(action_read(&b, text, strlen(text)));
	assert_memory_equal(&a, &b, sizeof(a));
	free(text);
}

/* Of a login page, a library, or a newer program. */
TEST(whatever_is_in_a_record_it_is_read_again)
{
	static struct action a, b;
	json_object *o;
	char *text;

	fill(&a);
	for (int c = 1; c < 256; c++)
		a.why[c - 1] = a.untold[c - 1] = (char)c;
	a.untold[sizeof(a.untold) - 1] = '\0';
	a.day_bytes = UINT64_MAX;
	memset(a.rest, '0', REST_MAX);
	memcpy(a.rest, "{\"x\":[[[[[[[[[[[[", 17);
	for (size_t i = 18; i < REST_MAX - 20; i += 2)
		a.rest[i] = ',';
	snprintf(a.rest + REST_MAX - 15, 15, "%s", "]]]]]]]]]]]]}");
	text = action_write(&a);
	assert_non_null(text);
	assert_true(strlen(text) <= ACTION_TEXT_MAX);
	assert_true(action_read(&b, text, strlen(text)));
	free(text);
	assert_string_equal(b.id, "12");
	assert_int_equal(b.day_bytes, INT64_MAX);
	assert_int_equal(strlen(b.why), 255);
	assert_memory_equal(b.why + 31, " !\"#", 4);
	assert_int_equal(b.why[254], '?');
	o = action_json(&b);
	assert_true(json_object_object_get_ex(o, "x", NULL));
	json_object_put(o);
}

TEST(a_record_that_was_cut_or_changed_is_none)
{
	static struct action a, b, none;
	char *text;
	size_t len;

	fill(&a);
	text = action_write(&a);
	len = strlen(text);
	for (size_t n = 0; n < len; n++) {
		assert_false(action_read(&b, text, n));
		assert_memory_equal(&b, &none, sizeof(b));
	}
	text[0] = '\0';
	assert_false(action_read(&b, text, len));
	free(text);
}

/* A device would not know what it has staged. */
TEST(a_record_that_could_not_be_read_again_is_not_written)
{
	static struct action a;

	fill(&a);
	a.id[0] = '\0';
	assert_null(action_write(&a));
	a.phase = ACTION_NONE;
	free(action_write(&a));
	fill(&a);
	a.phase = ACTION_NONE;
	assert_null(action_write(&a));
}

/* The members that only a newer program knows, behind those of this one. */
static const char *add_members(const char *text, const char *members)
{
	const char *end = strrchr(text, '}');

	return strf("%.*s, %s}", (int)(end - text), text, members);
}

/* A device that fell back runs an older program, until it has the newer one again. */
TEST(what_only_a_newer_program_knows_is_kept)
{
	static const char members[] =
		"\"device_wish\": {\"a\": [1, \"x\\\"y\"]}, \"of_action\": 7, \"none\": null";
	static struct action a, b;
	json_object *o, *value;
	char *text;

	fill(&a);
	text = action_write(&a);
	assert_true(
		action_read(&b, add_members(text, members), strlen(add_members(text, members))));
	free(text);
	assert_string_equal(b.id, "12");
	o = action_json(&b);
	assert_true(json_object_object_get_ex(o, "device_wish", &value));
	assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
			    "{\"a\":[1,\"x\\\"y\"]}");
	assert_true(json_object_object_get_ex(o, "of_action", &value));
	assert_int_equal(json_object_get_int(value), 7);
	assert_true(json_object_object_get_ex(o, "none", &value));
	json_object_put(o);
	/* Of another action, that means nothing. */
	action_begin(&b, "13");
	o = action_json(&b);
	assert_true(json_object_object_get_ex(o, "device_wish", &value));
	assert_false(json_object_object_get_ex(o, "of_action", &value));
	json_object_put(o);
}

TEST(what_is_too_much_to_be_kept_is_dropped_and_the_record_counts)
{
	static struct action a, b;
	const char *more;
	char *text;

	fill(&a);
	text = action_write(&a);
	more = add_members(text, strf("\"x\": \"%*s\"", REST_MAX, ""));
	assert_true(action_read(&b, more, strlen(more)));
	assert_memory_equal(&a, &b, sizeof(a));
	free(text);
}

TEST(what_was_staged_before_counts_again_where_the_next_one_is_not_here)
{
	static struct action a;

	for (int here = 0; here < 4; here++) {
		bool own_here = (here & 1) != 0, before_here = (here & 2) != 0;

		fill(&a);
		memcpy(a.own.id, "11", 3);
		/* Nothing is staged, or what this one holds. */
		action_own(&a, "", 1);
		action_own(&a, "00ff", 1);
		assert_false(action_settle(&a, false, true));
		memcpy(a.own.release, "00fe", 5);
		memcpy(a.own.id, "11", 3);
		action_own(&a, "00fe", 4);
		assert_string_equal(a.own.release, "00ff");
		assert_string_equal(a.own.id, "12");
		assert_int_equal(a.own.half, 4);
		action_begin(&a, "13");
		assert_true(action_settle(&a, own_here, before_here));
		assert_string_equal(a.own.release, !own_here && before_here ? "00fe" : "00ff");
		assert_string_equal(a.own.id, !own_here && before_here ? "11" : "12");
		assert_int_equal(a.own.half, !own_here && before_here ? 1 : 4);
		assert_false(action_settle(&a, false, true));
	}
}

TEST(a_new_action_keeps_what_is_known_of_file_and_server)
{
	static struct action a;

	fill(&a);
	action_begin(&a, "13");
	assert_string_equal(a.id, "13");
	assert_int_equal(a.phase, ACTION_SEEN);
	assert_int_equal(a.reported, ACTION_NONE);
	assert_string_equal(a.etag, "\"x\\y\"");
	assert_int_equal(a.durable, 4096);
	assert_int_equal(a.attributes, 77);
	assert_string_equal(a.version, "");
	assert_string_equal(a.own.release, "00fe");
	assert_int_equal(a.own.half, 2);
	assert_int_equal(a.boots, 0);
	assert_int_equal(a.repeats, 0);
	assert_int_equal(a.device_boots, 41);
	assert_string_equal(a.device_boot, "0e");
	/* Or a new action would cost the token a try. */
	assert_int_equal(a.pin, 31);
	/* Or a new action would have a day's bytes of its own. */
	assert_int_equal(a.day, 20783);
	assert_int_equal(a.day_bytes, 700);
	assert_int_equal(a.day_uptime, 30);
	assert_int_equal(a.news, ACTION_NO_NEWS);
	action_begin(&a, "");
	assert_int_equal(a.phase, ACTION_NONE);
	assert_false(action_owes(&a));
	assert_false(action_is_closed(&a));
}

TEST(what_an_id_means_one_server_knows)
{
	static struct action a;

	fill(&a);
	assert_false(action_bind(&a, 99));
	assert_string_equal(a.id, "12");
	assert_true(action_bind(&a, 98));
	assert_int_equal(a.server, 98);
	assert_string_equal(a.id, "");
	assert_int_equal(a.phase, ACTION_NONE);
	assert_int_equal(a.attributes, 0);
	assert_string_equal(a.installed, "");
	assert_string_equal(a.own.release, "00fe");
	assert_int_equal(a.durable, 4096);
	assert_int_equal(a.day_bytes, 700);
	assert_int_equal(a.device_boots, 41);
	/* As an older program left it. */
	fill(&a);
	a.server = 0;
	assert_false(action_bind(&a, 98));
	assert_string_equal(a.id, "12");
	assert_int_equal(a.server, 98);
}

TEST(news_of_a_phase_is_told_once)
{
	struct action a = { .phase = ACTION_STAGED, .reported = ACTION_STAGED };

	assert_false(action_owes(&a));
	action_note(&a, ACTION_NEWS_BOOTS);
	assert_true(action_owes(&a));
	action_told(&a);
	assert_false(action_owes(&a));
	action_note(&a, ACTION_NEWS_BOOTS);
	assert_false(action_owes(&a));
	a = (struct action){ .phase = ACTION_GOOD, .reported = ACTION_GOOD };
	action_note(&a, ACTION_NEWS_BOOTS);
	assert_true(action_is_closed(&a));
}

/* ---------------------------------------------------------------- the folder */

static unsigned open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(a_folder_that_cannot_be_opened_leaves_nothing_open)
{
	static struct conf conf;
	struct monitor h = { .conf = &conf, .link = -1 };
	struct files f;
	char folder[] = "/tmp/fleet_test.XXXXXX";
	unsigned before = open_files();
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(conf.data_mount, sizeof(conf.data_mount), "%s", folder);
	FAILS(files_open(&f, &h, FILES_LOOK), KB_ENOENT);
	FAILS(files_open(&f, &h, FILES_HAVE), KB_ENOENT);
	assert_int_equal(open_files(), before);
	fd = open(strf("%s/keelboot", folder), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_not_equal(files_open(&f, &h, FILES_MAKE), KB_OK);
	assert_int_equal(open_files(), before);
	assert_int_equal(f.dir, -1);
	unlink(strf("%s/keelboot", folder));
	OK(files_open(&f, &h, FILES_MAKE));
	assert_int_equal(open_files(), before + 2);
	files_close(&f);
	assert_int_equal(open_files(), before);
	unlink(strf("%s/keelboot/fleet/lock", folder));
	rmdir(strf("%s/keelboot/fleet", folder));
	rmdir(strf("%s/keelboot", folder));
	rmdir(folder);
}

TEST(only_of_a_folder_that_is_missing_it_asks_whether_data_is_mounted)
{
	char folder[] = "/tmp/fleet_test.XXXXXX", said[256];
	int dir, fd;

	assert_non_null(mkdtemp(folder));
	FAILS(folder_open(&dir, folder, false, 0, 0, said, sizeof(said)), KB_ENOENT);
	assert_string_equal(said, "No such file or directory; is the data partition mounted?");
	fd = open(strf("%s/keelboot", folder), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	FAILS(folder_open(&dir, folder, true, 0, 0, said, sizeof(said)), KB_EINVAL);
	assert_string_equal(said, "Not a directory");
	unlink(strf("%s/keelboot", folder));
	rmdir(folder);
}

TEST(a_bundle_that_cannot_be_cut_off_is_closed)
{
	struct files f = { .lock = -1 };
	char folder[] = "/tmp/fleet_test.XXXXXX";
	unsigned before = open_files();
	int fd = -1;

	assert_non_null(mkdtemp(folder));
	OK(os_file_folder(folder, &f.dir));
	assert_int_not_equal(files_bundle_open(&f, UINT64_MAX, &fd), KB_OK);
	assert_int_equal(fd, -1);
	assert_int_equal(open_files(), before + 1);
	OK(files_bundle_open(&f, 0, &fd));
	close(fd);
	files_bundle_drop(&f);
	files_close(&f);
	rmdir(folder);
}

/* ---------------------------------------------------------------- verdicts */

static struct facts facts;

static void put_slot(const char *state, const char *release)
{
	facts = (struct facts){ .nslots = 2,
				.booted = "a",
				.slot = { { .name = "a", .state = "good" }, { .name = "b" } } };
	snprintf(facts.slot[1].state, sizeof(facts.slot[1].state), "%s", state);
	snprintf(facts.slot[1].release, sizeof(facts.slot[1].release), "%s", release);
	snprintf(facts.slot[1].version, sizeof(facts.slot[1].version), "2.0");
}

static void put_staged(const char *release, const char *next, const char *because)
{
	snprintf(facts.staged, sizeof(facts.staged), "%s", release);
	snprintf(facts.staged_next, sizeof(facts.staged_next), "%s", next);
	snprintf(facts.staged_why, sizeof(facts.staged_why), "%s", because);
}

TEST(success_is_a_good_slot_and_nothing_else)
{
	static const struct {
		const char *state;
		enum action_phase is;
	} states[] = { { "good", ACTION_GOOD },
		       { "bad", ACTION_FAILED },
		       { "trial", ACTION_TRIAL },
		       { "new-word", ACTION_TRIAL } };
	char text[ACTION_WHY_MAX + 1];

	for (size_t i = 0; i < KB_ARRAY_LEN(states); i++) {
		put_slot(states[i].state, "r2");
		assert_int_equal(judge_release(&facts, "r2", text), states[i].is);
		assert_true(text[0] != '\0');
		assert_int_equal(judge_release(&facts, "r3", text), ACTION_NONE);
	}
	assert_int_equal(judge_release(&facts, "", text), ACTION_NONE);
}

TEST(a_good_slot_that_was_not_asked_for_is_a_success_where_it_runs)
{
	char text[ACTION_WHY_MAX + 1];

	put_slot("good", "r2");
	snprintf(facts.slot[0].version, sizeof(facts.slot[0].version), "3.0");
	assert_int_equal(judge_unasked(&facts, "r2", text), ACTION_FAILED);
	assert_string_equal(text, "2.0 is in slot b, the fallback; 3.0 runs");
	facts.booted[0] = '\0';
	assert_int_equal(judge_unasked(&facts, "r2", text), ACTION_FAILED);
	facts.booted[0] = 'b';
	assert_int_equal(judge_unasked(&facts, "r2", text), ACTION_GOOD);
	put_slot("trial", "r2");
	assert_int_equal(judge_unasked(&facts, "r2", text), ACTION_TRIAL);
}

TEST(what_was_asked_for_is_a_success_while_no_older_one_runs)
{
	char text[ACTION_WHY_MAX + 1];

	put_slot("good", "r2");
	snprintf(facts.slot[0].version, sizeof(facts.slot[0].version), "1.0");
	snprintf(facts.boot_reason, sizeof(facts.boot_reason), "b: crashed");
	facts.slot[1].sequence = 20;
	facts.slot[0].sequence = 20;
	assert_int_equal(judge_asked(&facts, "r2", text), ACTION_FAILED);
	assert_string_equal(text, "2.0 is in slot b, the fallback; 1.0 runs, since b: crashed");
	facts.slot[0].sequence = 21;
	assert_int_equal(judge_asked(&facts, "r2", text), ACTION_GOOD);
	facts.slot[0].sequence = 10;
	facts.booted[0] = 'b';
	assert_int_equal(judge_asked(&facts, "r2", text), ACTION_GOOD);
	facts.booted[0] = '\0';
	assert_int_equal(judge_asked(&facts, "r2", text), ACTION_TRIAL);
	assert_int_equal(judge_asked(&facts, "r3", text), ACTION_NONE);
	facts.booted[0] = 'a';
	assert_int_equal(judge_replaced(&facts, "0.9", 9, text), ACTION_GOOD);
	assert_int_equal(judge_replaced(&facts, "1.1", 11, text), ACTION_FAILED);
	facts.booted[0] = '\0';
	assert_int_equal(judge_replaced(&facts, "0.9", 9, text), ACTION_FAILED);
}

TEST(what_is_staged_waits_unless_the_next_boot_forgets_it)
{
	char text[ACTION_WHY_MAX + 1];

	put_slot("empty", "");
	put_staged("r2", "install", "");
	assert_int_equal(judge_release(&facts, "r2", text), ACTION_STAGED);
	assert_false(judge_is_written(&facts, "r2"));
	assert_true(judge_is_installed_next(&facts, "r2"));
	put_staged("r2", "skip", "its source is skipped");
	assert_int_equal(judge_release(&facts, "r2", text), ACTION_STAGED);
	assert_string_equal(text, "staged; the next boot skips it: its source is skipped");
	assert_false(judge_is_installed_next(&facts, "r2"));
	put_staged("r2", "", "");
	assert_int_equal(judge_release(&facts, "r2", text), ACTION_STAGED);
	put_staged("r2", "skip", "it failed three times");
	facts.staged_lasting = true;
	assert_int_equal(judge_release(&facts, "r2", text), ACTION_FAILED);
	assert_string_equal(text, "staged; the boots skip it: it failed three times");
	put_staged("r2", "install", "");
	assert_int_equal(judge_release(&facts, "r2", text), ACTION_STAGED);
	put_staged("r2", "forget", "it failed before");
	assert_int_equal(judge_release(&facts, "r2", text), ACTION_FAILED);
	assert_string_equal(text, "staged; the next boot forgets it: it failed before");
}

/* The engine takes release and version from a slot before it writes to it. */
TEST(a_slot_that_is_half_written_holds_no_release)
{
	char text[ACTION_WHY_MAX + 1];

	for (int named = 0; named < 2; named++) {
		put_slot("writing", named ? "r2" : "");
		assert_int_equal(judge_release(&facts, "r2", text), ACTION_NONE);
		assert_int_equal(judge_release(&facts, "", text), ACTION_NONE);
		assert_false(judge_is_written(&facts, "r2"));
		assert_false(judge_is_preceded(&facts, "r3", "", text));
		assert_false(judge_has_trial(&facts, text));
		put_staged("r2", "skip", "its file is missing");
		assert_int_equal(judge_release(&facts, "r2", text), ACTION_STAGED);
		put_staged("r2", "install", "");
		assert_int_equal(judge_release(&facts, "r2", text), ACTION_STAGED);
	}
}

TEST(a_boot_has_begun_with_what_is_staged_where_a_slot_is_half_written_since)
{
	struct action a = { .own.release = "r2" };
	char text[ACTION_WHY_MAX + 1];

	put_slot("empty", "");
	put_staged("r2", "install", "");
	assert_int_equal(judge_half_written(&facts), 0);
	assert_false(judge_is_begun(&facts, &a, "r2", text));
	put_slot("writing", "");
	assert_int_equal(judge_half_written(&facts), 2);
	assert_false(judge_is_begun(&facts, &a, "r2", text));
	assert_false(judge_is_begun(&facts, &a, "", text));
	put_staged("r2", "install", "");
	assert_true(judge_is_begun(&facts, &a, "r2", text));
	assert_string_equal(text,
			    "it is staged, and slot b is half written; the next boot goes on");
	assert_false(judge_is_begun(&facts, &a, "r3", text));
	/* As a stick left it. Of what another one staged, that is not known. */
	a.own.half = 2;
	assert_false(judge_is_begun(&facts, &a, "r2", text));
	memcpy(a.own.release, "r3", 3);
	assert_true(judge_is_begun(&facts, &a, "r2", text));
	put_staged("r2", "skip", "its file is missing");
	assert_true(judge_is_begun(&facts, &a, "r2", text));
	assert_string_equal(text, "it is staged, and slot b is half written");
	memcpy(a.own.release, "r2", 3);
	a.own.half = 1;
	assert_true(judge_is_begun(&facts, &a, "r2", text));
}

TEST(another_trial_and_what_a_person_staged_go_before)
{
	char text[ACTION_WHY_MAX + 1];

	put_slot("trial", "r2");
	assert_false(judge_is_preceded(&facts, "r2", "", text));
	assert_true(judge_is_preceded(&facts, "r3", "", text));
	assert_string_equal(text, "waits until 2.0 in slot b has ended its trial");
	put_slot("good", "r2");
	assert_false(judge_is_preceded(&facts, "r3", "", text));
	put_staged("r4", "install", "");
	assert_true(judge_is_preceded(&facts, "r3", "", text));
	assert_string_equal(text, "waits, since release r4 is staged here, and not by this server");
	assert_false(judge_is_preceded(&facts, "r3", "r4", text));
	assert_false(judge_is_preceded(&facts, "r4", "", text));
}

/* ---------------------------------------------------------------- waiting */

static unsigned play_wait(struct polling *p)
{
	unsigned wait = polling_wait(p);

	p->first = false;
	return wait;
}

/* Of 10,000 devices that started at once and have run for as long: contacts in each second. from,
 * to: the server is away then. */
/* The server says `sleep` seconds, and has said so before; system.conf says 300. */
static void play_region(unsigned *seconds, unsigned n, unsigned sleep, unsigned from, unsigned to)
{
	for (unsigned device = 0; device < 10000; device++) {
		struct polling p = { .sleep_s = polling_interval(300, sleep, 0),
				     .first = true,
				     .n = 10000 };

		p.seed = bytes_hash(BYTES_HASH_START, &device, sizeof(device));
		for (unsigned at = polling_first(&p); at < n; at += play_wait(&p)) {
			seconds[at]++;
			p.failures = at >= from && at < to ? p.failures + 1 : 0;
			p.sleep_s = polling_interval(300, sleep, p.failures > 0 ? 0 : sleep);
			p.n++;
		}
	}
}

TEST(a_region_that_gets_its_power_back_does_not_ask_thrice_as_often_as_it_does)
{
	static unsigned power[7200], away[7200];

	play_region(power, 7200, 300, 0, 0);
	play_region(away, 7200, 300, 1800, 3600);
	for (int i = 0; i < 7200; i++) {
		assert_in_range(power[i], 0, 100);
		assert_in_range(away[i], 0, 100);
	}
}

#define RELEASE	      (UINT64_C(7) << 32)
#define OTHER_RELEASE (UINT64_C(8) << 32)

TEST(nor_by_its_requests_where_each_device_says_that_it_was_reset)
{
	static unsigned requests[1200];

	for (unsigned device = 0; device < 10000; device++) {
		struct polling p = { .sleep_s = 300, .first = true, .n = 10000 };
		unsigned first, second;
		char boot[40];

		snprintf(boot, sizeof(boot), "b0075e3a-%04x-4b3c-9d1e-%012x", device, device * 17);
		p.seed = bytes_hash(BYTES_HASH_START, &device, sizeof(device));
		first = polling_first(&p);
		second = first + play_wait(&p);
		requests[first]++;
		requests[second]++;
		requests[attributes_wait(RELEASE | 1, RELEASE | 3, boot) ? second : first]++;
	}
	for (int i = 0; i < 1200; i++)
		assert_in_range(requests[i], 0, 100);
}

TEST(a_device_that_asks_once_in_a_boot_says_what_changed_all_the_same)
{
	char boot[ACTION_BOOT_LEN + 1];
	unsigned waits = 0;

	for (unsigned i = 0; i < 300; i++) {
		snprintf(boot, sizeof(boot), "b0075e3a-%04x-4b3c-9d1e-8c2f64a1e07d", i);
		waits += attributes_wait(RELEASE | 1, RELEASE | 3, boot) ? 1 : 0;
		assert_false(attributes_wait(RELEASE | 1, 0, boot));
		assert_false(attributes_wait(OTHER_RELEASE | 1, RELEASE | 1, boot));
	}
	assert_in_range(waits, 120, 180);
}

TEST(nor_does_one_whose_server_wants_an_hour)
{
	static unsigned power[14400], away[14400];

	play_region(power, 14400, 3600, 0, 0);
	play_region(away, 14400, 3600, 3600, 7200);
	for (int i = 10; i < 14400; i++) {
		unsigned ten[2] = { 0 };

		for (int at = i - 10; at < i; at++) {
			ten[0] += power[at];
			ten[1] += away[at];
		}
		/* Thrice the mean of ten seconds: in one of them are three contacts. */
		assert_in_range(ten[0], 0, 83);
		assert_in_range(ten[1], 0, 83);
	}
}

/* The most in so many seconds. */
static unsigned most_of(const unsigned *seconds, unsigned from, unsigned to, unsigned width)
{
	unsigned most = 0;

	for (unsigned at = from; at + width <= to; at += width) {
		unsigned n = 0;

		for (unsigned i = at; i < at + width; i++)
			n += seconds[i];
		most = n > most ? n : most;
	}
	return most;
}

/* In the first hour, they ask as devices do that ask each hour: less than thrice the mean of these,
 * which is 278 in 100 seconds. Behind it, they do not come together again: less than thrice their
 * own. */
TEST(devices_that_ask_rarely_come_together_once_and_not_more_often_than_each_hour)
{
	static const unsigned sleeps[] = { 3601, 7200, 10800, 21600, 43200, 86400 };
	static unsigned seconds[4 * 86400];

	for (size_t i = 0; i < KB_ARRAY_LEN(sleeps); i++) {
		unsigned sleep = sleeps[i], n = 4 * sleep;

		for (int away = 0; away < 2; away++) {
			memset(seconds, 0, sizeof(seconds));
			/* The server may be away, too, when the power is back. */
			play_region(seconds, n, sleep, 0, away ? 3600 : 0);
			assert_in_range(most_of(seconds, 0, n, 100), 0, 3 * 278 - 1);
			assert_in_range(most_of(seconds, 3600, n, 600), 0, 3 * (6000000 / sleep));
		}
	}
}

TEST(what_the_server_wanted_counts_until_it_says_otherwise)
{
	assert_int_equal(polling_interval(300, 0, 0), 300);
	assert_int_equal(polling_interval(300, 3600, 0), 3600);
	assert_int_equal(polling_interval(300, 60, 0), 300);
	assert_int_equal(polling_interval(300, 3600, 60), 60);
	/* hawkBit may add a tenth by chance to each answer. */
	assert_true(polling_is_news(0, 300));
	assert_true(polling_is_news(300, 3600));
	assert_true(polling_is_news(3600, 300));
	assert_false(polling_is_news(3600, 3960));
	assert_false(polling_is_news(3600, 3240));
	assert_false(polling_is_news(3600, 0));
}

TEST(a_device_that_runs_for_an_hour_a_day_asks_in_it)
{
	struct polling p = { .sleep_s = 86400 };

	for (p.seed = 0; p.seed < 1000; p.seed++)
		assert_true(polling_first(&p) < 3600);
}

TEST(devices_do_not_ask_at_the_same_time)
{
	struct polling p = { .sleep_s = 300 };
	unsigned in[10] = { 0 }, least = ~0u, most = 0;

	for (p.seed = 0; p.seed < 10000; p.seed++) {
		unsigned first = polling_first(&p), wait = polling_wait(&p);

		assert_true(first < 300);
		in[first / 30]++;
		assert_true(wait >= 270 && wait <= 331);
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	/* No tenth of the time has more than its share and a fifth. */
	for (int i = 0; i < 10; i++)
		assert_in_range(in[i], 800, 1200);
	assert_true(least < 275 && most > 325);
}

TEST(after_failures_it_asks_ever_more_rarely)
{
	struct polling p = { .sleep_s = 60, .seed = 7 };
	static const unsigned middle[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600 };

	for (p.failures = 1; p.failures < 9; p.failures++) {
		unsigned wait = polling_wait(&p);

		assert_in_range(wait, middle[p.failures] / 2, middle[p.failures] * 3 / 2 + 1);
	}
	p.failures = 1000000;
	assert_in_range(polling_wait(&p), 1800, 5401);
	p.sleep_s = 86400;
	assert_in_range(polling_wait(&p), 43200, 86400);
}

TEST(it_waits_as_long_as_the_server_asks_and_not_longer_than_a_day)
{
	struct polling p = { .sleep_s = 300, .retry_after_s = 5000 };

	for (p.seed = 0; p.seed < 100; p.seed++)
		assert_in_range(polling_wait(&p), 5000, 5300);
	p.retry_after_s = 100000 - 13600;
	assert_int_equal(polling_wait(&p), 86400);
	p.retry_after_s = UINT64_MAX / 2;
	assert_int_equal(polling_wait(&p), 86400);
	p = (struct polling){ .sleep_s = 0 };
	assert_in_range(polling_wait(&p), 30, 33);
}

/* With one date for all of them. */
TEST(devices_that_wait_for_one_time_come_within_an_interval_behind_it)
{
	struct polling p = { .sleep_s = 300, .retry_after_s = 5000 };
	unsigned in[5] = { 0 };

	for (p.seed = 0; p.seed < 1000; p.seed++)
		in[(polling_wait(&p) - 5000) / 61]++;
	for (unsigned i = 0; i < KB_ARRAY_LEN(in); i++)
		assert_in_range(in[i], 150, 250);
}

/* ---------------------------------------------------------------- two processes */

/* What the one with rights makes of it, and of a file that comes with it; -1: none. */
static bool is_served_with(const struct monitor_order *order, int file)
{
	static struct conf conf;
	struct monitor h = { .conf = &conf, .link = -1 };
	char space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = (void *)order, .iov_len = sizeof(*order) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	int ends[2];
	bool served;

	if (file >= 0) {
		m.msg_control = space;
		m.msg_controllen = sizeof(space);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS,
						       .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &file, sizeof(file));
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(sendmsg(ends[0], &m, 0), sizeof(*order));
	served = monitor_link_answer(ends[1], &h);
	close(ends[0]);
	close(ends[1]);
	return served;
}

static bool is_served(const struct monitor_order *order)
{
	return is_served_with(order, -1);
}

/* Elsewhere it would be overwritten, and stay open: after some hundreds nothing can be opened. */
TEST(a_file_comes_with_no_order_but_the_channels)
{
	struct monitor_order order = { .work = MONITOR_PERMIT };
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC), free_one = dup(file), next;

	close(free_one);
	assert_false(is_served_with(&order, file));
	order.work = MONITOR_FOLDER;
	assert_false(is_served_with(&order, file));
	next = dup(file);
	assert_int_equal(next, free_one);
	close(next);
	close(file);
}

TEST(only_orders_that_are_known_are_served)
{
	struct monitor_order order = { .work = MONITOR_PERMIT };

	assert_true(is_served(&order));
	order.work = MONITOR_WORKS;
	assert_false(is_served(&order));
	memset(&order.work, 0xff, sizeof(order.work));
	assert_false(is_served(&order));
	order.work = MONITOR_PERMIT;
	memset(order.version, 'x', sizeof(order.version));
	assert_false(is_served(&order));
	strcpy(order.version, "2.0\n");
	assert_false(is_served(&order));
	strcpy(order.version, "2.0");
	strcpy(order.name, "a\033.keel");
	assert_false(is_served(&order));
	memset(order.name, 'x', sizeof(order.name));
	assert_false(is_served(&order));
	strcpy(order.name, "a.keel");
	strcpy(order.why, "1 0\n2 0");
	assert_false(is_served(&order));
	strcpy(order.why, "answers 503");
	assert_true(is_served(&order));
	/* A byte that is no bool, whatever it is read as. */
	memset(&order.flag, 2, sizeof(order.flag));
	assert_false(is_served(&order));
}

TEST(a_monitor_that_has_ended_is_an_error)
{
	struct monitor h = { .link = -1 };
	const struct monitor_order order = { .work = MONITOR_STATUS };
	struct monitor_result r;
	json_object *o;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[1]);
	h.link = ends[0];
	monitor_do(&h, &order, &r, &o, NULL);
	assert_int_equal(r.code, MONITOR_GONE);
	assert_null(o);
	assert_string_equal(r.why, "the process that stages has ended");
	close(ends[0]);
}

/* What tests play of the other end: a beat, so many answers, and then nothing. */
static void play_other(int link, unsigned beats, bool answers)
{
	struct {
		struct monitor_result result;
		uint32_t len;
	} a = { .result = { .code = 7, .why = "busy" }, .len = UINT32_MAX };
	static struct monitor_order order;

	assert_int_equal(recv(link, &order, sizeof(order), MSG_WAITALL), sizeof(order));
	for (unsigned i = 0; i < beats; i++)
		assert_int_equal(send(link, &a, sizeof(a), 0), sizeof(a));
	a.len = 0;
	if (answers)
		assert_int_equal(send(link, &a, sizeof(a), 0), sizeof(a));
	else
		sleep(60);
}

/* How the process ends that asks. */
static int ask_other_end(unsigned beats, bool answers)
{
	const struct timeval second = { .tv_sec = 1 };
	const struct monitor_order order = { .work = MONITOR_STAGE };
	struct monitor h = { .link = -1 };
	struct monitor_result r;
	int ends[2], status;
	pid_t asks, other;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)), 0);
	other = fork();
	if (other == 0) {
		close(ends[0]);
		play_other(ends[1], beats, answers);
		_exit(0);
	}
	asks = fork();
	if (asks == 0) {
		close(ends[1]);
		h.link = ends[0];
		monitor_do(&h, &order, &r, NULL, NULL);
		_exit(r.code);
	}
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(asks, &status, 0), asks);
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_long_order_says_that_it_goes_on)
{
	assert_int_equal(ask_other_end(3, true), 7);
}

TEST(who_gets_no_answer_for_long_ends)
{
	assert_int_equal(ask_other_end(0, false), 1);
	assert_int_equal(ask_other_end(3, false), 1);
}

static char status_path[64];

/* Stands for keelboot(1): its status says what becomes of a staged release. */
static void status_says(struct keelboot *kb, const char *next)
{
	int fd = open(status_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	dprintf(fd, "#!/bin/sh\necho '{\"schema\":1,\"staged\":{\"next\":\"%s\"}}'\n", next);
	close(fd);
	assert_int_equal(keelboot_set_program(kb, status_path), 0);
}

/* A program that is not found stands for the reboot: on this machine, none is wanted. */
TEST(whoever_asks_the_policy_holds)
{
	static struct conf conf;
	struct monitor m = { .conf = &conf, .link = -1 };
	const struct monitor_order order = { .work = MONITOR_REBOOT };
	struct monitor_result r;

	setenv("PATH", "/nonexistent", 1);
	monitor_work(&m, &order, &r, NULL, NULL);
	assert_string_equal(r.why, "reboot=no");
	conf.fleet_reboot = true;
	strcpy(conf.fleet_reboot_inhibit, "/none, /proc/self/");
	monitor_work(&m, &order, &r, NULL, NULL);
	assert_string_equal(r.why, "/proc/self/ is there (reboot-inhibit=)");
	conf.fleet_reboot_inhibit[0] = '\0';
	snprintf(status_path, sizeof(status_path), "/tmp/keelboot-status-%d", (int)getpid());
	assert_int_equal(keelboot_new(&m.kb), 0);
	status_says(m.kb, "skip");
	monitor_work(&m, &order, &r, NULL, NULL);
	assert_string_equal(r.why, "the next boot installs nothing");
	status_says(m.kb, "install");
	monitor_work(&m, &order, &r, NULL, NULL);
	assert_string_equal(r.why, "\"reboot\" cannot be started: No such file or directory");
	unlink(status_path);
	keelboot_free(m.kb);
}

/* ---------------------------------------------------------------- reboots */

TEST(a_time_of_the_day_may_last_over_midnight)
{
	static const char *const none[] = { "",
					    "2-4",
					    "24:00-01:00",
					    "23:60-01:00",
					    "02:00-04:00x",
					    "02:00-02:00",
					    "-1:00-02:00",
					    "02:00-04" };
	struct daily d;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(daily_read(&d, none[i]));
	assert_true(daily_read(&d, "02:00-04:30"));
	assert_false(daily_has(&d, 119));
	assert_true(daily_has(&d, 120));
	assert_true(daily_has(&d, 269));
	assert_false(daily_has(&d, 270));
	assert_true(daily_read(&d, "22:00 - 24:00"));
	assert_true(daily_has(&d, 1439));
	assert_false(daily_has(&d, 0));
	assert_true(daily_read(&d, "22:30-04:00"));
	assert_true(daily_has(&d, 1439));
	assert_true(daily_has(&d, 0));
	assert_false(daily_has(&d, 240));
	assert_false(daily_has(&d, 1349));
}

TEST(a_clock_that_was_never_set_is_in_no_window)
{
	struct conf c;
	char reason[PERMIT_WHY_MAX + 1];

	conf_defaults(&c);
	c.fleet_reboot = true;
	assert_true(permit_reboot(&c, false, "2.0", 0, reason));
	strcpy(c.fleet_reboot_window, "00:00-23:59");
	assert_false(permit_reboot(&c, true, "2.0", 0, reason));
	assert_string_equal(reason,
			    "reboot-window=00:00-23:59, and the clock of this device is not set");
	setenv("TZ", "UTC0", 1);
	assert_true(permit_reboot(&c, false, "2.0", 1764115200, reason));
	assert_false(permit_reboot(&c, false, "2.0", 1764115200 - 30, reason));
	assert_string_equal(reason, "reboot-window=00:00-23:59; it is 23:59 here");
}

TEST_MAIN("fleet", .quiet = true)
