/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleetcut.h"

#include "fleet/fetch.h"
#include "fleet/flush.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "update/wire/reader_header.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define HANG_S 60 /* of real time: then it hangs */
#define SERVER "https://server"

struct filecut_rec *fleetcut_run_rec;
char fleetcut_run_said[16384];

static enum fleetcut_verb verb;

const char *fleetcut_run_name(enum fleetcut_verb v)
{
	static const char *const names[] = { "part", "whole", "other", "long", "end", "none" };

	return names[v];
}

/* ---------------------------------------------------------------- the server */

/* Behind a header that is whole; byte 0 is that of a bundle. */
uint8_t fleetcut_run_byte(const char *id, uint64_t at)
{
	static uint8_t header[READER_HEADER_LEN];
	const struct reader_header h = { .total_len = FLEETCUT_SIZE,
					 .sig_cap = 64,
					 .manifest_len = 64,
					 .manifest_off = READER_HEADER_LEN + 64,
					 .tables_off = READER_HEADER_LEN + 128,
					 .payload_off = FLEETCUT_INDEX,
					 .tables_len = FLEETCUT_INDEX - READER_HEADER_LEN - 128,
					 .payload_len = FLEETCUT_SIZE - FLEETCUT_INDEX };

	if (header[0] == 0)
		reader_header_write(&h, header);
	return at < READER_HEADER_LEN ? header[at]
				      : (uint8_t)(at * 7 % 127 + (id[0] == '2' ? 128 : 1));
}

/* In the place of the process with rights: it knows both. */
int facts_index(struct facts_bundle *b, struct monitor *m, char why[FACTS_TEXT_MAX + 1])
{
	(void)m;
	why[0] = '\0';
	*b = (struct facts_bundle){ .sequence = 1 };
	return FACTS_OK;
}

static void make_offer(struct offer *o)
{
	int n = verb == FLEETCUT_OTHER ? 2 : 1;

	*o = (struct offer){ .size = FLEETCUT_SIZE };
	snprintf(o->id, sizeof(o->id), "%d", n);
	snprintf(o->name, sizeof(o->name), "%d.keel", n);
	snprintf(o->url, sizeof(o->url), SERVER "/%d.keel", n);
	memset(o->digest, n == 2 ? '2' : '1', OFFER_DIGEST_LEN);
}

/* In the place of the real one: no network. It sends one piece, and the connection ends. */
bool http_run(const struct http_config *c, const struct http_request *r, struct http_answer *a)
{
	uint8_t piece[FLEETCUT_PIECE];
	struct offer o;

	(void)c;
	make_offer(&o);
	if (verb == FLEETCUT_PART && r->from > 0)
		return false;
	*a = (struct http_answer){ .status = 200, .ranges = true, .total = FLEETCUT_SIZE };
	snprintf(a->etag, sizeof(a->etag), "\"%s\"", o.id);
	if (r->from > 0 && strcmp(r->if_range, a->etag) == 0) {
		a->status = 206;
		a->from = r->from;
	}
	a->length = FLEETCUT_SIZE - a->from;
	if (!r->head(r->data, a))
		return false;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = fleetcut_run_byte(o.id, a->from + i);
	if (!r->take(r->data, a, piece, sizeof(piece)))
		return false;
	if (a->from + sizeof(piece) == FLEETCUT_SIZE)
		return true;
	snprintf(a->error, sizeof(a->error), "the connection ended");
	return false;
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
		piece[i] = fleetcut_run_byte(id, from + i);
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
	const struct http_config http = { .server = SERVER };
	const struct limits limits = { 0 };
	struct head head = { .files = f, .a = a, .release = "" };
	char why[ACTION_WHY_MAX + 1];
	uint64_t retry_after_s;

	if (verb == FLEETCUT_LONG && a->durable == 0)
		return fetch_beside(f, a);
	return fetch_bundle(&head, &http, &limits, o, why, &retry_after_s) == FETCH_WHOLE;
}

/* As take_offer() has it. */
static bool take(const struct files *f, struct action *a)
{
	bool fresh;
	struct offer o;

	make_offer(&o);
	fresh = strcmp(a->id, o.id) != 0;
	if (!fresh && a->phase >= ACTION_FETCHED)
		return true;
	if (fresh)
		action_begin(a, o.id);
	fetch_expect(f, a, &o, fresh);
	if (files_save(f, a) != KB_OK)
		return false;
	/* A failure is kept, too, with why. */
	if (!fetch(f, a, &o))
		return files_save(f, a) == KB_OK && verb == FLEETCUT_PART;
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

/* As open_folder() has it: it is made only where it is missing. */
static enum kb_err open_folder(struct files *f)
{
	const char *data = bundles_path("data");
	char why[256];
	enum kb_err err = folder_open(&f->dir, data, false, 0, 0, why, sizeof(why));

	return err != KB_ENOENT ? err : folder_open(&f->dir, data, true, 0, 0, why, sizeof(why));
}

static bool contact(void)
{
	struct files f = { .dir = -1, .lock = -1 };
	struct action a;

	folder_init(&f.folder, bundles_path("data"));
	if (open_folder(&f) != KB_OK)
		return false;
	files_load(&f, &a);
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
	_exit(contact() ? 0 : 1);
}

int fleetcut_run_do(enum fleetcut_verb v, const struct filecut_rec_plan *plan)
{
	int out = memfd_create("said", MFD_CLOEXEC), status;
	ssize_t n;
	pid_t pid;

	if (fleetcut_run_rec == NULL)
		fleetcut_run_rec = report_share(sizeof(*fleetcut_run_rec));
	bundles_must(out >= 0, "memfd");
	verb = v;
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
