/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's trace, time, and failures that were asked for. */
#include "tests/sim/os_sim.h"

#include "lib/log.h"
#include "tests/sim/os_sim_int.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRACE_MAX  (512u << 10)
#define RULES_MAX  32
#define EVENTS_MAX 64
#define LIMIT_MS   (7ull * 24 * 3600 * 1000) /* of virtual time: a boot that runs longer is stuck */

struct rule {
	char prefix[128];
	unsigned nth, seen;
	enum kb_err err;
};

struct event {
	uint64_t at;
	void (*fn)(void *ctx);
	void *ctx;
	bool done;
};

static struct {
	size_t len;
	int log_fd, log_level;
	off_t log_read;
	enum os_sim_end end;
	uint64_t now;
	unsigned nrules, nevents;
	struct rule rule[RULES_MAX];
	struct event event[EVENTS_MAX];
	struct os_sim_fd fd[OS_SIM_FDS];
	char trace[TRACE_MAX]; /* last: only its beginning is cleared */
} sim = { .log_fd = -1 };

int os_sim_console_below;
static enum kb_err (*on_call)(const char *call);

static void die(const char *what)
{
	fprintf(stderr, "os_sim: %s\n%s", what, os_sim_trace());
	abort();
}

static void append(const char *text)
{
	size_t len = strlen(text);

	if (sim.len + len + 1 > TRACE_MAX) {
		fprintf(stderr, "os_sim: the trace is too long: does something loop?\n");
		abort();
	}
	memcpy(sim.trace + sim.len, text, len + 1);
	sim.len += len;
}

/* One line of the log, "<5>keelboot: text". */
static void take_log_line(const char *line)
{
	const char *text = strstr(line, ": ");
	int level = line[0] == '<' ? atoi(line + 1) : LOG_LEVEL_NOTICE;

	if (level > sim.log_level)
		return;
	text = text != NULL ? text + 2 : line;
	append("# ");
	append(strcmp(text, "Keelboot " KB_VERSION) == 0 ? "Keelboot VERSION" : text);
	append("\n");
}

/* What was logged since the last time: log_line() writes to a file in memory. */
static void take_log(void)
{
	char buf[8192];
	ssize_t n;

	while ((n = pread(sim.log_fd, buf, sizeof(buf) - 1, sim.log_read)) > 0) {
		char *line = buf, *end;

		buf[n] = '\0';
		while ((end = strchr(line, '\n')) != NULL) {
			*end = '\0';
			if (sim.end == OS_SIM_RUNS)
				take_log_line(line);
			line = end + 1;
		}
		if (line == buf)
			return;
		sim.log_read += line - buf;
	}
}

void os_sim_reset(void)
{
	if (sim.log_fd >= 0)
		close(sim.log_fd);
	memset(&sim, 0, offsetof(typeof(sim), trace) + 1);
	sim.log_fd = memfd_create("log", MFD_CLOEXEC);
	sim.log_level = LOG_LEVEL_NOTICE;
	os_sim_console_below = LOG_LEVEL_DEBUG + 1;
	os_sim_files_reset();
	os_sim_procs_reset();
	os_sim_modules_reset();
	os_sim_dev_reset();
	os_sim_bdev_reset();
	os_sim_room_reset();
	os_sim_put("/dev/kmsg", OS_SIM_TEXT, "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_to(sim.log_fd, 1);
}

enum os_sim_end os_sim_ended(void)
{
	return sim.end;
}

const char *os_sim_trace(void)
{
	take_log();
	return sim.trace;
}

void os_sim_log_level(int level)
{
	sim.log_level = level;
}

void os_sim_loglevel(int level)
{
	os_sim_console_below = level;
}

void os_sim_console_take(const char *line, size_t len)
{
	const char *text = strstr(line, ": ");

	(void)len;
	take_log();
	if (sim.end != OS_SIM_RUNS)
		return;
	append("> ");
	append(text != NULL ? text + 2 : line);
}

unsigned os_sim_count(const char *prefix)
{
	unsigned n = 0;

	for (const char *p = os_sim_trace(); *p != '\0'; p = strchr(p, '\n') + 1)
		n += strncmp(p, prefix, strlen(prefix)) == 0;
	return n;
}

void os_sim_fail(const char *prefix, unsigned nth, enum kb_err err)
{
	struct rule *r = &sim.rule[sim.nrules++];

	if (sim.nrules == RULES_MAX)
		die("too many rules");
	snprintf(r->prefix, sizeof(r->prefix), "%s", prefix);
	r->nth = nth;
	r->err = err;
}

void os_sim_on_call(enum kb_err (*fn)(const char *call))
{
	on_call = fn;
}

enum kb_err os_sim_turn(const char *call)
{
	return on_call != NULL && sim.end == OS_SIM_RUNS ? on_call(call) : KB_OK;
}

static int errno_of(enum kb_err err)
{
	static const struct {
		enum kb_err err;
		int num;
	} map[] = {
		{ KB_ENOENT, ENOENT }, { KB_EBUSY, EBUSY },	    { KB_EPERM, EPERM },
		{ KB_ENODEV, ENODEV }, { KB_ETIMEDOUT, ETIMEDOUT }, { KB_EINVAL, EINVAL },
		{ KB_EMOUNT, EINVAL }, { KB_EEXEC, ENOENT },	    { KB_ENOSPC, ENOSPC },
	};

	for (unsigned i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (map[i].err == err)
			return map[i].num;
	}
	return EIO;
}

enum kb_err os_sim_call(enum kb_err natural, const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	take_log();
	if (sim.end != OS_SIM_RUNS) {
		errno = EIO;
		return KB_EIO;
	}
	for (unsigned i = 0; i < sim.nrules; i++) {
		struct rule *r = &sim.rule[i];

		if (strncmp(line, r->prefix, strlen(r->prefix)) != 0)
			continue;
		r->seen++;
		if (r->nth == 0 || r->nth == r->seen)
			natural = r->err;
	}
	append(line);
	if (natural != KB_OK) {
		append(" = ");
		append(err_text(natural));
		errno = errno_of(natural);
	}
	append("\n");
	return natural;
}

bool os_sim_over(void)
{
	return sim.end != OS_SIM_RUNS;
}

void os_sim_resume(void)
{
	sim.end = OS_SIM_RUNS;
}

void os_sim_finish(enum os_sim_end how)
{
	take_log();
	if (sim.end == OS_SIM_RUNS)
		sim.end = how;
}

/* ---------------------------------------------------------------- time */
uint64_t os_sim_now(void)
{
	return sim.now;
}

void os_sim_at(unsigned at_ms, void (*fn)(void *ctx), void *ctx)
{
	if (sim.nevents == EVENTS_MAX)
		die("too many events");
	sim.event[sim.nevents++] = (struct event){ .at = at_ms, .fn = fn, .ctx = ctx };
}

static void run_due(void)
{
	/* One that was made by another may be due as well. */
	for (unsigned i = 0; i < sim.nevents; i++) {
		if (sim.event[i].done || sim.event[i].at > sim.now)
			continue;
		sim.event[i].done = true;
		sim.event[i].fn(sim.event[i].ctx);
	}
	os_sim_procs_run();
	os_sim_wdt_check();
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void os_sim_pass(uint64_t end)
{
	uint64_t next = end;

	if (os_sim_over()) {
		sim.now = end;
		return;
	}
	for (unsigned i = 0; i < sim.nevents; i++) {
		if (!sim.event[i].done)
			next = earlier(next, sim.event[i].at);
	}
	for (unsigned i = 0; i < OS_SIM_FDS; i++) {
		if (sim.fd[i].kind == OS_SIM_FD_MODULE && sim.fd[i].due > sim.now)
			next = earlier(next, sim.fd[i].due);
	}
	next = earlier(earlier(next, os_sim_procs_next()), os_sim_wdt_next());
	if (next > sim.now)
		sim.now = next;
	if (sim.now > LIMIT_MS)
		die("a week has passed; does something loop?");
	run_due();
}

void os_sim_advance(unsigned ms)
{
	uint64_t end = sim.now + ms;

	run_due();
	while (sim.now < end)
		os_sim_pass(end);
}

/* ---------------------------------------------------------------- descriptors */
int os_sim_fd_new(enum os_sim_fd_kind kind)
{
	for (int i = 0; i < OS_SIM_FDS; i++) {
		if (sim.fd[i].kind != OS_SIM_FD_FREE)
			continue;
		sim.fd[i] = (struct os_sim_fd){ .kind = kind, .peer = -1, .proc = -1 };
		return OS_SIM_FD + i;
	}
	die("too many open descriptors: does something leak them?");
	return -1;
}

struct os_sim_fd *os_sim_fd_get(int fd)
{
	int i = fd - OS_SIM_FD;

	return i >= 0 && i < OS_SIM_FDS && sim.fd[i].kind != OS_SIM_FD_FREE ? &sim.fd[i] : NULL;
}

int os_sim_log_fd(void)
{
	return dup(sim.log_fd);
}
