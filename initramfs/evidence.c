/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/evidence.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define BACKEND	       "/sys/module/pstore/parameters/backend"
#define PMSG	       "/dev/pmsg0"
#define COOKIE	       "Keelboot was here\n"
#define COOKIE_LEN     (sizeof(COOKIE) - 1)
#define MARK	       "Keelboot starts another kernel\n"
#define RECORD_MAX     (64u << 10) /* last bytes of a record, unpacked, that are looked at */
#define PARTS_MAX      4	   /* newest parts of a panic that are kept as last words */
#define PREFIX	       "dmesg-"
#define PMSG_RECORD    "pmsg-ramoops-0"
#define CONSOLE_RECORD "console-ramoops-0"

/* ---------------------------------------------------------------- pstore */

/* "Panic#1 Part1": the reason, which dump of that boot, and which part of it, newest first. */
unsigned evidence_panic_part(const char *text)
{
	static const char panic[] = "Panic#", part[] = " Part";
	unsigned number = 0;

	if (strncmp(text, panic, strlen(panic)) != 0)
		return 0;
	text += strlen(panic);
	if (*text < '0' || *text > '9')
		return 0;
	text += strspn(text, "0123456789");
	if (strncmp(text, part, strlen(part)) != 0)
		return 0;
	for (text += strlen(part); *text >= '0' && *text <= '9' && number < 1000; text++)
		number = number * 10 + (unsigned)(*text - '0');
	return *text == '\n' ? number : 0;
}

/* The kernel shows "(null)" where there is none. */
static bool has_backend(char *name, size_t size)
{
	if (os_read_file(BACKEND, name, size, NULL) != KB_OK)
		return false;
	name[strcspn(name, "\n")] = '\0';
	return name[0] != '\0' && name[0] != '(';
}

static bool write_copy(struct evidence *e, const char *name, const char *text, size_t len)
{
	char path[96];

	if (len > EVIDENCE_KEEP_MAX - e->kept)
		return false;
	e->kept += len;
	snprintf(path, sizeof(path), EVIDENCE_KEEP "/%.63s", name);
	return os_mkdir("/run/keelboot", 0755) == KB_OK && os_mkdir(EVIDENCE_KEEP, 0700) == KB_OK &&
	       os_write_file(path, text, len) == KB_OK;
}

/* The end of the record's text, of which there is a copy now; NULL: it cannot be read. */
static const char *keep_copy(struct evidence *e, const char *name, size_t *len)
{
	static char text[RECORD_MAX]; /* too large for a stack of process 1 */
	char path[96];

	snprintf(path, sizeof(path), EVIDENCE_PSTORE "/%.63s", name);
	if (os_read_end(path, text, sizeof(text), len) != KB_OK) {
		log_warn("pstore: unable to read %s: %m", path);
		return NULL;
	}
	if (!write_copy(e, name, text, *len))
		log_debug("pstore: unable to copy %s", name);
	return text;
}

/* The lines, each behind a "<LEVEL>" that is left out. */
static void add_lines(struct tail *t, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const char *line = text;

		stop = stop != NULL ? stop + 1 : end;
		if (stop - line > 3 && line[0] == '<' && line[2] == '>')
			line += 3;
		tail_add(t, line, (size_t)(stop - line));
		text = stop;
	}
}

/* A panic in parts: firmware has room for a KiB or so in each. */
static struct tail parts[PARTS_MAX];

static void keep_part(unsigned part, const char *text, size_t len)
{
	const char *line = memchr(text, '\n', len);

	parts[part - 1] = (struct tail){ .len = 0 };
	if (line != NULL)
		add_lines(&parts[part - 1], line + 1, len - (size_t)(line + 1 - text));
}

static void join_parts(struct evidence *e)
{
	for (unsigned i = PARTS_MAX; i > 0; i--) {
		struct tail *t = &parts[i - 1];

		tail_add(&e->panic, t->text, t->len);
		e->panic.cut |= t->cut;
		t->len = 0;
	}
}

/* Its first line says so; 0: it is none. */
static unsigned panic_part_of(const char *name)
{
	char path[96], head[64];

	snprintf(path, sizeof(path), EVIDENCE_PSTORE "/%.63s", name);
	return os_read_file(path, head, sizeof(head), NULL) == KB_OK ? evidence_panic_part(head)
								     : 0;
}

static void read_panic(struct evidence *e, const char *name)
{
	size_t len;
	const char *text = keep_copy(e, name, &len);
	unsigned part = text != NULL ? panic_part_of(name) : 0;

	if (part > 0 && part <= PARTS_MAX)
		keep_part(part, text, len);
	if (part != 1)
		return;
	log_notice("pstore: the kernel panicked (%s)", name);
	/* In whatever order they come, and 0 is none. */
	e->ps ^= bytes_hash(BYTES_HASH_START, text, len);
	if (e->ps == 0)
		e->ps = 1;
}

static void read_pstore(struct evidence *e)
{
	static char names[EVIDENCE_RECORDS_MAX][64];
	unsigned n = 0;
	enum kb_err err = os_mount("pstore", EVIDENCE_PSTORE, "pstore",
				   MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);

	if ((err != KB_OK && err != KB_EBUSY) ||
	    os_list(EVIDENCE_PSTORE, names, EVIDENCE_RECORDS_MAX, &n) != KB_OK) {
		log_warn("pstore: unable to read " EVIDENCE_PSTORE ": %m");
		return;
	}
	e->ev.can_report_panic = true;
	for (unsigned i = 0; i < n; i++) {
		if (strncmp(names[i], PREFIX, strlen(PREFIX)) != 0)
			continue;
		memcpy(e->record[e->nrecords++], names[i], sizeof(names[i]));
		read_panic(e, names[i]);
	}
	join_parts(e);
}

void evidence_forget(const struct evidence *e)
{
	for (unsigned i = 0; i < e->nrecords; i++) {
		char path[96];

		snprintf(path, sizeof(path), EVIDENCE_PSTORE "/%s", e->record[i]);
		if (os_unlink(path) != KB_OK)
			log_warn("pstore: unable to delete %s: %m", path);
	}
}

/* ---------------------------------------------------------------- the boot loader */

void evidence_boot_loader(struct reset_evidence *ev, const char *source)
{
	/* Cold start, supply, heat: not the slot's fault. What is not here (RST, EXT, JTAG, WKE,
	 * unknown) may be anybody's. */
	static const char *const power[] = { "POR", "BROWNOUT", "THERM" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(power); i++) {
		if (strcmp(source, power[i]) == 0)
			ev->power_cause = true;
	}
	if (strcmp(source, "WDG") == 0)
		ev->loader_watchdog = true;
}

/* A word on the command line may be one that somebody wrote there for good. */
static void ask_boot_loader(struct evidence *e, const char *line)
{
	char source[16];

	if (os_read_file(EVIDENCE_LOADER, source, sizeof(source), NULL) != KB_OK)
		snprintf(source, sizeof(source), "%s", line);
	if (source[0] == '\0')
		return;
	log_info("reset cause from the boot loader: %s", source);
	evidence_boot_loader(&e->ev, source);
}

/* ---------------------------------------------------------------- the cookie */

static bool starts_with_cookie(const char *path)
{
	char text[COOKIE_LEN + 1];

	return os_read_file(path, text, sizeof(text), NULL) == KB_OK && strcmp(text, COOKIE) == 0;
}

/* Behind the cookie of the boot that left it. */
static bool has_mark(const char *path)
{
	char text[sizeof(COOKIE MARK)];

	return os_read_file(path, text, sizeof(text), NULL) == KB_OK &&
	       strcmp(text, COOKIE MARK) == 0;
}

void evidence_mark(const struct evidence *e)
{
	if (e->can_mark && os_write_file(PMSG, MARK, strlen(MARK)) != KB_OK)
		log_warn("unable to write to " PMSG ": %m");
}

static void leave_cookie(const char *path)
{
	if (os_write_file(path, COOKIE, COOKIE_LEN) != KB_OK)
		log_warn("cookie: unable to write to %s: %m", path);
}

/* What the zone of ramoops held before the reset is read, copied, and out of the way. */
static bool take_kernel_log(struct evidence *e, const char *name, bool (*counts)(const char *path))
{
	char path[96];
	const char *text;
	bool found;
	size_t len;

	snprintf(path, sizeof(path), EVIDENCE_PSTORE "/%.63s", name);
	if (!os_exists(path))
		return false;
	found = counts(path);
	text = keep_copy(e, name, &len);
	if (text != NULL && strcmp(name, CONSOLE_RECORD) == 0)
		tail_add(&e->console, text, len);
	if (os_unlink(path) != KB_OK)
		log_warn(
			"cookie: unable to delete %s: %m; whoever deletes that file later deletes this boot's cookie with it",
			path);
	return found;
}

/* What is in the console's or in our own part of ramoops was put there before the reset. */
static void kernels_cookie(struct evidence *e, const char *backend)
{
	/* Without its records nobody knows what was there. */
	bool ramoops = strcmp(backend, "ramoops") == 0 && e->ev.can_report_panic;
	bool pmsg = ramoops && os_exists(PMSG);
	bool console = ramoops && take_kernel_log(e, CONSOLE_RECORD, os_exists);

	e->can_mark = pmsg;
	e->marked = pmsg && has_mark(EVIDENCE_PSTORE "/" PMSG_RECORD);
	e->cookie_found = console;
	if (pmsg && take_kernel_log(e, PMSG_RECORD, starts_with_cookie))
		e->cookie_found = true;
	e->cookie_there = pmsg || console;
	if (pmsg)
		leave_cookie(PMSG);
	else if (console) /* an error, because "quiet" keeps all else from consoles */
		log_err("cookie: this line is not an error: it marks the console's memory");
}

/* Nothing but memory is ever written to: a slip of the pen must not cost a flash. */
static bool is_memory(const char *dev)
{
	char path[96], type[16];

	snprintf(path, sizeof(path), "/sys/class/mtd/%.32s/type", strrchr(dev, '/') + 1);
	return os_read_file(path, type, sizeof(type), NULL) == KB_OK && strcmp(type, "ram\n") == 0;
}

static void own_cookie(struct evidence *e, const char *dev)
{
	if (!is_memory(dev)) {
		log_warn("cookie: %s is not memory (an mtd of the type ram); no cookie is written",
			 dev);
		return;
	}
	e->cookie_there = true;
	e->cookie_found = starts_with_cookie(dev);
	leave_cookie(dev);
}

static void ask_watchdog(struct evidence *e, const struct wdt *w, enum conf_bootstatus trust)
{
	if (trust == CONF_BOOTSTATUS_TRUST)
		wdt_evidence(w, &e->ev);
	else if (w->info.bootstatus != 0)
		log_notice("watchdog: its report of the reset is ignored (bootstatus=ignore)");
}

void evidence_gather(struct evidence *e, const struct wdt *w, const struct conf *conf,
		     const char *line)
{
	const char *cookie = conf->cookie;
	char backend[32] = "";

	memset(e, 0, sizeof(*e));
	ask_watchdog(e, w, conf->bootstatus);
	ask_boot_loader(e, line);
	if (has_backend(backend, sizeof(backend)))
		read_pstore(e);
	if (strcmp(cookie, "auto") == 0)
		kernels_cookie(e, backend);
	else if (strcmp(cookie, "off") != 0)
		own_cookie(e, cookie);
}

void evidence_weigh(struct evidence *e, struct state *s)
{
	e->ev.crash_record = e->ps != 0 && e->ps != s->ps;
	if (e->ps != 0)
		s->ps = e->ps;
	e->ev.cookie_lost = s->warm && e->cookie_there && !e->cookie_found;
	if (e->cookie_found)
		s->warm = true;
	/* A reboot that was orderly until it panicked was not. But many a driver restarts the
	 * machine by its watchdog, which then says that it fired. */
	e->ev.orderly = !e->ev.crash_record;
}

void evidence_of_no_reset(struct evidence *e)
{
	e->ev.crash_record = e->ev.watchdog_fired = e->ev.loader_watchdog = false;
	e->ev.power_cause = e->ev.cookie_lost = false;
	e->ev.orderly = true;
}

bool evidence_is_doubtful(const struct evidence *e, const struct state *s)
{
	return e->ev.watchdog_fired && reset_classify(s, &e->ev) == RESET_CLEAN;
}
