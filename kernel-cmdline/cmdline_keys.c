/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-cmdline/cmdline.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MAX	     3600  /* seconds; more is a typing error */
#define WATCHDOG_TIMEOUT_MAX 65535 /* seconds; what most drivers' registers can hold at best */

/* ---------------------------------------------------------------- kinds of values */

static bool read_bool(bool *out, const char *value, bool def)
{
	static const char *const words[2][4] = { { "0", "no", "off", "n" },
						 { "1", "yes", "on", "y" } };

	*out = def;
	if (value == NULL) { /* as the kernel has it for its own: the bare name switches on */
		*out = true;
		return true;
	}
	for (unsigned i = 0; i < 8; i++) {
		if (strcmp(value, words[i / 4][i % 4]) == 0) {
			*out = i / 4 == 1;
			return true;
		}
	}
	return false;
}

static bool read_number(uint32_t *out, const char *value, uint32_t min, uint32_t max)
{
	uint64_t v = 0;

	*out = 0;
	if (value == NULL || *value == '\0')
		return false;
	for (; *value != '\0'; value++) {
		if (*value < '0' || *value > '9' || v > max)
			return false;
		v = v * 10 + (uint64_t)(*value - '0');
	}
	if (v < min || v > max)
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool read_text(char out[CMDLINE_TEXT_MAX + 1], const char *value)
{
	out[0] = '\0';
	if (value == NULL || *value == '\0' || strlen(value) > CMDLINE_TEXT_MAX)
		return false;
	memcpy(out, value, strlen(value) + 1);
	return true;
}

/* For words of the kernel's that have a meaning only without '='. */
static bool read_bare(bool *out, const char *value, bool meaning)
{
	if (value != NULL)
		return false;
	*out = meaning;
	return true;
}

/* ---------------------------------------------------------------- keelboot.* */

static bool set_enable(struct cmdline *c, const char *value)
{
	return read_bool(&c->enable, value, true);
}

/* A slot, and behind it `rest`. */
static bool read_letter(int *slot, const char *value, const char *rest)
{
	*slot = -1;
	if (value == NULL || value[0] < 'a' || value[0] > 'h' || strcmp(value + 1, rest) != 0)
		return false;
	*slot = value[0] - 'a';
	return true;
}

static bool set_slot(struct cmdline *c, const char *value)
{
	return read_letter(&c->slot, value, "");
}

bool cmdline_read_pair(const char *value, int *slot, enum cmdline_start *start)
{
	static const char *const rest[] = {
		[CMDLINE_START_PLAIN] = "",	      [CMDLINE_START_COUNTED] = ",counted",
		[CMDLINE_START_INSTEAD] = ",instead", [CMDLINE_START_ONCE] = ",once",
		[CMDLINE_START_UNSAVED] = ",unsaved",
	};

	for (unsigned i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		*start = (enum cmdline_start)i;
		if (read_letter(slot, value, rest[i]))
			return true;
	}
	*start = CMDLINE_START_PLAIN;
	return false;
}

static bool set_pair(struct cmdline *c, const char *value)
{
	return cmdline_read_pair(value, &c->pair, &c->start);
}

/* One name of keelboot.sources=; 0 if there is no such source. */
static unsigned source_bit(const char *name, size_t len)
{
	static const struct {
		const char *name;
		unsigned bit;
	} sources[] = {
		{ "data", CMDLINE_SOURCE_DATA }, { "usb", CMDLINE_SOURCE_USB },
		{ "sd", CMDLINE_SOURCE_SD },	 { "raw", CMDLINE_SOURCE_RAW },
		{ "all", CMDLINE_SOURCE_ALL },
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strlen(sources[i].name) == len && memcmp(sources[i].name, name, len) == 0)
			return sources[i].bit;
	return 0;
}

static bool set_sources(struct cmdline *c, const char *value)
{
	unsigned bits = 0;

	c->sources = CMDLINE_SOURCE_ALL;
	if (value == NULL)
		return false;
	if (strcmp(value, "none") == 0) {
		c->sources = CMDLINE_SOURCE_NONE;
		return true;
	}
	for (;;) {
		size_t len = strcspn(value, ",");
		unsigned bit = source_bit(value, len);

		if (bit == 0)
			return false;
		bits |= bit;
		if (value[len] == '\0')
			break;
		value += len + 1;
	}
	c->sources = bits;
	return true;
}

static bool set_timeout(struct cmdline *c, const char *value)
{
	return read_number(&c->timeout_s, value, 1, TIMEOUT_MAX);
}

static bool set_watchdog(struct cmdline *c, const char *value)
{
	static const char dev[] = "/dev/";
	const char *comma;
	size_t len;

	c->watchdog[0] = '\0';
	c->watchdog_timeout_s = 0;
	if (value == NULL)
		return false;
	if (strcmp(value, "off") == 0) {
		memcpy(c->watchdog, value, sizeof("off"));
		return true;
	}
	comma = strchr(value, ',');
	len = comma == NULL ? strlen(value) : (size_t)(comma - value);
	if (strncmp(value, dev, sizeof(dev) - 1) != 0 || len < sizeof(dev) ||
	    len > CMDLINE_PATH_MAX)
		return false;
	if (comma != NULL &&
	    !read_number(&c->watchdog_timeout_s, comma + 1, 1, WATCHDOG_TIMEOUT_MAX))
		return false;
	memcpy(c->watchdog, value, len);
	c->watchdog[len] = '\0';
	return true;
}

static bool set_log(struct cmdline *c, const char *value)
{
	static const char *const words[] = {
		[CMDLINE_LOG_INFO] = "info",
		[CMDLINE_LOG_DEBUG] = "debug",
		[CMDLINE_LOG_QUIET] = "quiet",
	};

	c->log = CMDLINE_LOG_INFO;
	c->has_log = false;
	for (unsigned i = 0; value != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i]) == 0) {
			c->log = (enum cmdline_log)i;
			c->has_log = true;
			return true;
		}
	}
	return false;
}

static bool set_token(char dst[CMDLINE_TOKEN_MAX + 1], const char *value)
{
	dst[0] = '\0';
	if (value == NULL || *value == '\0' || strlen(value) > CMDLINE_TOKEN_MAX)
		return false;
	memcpy(dst, value, strlen(value) + 1);
	return true;
}

static bool set_reset_data(struct cmdline *c, const char *value)
{
	return set_token(c->reset_data, value);
}

static bool set_loader(struct cmdline *c, const char *value)
{
	return set_token(c->loader, value);
}

/* The words that barebox puts into a device tree. */
static bool set_reset(struct cmdline *c, const char *value)
{
	static const char *const words[] = { "POR",  "RST",   "WDG", "WKE",
					     "JTAG", "THERM", "EXT", "BROWNOUT" };

	c->reset[0] = '\0';
	for (unsigned i = 0; value != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i]) == 0) {
			memcpy(c->reset, value, strlen(value) + 1);
			return true;
		}
	}
	return value != NULL && strcmp(value, "unknown") == 0;
}

static bool is_marks(const char *value)
{
	while (strspn(value, "0123456789abcdef") == CMDLINE_MARK_LEN) {
		value += CMDLINE_MARK_LEN;
		if (*value == '\0')
			return true;
		if (*value++ != ',')
			return false;
	}
	return false;
}

static bool set_base_keys(struct cmdline *c, const char *value)
{
	c->base_keys[0] = '\0';
	if (value == NULL || strlen(value) > CMDLINE_MARKS_MAX ||
	    (strcmp(value, "none") != 0 && !is_marks(value)))
		return false;
	memcpy(c->base_keys, value, strlen(value) + 1);
	return true;
}

static bool set_shell(struct cmdline *c, const char *value)
{
	return read_bool(&c->shell, value, false);
}

/* ---------------------------------------------------------------- the kernel's own */

static bool set_root(struct cmdline *c, const char *value)
{
	return read_text(c->root, value);
}

static bool set_rootfstype(struct cmdline *c, const char *value)
{
	return read_text(c->rootfstype, value);
}

static bool set_rootflags(struct cmdline *c, const char *value)
{
	return read_text(c->rootflags, value);
}

static bool set_rootwait(struct cmdline *c, const char *value)
{
	/* Since 6.6 the kernel also takes rootwait=SECONDS; we wait as long as keelboot.timeout=
	 * says. */
	(void)c, (void)value;
	return true;
}

static bool set_ro(struct cmdline *c, const char *value)
{
	return read_bare(&c->rw, value, false);
}

static bool set_rw(struct cmdline *c, const char *value)
{
	return read_bare(&c->rw, value, true);
}

static bool set_init(struct cmdline *c, const char *value)
{
	return read_text(c->init, value);
}

static bool set_panic(struct cmdline *c, const char *value)
{
	bool negative = value != NULL && value[0] == '-';
	uint32_t v;

	c->panic = 0;
	c->has_panic = false;
	if (value == NULL || !read_number(&v, value + (negative ? 1 : 0), 0, INT_MAX))
		return false;
	c->panic = negative ? -(int)v : (int)v;
	c->has_panic = true;
	return true;
}

static bool set_quiet(struct cmdline *c, const char *value)
{
	(void)c;
	(void)value; /* the kernel does not look at one either */
	return true;
}

/* ---------------------------------------------------------------- all of them */

const struct cmdline_key cmdline_keys[] = {
	{ "keelboot.enable", "0|1", "1",
	  "0: no update and no choice of a slot; root= is started as it is, if it mounts; else as with 1.",
	  set_enable },
	{ "keelboot.pair", "SLOT[,counted|,instead|,once|,unsaved]", "",
	  "From what [loader] of system.conf names: the slot whose kernel it started, and how (docs/KERNEL.md).",
	  set_pair },
	{ "keelboot.loader", "TEXT", "",
	  "The version of the boot loader, from one that has no device tree to say it in (KERNEL.md).",
	  set_loader },
	{ CMDLINE_BASE_KEYS, "none|LIST of MARKS", "",
	  "From the first kernel, by kexec: which keys it trusts. Only keelboot doctor looks (docs/KERNEL.md).",
	  set_base_keys },
	{ "keelboot.slot", "a|b|c|d|e|f|g|h", "",
	  "Boots this slot, this time only; the boot is not counted and has no guardian.",
	  set_slot },
	{ "keelboot.sources", "none|all|LIST of data,usb,sd,raw", "all",
	  "Where this boot may look for an update; system.conf can only narrow it further.",
	  set_sources },
	{ "keelboot.timeout", "SECONDS (1..3600)", "",
	  "How long to wait for the disk; without it [system] timeout= of system.conf counts.",
	  set_timeout },
	{ "keelboot.watchdog", "off|/dev/NAME|/dev/NAME,SECONDS (1..65535)", "",
	  "The watchdog to arm, and its time; without it [watchdog] of system.conf counts.",
	  set_watchdog },
	{ "keelboot.log", "debug|info|quiet", "info",
	  "What is logged, and seen on each console: quiet decisions, problems, progress; debug every step.",
	  set_log },
	{ "keelboot.reset", "POR|BROWNOUT|THERM|WDG|RST|EXT|WKE|JTAG|unknown", "",
	  "The cause of the last reset, from a boot loader that knows it and has no device tree (STATE.md).",
	  set_reset },
	{ "keelboot.reset-data", "TEXT", "",
	  "Makes the data partition anew, as keelboot reset-data does, once for each text: the line may stay.",
	  set_reset_data },
	{ "keelboot.shell", "0|1", "0",
	  "1: a shell on the console where nothing boots, if keelboot image build --debug-shell made the image.",
	  set_shell },
	{ "root", "DEVICE", "",
	  "What to mount with keelboot.enable=0 (on USB: if usb-disk=yes); else the slot decides.",
	  set_root },
	{ "rootfstype", "NAME", "", "File system of the root; by default, the prober finds it.",
	  set_rootfstype },
	{ "rootflags", "OPTIONS", "", "Mount options of the root, instead of system.conf's.",
	  set_rootflags },
	{ "rootwait", "", "", "Known, and without effect: devices are always waited for.",
	  set_rootwait },
	{ "ro", "", "ro", "Mounts the root read-only.", set_ro },
	{ "rw", "", "ro",
	  "With keelboot.enable=0, mounts root= read-write; the last counts. Slots stay read-only.",
	  set_rw },
	{ "init", "PATH", "", "Program to start from the root, instead of system.conf's.",
	  set_init },
	{ "panic", "SECONDS", "",
	  "Time from a panic of the kernel to its reboot: 0 never, below 0 at once.", set_panic },
	{ "quiet", "", "",
	  "The kernel's: its own messages leave the consoles; what Keelboot decides stays there.",
	  set_quiet },
	{ NULL, NULL, NULL, NULL, NULL },
};
