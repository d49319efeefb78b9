/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/unlock.h"

#include "initramfs/select/missing.h"
#include "initramfs/settings.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <string.h>

#define LOOK_EVERY_MS 100
#define FEED_EVERY    10 /* looks */
#define END_MS	      3000

/* ---------------------------------------------------------------- whether, and how long */

/* It begins there, and a key that ends with = has a value. */
static bool is_word_at(const char *line, const char *at, const char *word)
{
	size_t len = strlen(word);
	bool wants_value = word[len - 1] == '=';

	return (at == line || at[-1] == ' ') &&
	       !(wants_value && (at[len] == '\0' || at[len] == ' ' || at[len] == '\n'));
}

/* Of the command line: containers of the distribution, or a network in the initramfs. */
static bool asks_by_command_line(const char *line)
{
	static const char *const words[] = { "cryptdevice=", "cryptopts=",  "rd.luks.",
					     "ip=",	     "rd.neednet=", "netroot=",
					     "nfsroot=",     "boot=nfs",    "root=/dev/nfs" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(words); i++) {
		const char *at = strstr(line, words[i]);

		while (at != NULL && !is_word_at(line, at, words[i]))
			at = strstr(at + 1, words[i]);
		if (at != NULL)
			return true;
	}
	return false;
}

/* On the clock of all processes, which begins with the kernel; 0: nobody is asked. */
static uint64_t end_ms(const struct boot *b)
{
	if (!os_exists(UNLOCK_FILE) && !asks_by_command_line(b->cmdline))
		return 0;
	return b->conf.unlock_timeout_s * UINT64_C(1000);
}

/* ---------------------------------------------------------------- between the calls */

void unlock_begin(void)
{
	uint64_t end = os_now_ms() + END_MS;

	if (!os_exists(UNLOCK_FEEDS_FILE))
		return;
	if (os_write_file(UNLOCK_STOP_FILE, "", 0) != KB_OK)
		log_warn("unable to write " UNLOCK_STOP_FILE ": %m");
	while (os_exists(UNLOCK_FEEDS_FILE) && os_now_ms() < end)
		os_sleep_ms(LOOK_EVERY_MS / 5);
	if (os_exists(UNLOCK_FEEDS_FILE)) {
		/* The sign stays: it must not go on whenever it looks again. */
		log_warn("watchdog: the process that feeds it does not end");
		return;
	}
	if (os_unlink(UNLOCK_STOP_FILE) != KB_OK)
		log_warn("unable to remove " UNLOCK_STOP_FILE ": %m");
}

static enum kb_err start_feeder(void)
{
	static const char *const argv[] = { "keelboot-select", "feed", NULL };
	enum kb_err err = os_mkdir(EXPORT_DIR, 0755);
	pid_t pid;

	if (err == KB_OK && os_exists(UNLOCK_STOP_FILE)) /* of one that did not end */
		err = os_unlink(UNLOCK_STOP_FILE);
	if (err == KB_OK)
		err = os_write_file(UNLOCK_FEEDS_FILE, "", 0);
	if (err == KB_OK)
		err = os_detach(UNLOCK_PROGRAM, argv, NULL, 0, &pid);
	return err;
}

void unlock_leave(struct boot *b)
{
	bool feeds = b->wdt.armed && !b->wdt.kept && os_now_ms() < end_ms(b);

	wdt_leave(&b->wdt);
	if (!feeds || start_feeder() == KB_OK)
		return;
	log_warn("watchdog: unable to start what feeds it while a passphrase is typed: %m");
	if (os_unlink(UNLOCK_FEEDS_FILE) != KB_OK)
		log_debug("no " UNLOCK_FEEDS_FILE ": %m");
}

void unlock_feed(struct boot *b)
{
	uint64_t end;

	settings_peek(b);
	end = end_ms(b);
	watchdog_arm(b);
	for (unsigned n = 0; os_now_ms() < end && !os_exists(UNLOCK_STOP_FILE); n++) {
		if (n % FEED_EVERY == 0)
			watchdog_feed(b);
		os_sleep_ms(LOOK_EVERY_MS);
	}
	if (!os_exists(UNLOCK_STOP_FILE))
		log_err("watchdog: [initramfs] unlock-timeout=%u has passed: a restart follows in %u s",
			b->conf.unlock_timeout_s, wdt_timeout_s(&b->wdt));
	wdt_leave(&b->wdt);
	if (os_unlink(UNLOCK_FEEDS_FILE) != KB_OK)
		log_warn("unable to remove " UNLOCK_FEEDS_FILE ": %m");
}

/* ---------------------------------------------------------------- within "choose" */

void unlock_await(struct boot *b)
{
	struct missing m = missing_count(b);
	uint64_t end = end_ms(b), grace = os_now_ms() + b->conf.timeout_s * UINT64_C(1000);

	if (m.n == 0 || end == 0)
		return;
	log_info("waiting for %u of %u volumes and containers to be opened", m.n, m.all);
	while (m.n > 0 && os_now_ms() < end && (!m.has_slot || os_now_ms() < grace)) {
		unsigned last = m.n;

		watchdog_feed(b);
		os_sleep_ms(2 * LOOK_EVERY_MS);
		m = missing_count(b);
		if (m.n < last)
			grace = os_now_ms() + b->conf.timeout_s * UINT64_C(1000);
	}
}
