/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/settings.h"

#include "initramfs/disks/sources.h"
#include "lib/bootlog.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

/* Without keelboot.log= the kernel's own level says whether the consoles have more than decisions.
 */
static void set_log(const struct cmdline *cmd)
{
	static const enum log_level levels[] = {
		[CMDLINE_LOG_INFO] = LOG_LEVEL_INFO,
		[CMDLINE_LOG_DEBUG] = LOG_LEVEL_DEBUG,
		[CMDLINE_LOG_QUIET] = LOG_LEVEL_NOTICE,
	};

	bootlog_set(levels[cmd->log], cmd->has_log ? levels[cmd->log] : LOG_LEVEL_NOTICE);
}

/* A mainframe heeds no panic=: an action of its own comes first, which is to stop until somebody
 * chose another. */
static void restart_a_mainframe(void)
{
	static const char action[] = "/sys/firmware/shutdown_actions/on_panic";
	char text[32];
	enum kb_err err;

	if (os_read_file(action, text, sizeof(text), NULL) != KB_OK ||
	    strncmp(text, "stop", 4) != 0)
		return;
	err = os_write_file(action, "reipl", 5);
	if (err != KB_OK)
		log_warn("unable to set %s: %s; a panic may hang the device", action,
			 err_text(err));
}

/* A panic, which is also what the end of process 1 makes, has to restart the device; panic=0 says
 * otherwise. */
static void set_panic(const struct boot *b)
{
	enum kb_err err = KB_OK;

	if (b->cmd.has_panic && b->cmd.panic == 0) {
		log_warn("panic=0: a kernel panic will hang until the watchdog fires");
		return;
	}
	if (!b->cmd.has_panic)
		err = os_write_file("/proc/sys/kernel/panic", "10", 2);
	restart_a_mainframe();
	if (err != KB_OK)
		log_warn("unable to set kernel.panic: %s; a panic may hang the device",
			 err_text(err));
}

/* Without the newline that the kernel puts behind it: within an open quote that would belong to the
 * last word. */
static void load_command_line(struct boot *b)
{
	size_t len;
	enum kb_err err = os_read_file("/proc/cmdline", b->cmdline, sizeof(b->cmdline), &len);

	b->cmdline_unread = err != KB_OK;
	if (err != KB_OK)
		log_warn("unable to read /proc/cmdline: %s; the defaults are used", err_text(err));
	else if (len > 0 && b->cmdline[len - 1] == '\n')
		b->cmdline[len - 1] = '\0';
}

/* False: keelboot.enable=0 does not count, for it would start what nobody checks. */
static bool heed_enable(struct boot *b)
{
	bool heeded = b->cmd.enable || b->conf.verify_slot != CONF_VERIFY_ALWAYS;

	b->cmd.enable = b->cmd.enable || !heeded;
	return heeded;
}

/* Once more, for the keys that system.conf lets count. */
static void heed_command_line(struct boot *b)
{
	static char *argv[] = { (char *)"init", NULL };
	static char *envp[] = { (char *)"HOME=/", (char *)"TERM=linux", NULL };

	cmdline_parse_heeded(&b->cmd, b->cmdline, b->conf.command_line);
	/* The kernel gives words that it does not know to init: as arguments, or as its
	 * environment. */
	if (strcmp(b->conf.command_line, "all") != 0) {
		b->argv = argv;
		b->envp = envp;
	}
	set_log(&b->cmd);
	if (!heed_enable(b))
		log_warn("keelboot.enable=0: ignored with [system] verify-slot=always");
	for (unsigned i = 0; i < b->cmd.nwarnings; i++)
		log_warn("%s", b->cmd.warning[i]);
}

/* Nothing depends on it: apply reads the keys that it trusts itself. */
static void look_at_keys(struct boot *b)
{
	const struct keyring_survey_key *key;

	keyring_survey_read(&b->keys, b->conf.keyring);
	key = keyring_survey_published(&b->keys);
	if (key != NULL)
		log_err("INSECURE: %s: its key %s is %s, which is published",
			keyring_pem_published_means(b->conf.signatures_required), key->name,
			key->published);
	if (b->keys.wrong[0] != '\0')
		log_warn("keyring: %s is not " KEYRING_PEM_WANTED
			 ": %s; replace it, and make the initramfs anew",
			 b->keys.wrong,
			 b->keys.ntrusted == 0 ? "no update is installed"
					       : "what that key signed is not installed");
}

/* What both can say, the command line says last. */
static void merge_command_line(struct boot *b)
{
	struct cmdline *cmd = &b->cmd;
	struct conf *conf = &b->conf;

	cmdline_cut(b->cmdline); /* parsed, with a warning; others look for words of theirs */
	if (cmd->timeout_s != 0)
		conf->timeout_s = cmd->timeout_s;
	if (cmd->watchdog[0] != '\0')
		snprintf(conf->watchdog, sizeof(conf->watchdog), "%s", cmd->watchdog);
	if (cmd->watchdog_timeout_s != 0)
		conf->watchdog_timeout_s = cmd->watchdog_timeout_s;
	b->sources = sources_allowed(conf, cmd->sources);
	b->root = root_settings(conf, cmd);
	b->root.mounted = &b->mounted;
}

bool settings_is_forced(const struct boot *b)
{
	return b->cmd.slot >= 0 && b->cmd.slot < (int)b->conf.nslots;
}

static void say_nothing(void *ctx, const char *file, int line, const char *text)
{
	(void)ctx, (void)file, (void)line, (void)text;
}

void settings_peek(struct boot *b)
{
	bootlog_open();
	load_command_line(b);
	conf_load(&b->conf, "", &b->configured, say_nothing, NULL);
	cmdline_parse_heeded(&b->cmd, b->cmdline, b->conf.command_line);
	set_log(&b->cmd);
	heed_enable(b); /* settings_read() says so */
	merge_command_line(b);
}

void settings_read(struct boot *b)
{
	bootlog_open();
	load_command_line(b);
	/* Only for the log, which reading system.conf needs; heed_command_line() is what counts. */
	cmdline_parse(&b->cmd, b->cmdline);
	set_log(&b->cmd);
	log_info("Keelboot " KB_VERSION);
	conf_load(&b->conf, "", &b->configured, NULL, NULL);
	if (!b->configured)
		log_warn("no system.conf in the initramfs; the defaults are used");
	look_at_keys(b);
	heed_command_line(b);
	merge_command_line(b);
	set_panic(b);
	shell_look(b);
}
