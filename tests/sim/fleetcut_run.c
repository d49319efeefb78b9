/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleetcut.h"

#include "fleet/cycle.h"
#include "fleet/feed.h"
#include "fleet/fetch.h"
#include "fleet/flush.h"
#include "fleet/parts.h"
#include "fleet/report.h"
#include "lib/log.h"
#include "lib/os_file.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define HANG_S 60 /* of real time: then it hangs */

struct filecut_rec *fleetcut_run_rec;
char fleetcut_run_said[16384];

static enum fleetcut_verb verb;

const char *fleetcut_run_name(enum fleetcut_verb v)
{
	static const char *const names[] = { "part",  "whole", "other", "long",	  "end",
					     "range", "parts", "file",	"newer",  "tell",
					     "takes", "once",  "deaf",	"assign", "bare",
					     "boot",  "good",  "back",	"none" };

	return names[v];
}

bool fleetcut_run_is_cycle(enum fleetcut_verb v)
{
	return v == FLEETCUT_TAKES || v == FLEETCUT_ONCE || v == FLEETCUT_DEAF;
}

/* ---------------------------------------------------------------- the client */

static bool recorded; /* this process is */

/* The process beside a transfer ends before more comes: what is recorded has one order. */
pid_t fork(void)
{
	pid_t pid = _Fork();
	siginfo_t end;

	if (pid > 0 && recorded)
		waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT);
	return pid;
}

static bool write_piece(const char *id, int fd, uint64_t from)
{
	uint8_t piece[FLEETCUT_PIECE];

	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = fleetcut_server_byte(id, from + i);
	return os_file_write(fd, piece, sizeof(piece)) == KB_OK;
}

/* As fetch_bundle() does with a large one: the first piece is flushed beside the transfer. */
static bool fetch_beside(const struct files *f, struct action *a)
{
	const struct limits limits = { 0 };
	struct meter meter = { .files = f, .a = a, .limits = &limits };
	struct flush flush = { .files = f, .a = a, .meter = &meter };
	KB_CLEANUP_FD int fd = -1;
	bool going;

	snprintf(a->etag, sizeof(a->etag), "\"1\"");
	if (files_bundle_open(f, 0, &fd) != KB_OK || !flush_all(&flush, fd, 0, 1) ||
	    !write_piece(a->id, fd, 0))
		return false;
	/* So far from it that it is time for a flush. */
	a->durable = UINT64_MAX / 2;
	going = flush_some(&flush, fd, FLEETCUT_PIECE, 1);
	if (a->durable > FLEETCUT_SIZE)
		a->durable = 0;
	return going && write_piece(a->id, fd, FLEETCUT_PIECE) &&
	       flush_all(&flush, fd, FLEETCUT_SIZE, 0);
}

static bool fetch(const struct files *f, struct action *a, const struct offer *o)
{
	const struct http_config http = { .server = FLEETCUT_URL };
	const struct limits limits = { 0 };
	struct head head = { .files = f, .a = a, .release = "" };
	char why[ACTION_WHY_MAX + 1];
	uint64_t retry_after_s;

	if (verb == FLEETCUT_LONG && a->durable == 0)
		return fetch_beside(f, a);
	return fetch_bundle(&head, &http, &limits, o, why, &retry_after_s) == FETCH_WHOLE;
}

/* As bring_parts() has it. */
static bool fetch_parts(const struct files *f, struct action *a, const struct offer *o)
{
	static struct parts p;
	static struct http_config http = { .server = FLEETCUT_URL };

	p = (struct parts){ .files = f, .http = &http, .a = a, .url = o->url, .release = "" };
	return parts_fetch(&p) == PARTS_HERE;
}

static bool brings_parts(void)
{
	return verb == FLEETCUT_RANGE || verb == FLEETCUT_PARTS;
}

/* As take_offer() has it. */
static bool take(const struct files *f, struct action *a)
{
	bool fresh;
	struct offer o;

	fleetcut_server_offer(verb, &o);
	fresh = strcmp(a->id, o.id) != 0;
	if (!fresh && a->phase >= ACTION_FETCHED)
		return true;
	if (fresh)
		action_begin(a, o.id);
	fetch_expect(f, a, &o, fresh);
	if (files_save(f, a) != KB_OK)
		return false;
	/* A failure is kept, too, with why. */
	if (!(brings_parts() ? fetch_parts(f, a, &o) : fetch(f, a, &o)))
		return files_save(f, a) == KB_OK &&
		       (verb == FLEETCUT_PART || verb == FLEETCUT_RANGE);
	a->phase = ACTION_FETCHED;
	return files_save(f, a) == KB_OK;
}

/* As take_known() and tell() have it. */
static bool end(const struct files *f, struct action *a)
{
	if (a->phase == ACTION_FETCHED) {
		files_bundle_drop(f);
		a->phase = ACTION_GOOD;
		if (files_save(f, a) != KB_OK)
			return false;
	}
	if (a->phase != ACTION_GOOD || !action_owes(a))
		return true;
	action_told(a);
	return files_save(f, a) == KB_OK;
}

/* As tell_home() has it: the queue, and then the record. */
static bool tell(struct contact *c)
{
	if (c->a.phase == ACTION_NONE) {
		action_begin(&c->a, "1");
		c->a.phase = ACTION_FAILED;
		if (!contact_save(c))
			return false;
	}
	if (!action_owes(&c->a))
		return true;
	if (!report_phase(c))
		return false;
	action_told(&c->a);
	return contact_save(c);
}

/* As converse_by_file() has it. What is believed is noted; an older file than one that was here is
 * not believed. */
static bool ask_file(struct contact *c)
{
	static struct channel channel;
	bool believed;
	uint64_t wanted = verb == FLEETCUT_NEWER ? 2 : 1;

	feed_load(c);
	feed_forget(c);
	if (feed_ask(c, &channel, &believed))
		return channel.sequence >= wanted && c->feed.sequence == channel.sequence;
	return !c->unsaved && c->feed.sequence > wanted;
}

static bool follow_channel(const struct files *f, const struct action *a)
{
	static struct contact c;
	static struct conf conf;

	snprintf(conf.fleet_channel, sizeof(conf.fleet_channel), FLEETCUT_URL "/stable.channel");
	snprintf(conf.fleet_report, sizeof(conf.fleet_report), FLEETCUT_URL "/home");
	c = (struct contact){ .conf = &conf, .files = *f, .a = *a };
	c.client.http.server = conf.fleet_channel;
	snprintf(c.client.base, sizeof(c.client.base), "%s", conf.fleet_channel);
	return verb == FLEETCUT_TELL ? tell(&c) : ask_file(&c);
}

/* As open_folder() has it: it is made only where it is missing. */
static enum kb_err open_folder(struct files *f)
{
	const char *data = bundles_path("data");
	char why[256];
	enum kb_err err = folder_open(&f->dir, data, false, 0, 0, why, sizeof(why));

	return err != KB_ENOENT ? err : folder_open(&f->dir, data, true, 0, 0, why, sizeof(why));
}

/* All of a contact. */
static int run_cycle(void)
{
	static struct contact c;
	static struct conf conf = { .fleet_server = FLEETCUT_URL,
				    .fleet_tenant = "DEFAULT",
				    .fleet_id = "device",
				    .fleet_partial = CONF_PARTIAL_NO };

	c = (struct contact){ .conf = &conf };
	folder_init(&c.monitor.folder, bundles_path("data"));
	if (client_init(&c.client, &conf) != KB_OK || cycle_run(&c) != KB_OK || c.unsaved)
		return 1;
	return !c.failed ? 0 : verb == FLEETCUT_TAKES ? 1 : FLEETCUT_RUN_DEAF;
}

static bool contact(void)
{
	struct files f = { .dir = -1, .lock = -1 };
	struct action a;

	folder_init(&f.folder, bundles_path("data"));
	if (open_folder(&f) != KB_OK)
		return false;
	files_load(&f, &a);
	if (verb == FLEETCUT_FILE || verb == FLEETCUT_NEWER || verb == FLEETCUT_TELL)
		return follow_channel(&f, &a);
	return verb == FLEETCUT_END ? end(&f, &a) : take(&f, &a);
}

/* ---------------------------------------------------------------- a process */

static void child(const struct filecut_rec_plan *plan, int out)
{
	dup2(out, 1);
	dup2(out, 2);
	log_to(2, 0);
	recorded = true;
	filecut_rec_begin(fleetcut_run_rec, plan, bundles_path("data"), bundles_path("state"));
	_exit(fleetcut_run_is_cycle(verb) ? run_cycle() : contact() ? 0 : 1);
}

void fleetcut_run_begin(void)
{
	fleetcut_run_rec = report_share(sizeof(*fleetcut_run_rec));
	fleetcut_around_log = report_share(sizeof(*fleetcut_around_log));
	fleetcut_around_fresh(&fleetcut_around_log->now);
}

int fleetcut_run_do(enum fleetcut_verb v, const struct filecut_rec_plan *plan)
{
	int out = memfd_create("said", MFD_CLOEXEC), status;
	ssize_t n;
	pid_t pid;

	bundles_must(out >= 0, "memfd");
	verb = v;
	fleetcut_server_begin(v);
	pid = report_fork(HANG_S);
	if (pid == 0)
		child(plan, out);
	status = report_wait(pid);
	n = pread(out, fleetcut_run_said, sizeof(fleetcut_run_said) - 1, 0);
	fleetcut_run_said[n > 0 ? n : 0] = '\0';
	close(out);
	bundles_must(fleetcut_run_rec->odd == NULL, "the model does not know what was done");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
