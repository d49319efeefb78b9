/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet.h"

#include "fleet/permit.h"
#include "fleet/reload.h"
#include "fleet/split.h"

#include "lib/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUN_DIR "/run/keelboot"

enum { EXIT_LATER = 1, EXIT_USAGE = 3 };

static const char help[] =
	"Usage: keelboot-fleet once|run|status [OPTIONS] [-- KEELBOOT-OPTIONS]\n"
	"\n"
	"Asks a server that speaks hawkBit's Direct Device Integration for updates, or a channel file\n"
	"on any web server, and stages them. What became of a release is reported once it has proved\n"
	"itself here, or fell back.\n"
	"\n"
	"  once     one contact; exit code 4: a reboot installs what is staged\n"
	"  run      contacts until it is stopped\n"
	"  status   how the update stands, or why there is none\n"
	"\n"
	"Options:\n"
	"      --dry-run         of once: ask, and say what would be done\n"
	"      --when-due        of once, for timers: not before the server's interval or Retry-After\n"
	"                        is over, ever more rarely while contacts fail\n"
	"      --now             of run: the first contact at once\n"
	"      --json            of status: for programs\n"
	"      --metrics         of status: what runs here, as text for Prometheus; as root\n"
	"      --conf-root DIR   read system.conf below DIR\n"
	"      --run-dir DIR     what the boot left, and when a timer asks next; default " RUN_DIR
	"\n"
	"      --keelboot FILE   the command, if it is not /usr/bin/keelboot\n"
	"      --version         the version of this program\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit: 0 ok, 1 failure, 2 nothing to show, 3 usage, 4 reboot needed, 7 busy.\n"
	"\n"
	"Example:\n"
	"  keelboot-fleet once --dry-run\n";

struct call {
	const char *verb, *conf_root, *run_dir, *keelboot;
	bool dry_run, when_due, now, json, metrics;
	/* of this program; of keelboot, which ends with NULL */
	char **argv, **options;
};

static struct contact contact; /* large, and one at a time */
static struct conf conf;
static const char *conf_root;

/* The value of an option that has this name: behind '=', or the next word. NULL: it is another one.
 */
static const char *value_of(char ***at, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(**at, name, len) != 0)
		return NULL;
	if ((**at)[len] == '=')
		return **at + len + 1;
	return (**at)[len] == '\0' && (*at)[1] != NULL ? *++*at : NULL;
}

static bool read_flag(struct call *c, const char *word)
{
	bool *flag = strcmp(word, "--dry-run") == 0    ? &c->dry_run
		     : strcmp(word, "--when-due") == 0 ? &c->when_due
		     : strcmp(word, "--now") == 0      ? &c->now
		     : strcmp(word, "--json") == 0     ? &c->json
		     : strcmp(word, "--metrics") == 0  ? &c->metrics
						       : NULL;

	if (flag != NULL)
		*flag = true;
	return flag != NULL;
}

static bool read_word(struct call *c, char ***at)
{
	const char *value;

	if (read_flag(c, **at))
		return true;
	if ((value = value_of(at, "--conf-root")) != NULL)
		c->conf_root = value;
	else if ((value = value_of(at, "--run-dir")) != NULL)
		c->run_dir = value;
	else if ((value = value_of(at, "--keelboot")) != NULL)
		c->keelboot = value;
	else if ((**at)[0] != '-' && c->verb == NULL)
		c->verb = **at;
	else
		return false;
	return true;
}

static bool fits(const struct call *c)
{
	bool once = strcmp(c->verb, "once") == 0, run = strcmp(c->verb, "run") == 0;

	return (once || run || strcmp(c->verb, "status") == 0) &&
	       (once || (!c->dry_run && !c->when_due)) && (run || !c->now) &&
	       (!once && !run ? !c->json || !c->metrics : !c->json && !c->metrics);
}

static bool read_call(struct call *c, char **argv)
{
	static char *none[] = { NULL };

	*c = (struct call){ .conf_root = "", .run_dir = RUN_DIR, .options = none };
	for (char **at = argv; *at != NULL; at++) {
		if (strcmp(*at, "--") == 0) {
			c->options = at + 1;
			break;
		}
		if (!read_word(c, &at)) {
			log_err("%s: not understood; see keelboot-fleet --help", *at);
			return false;
		}
	}
	if (c->verb != NULL && fits(c))
		return true;
	log_err("expected once, run or status, with its own options; see keelboot-fleet --help");
	return false;
}

/* Also for the command, which reads the same configuration and what the same boot left. */
static enum kb_err set_options(struct keelboot *kb, const struct call *c)
{
	const char *words[66] = { NULL };
	size_t n = 0;

	if (c->conf_root[0] != '\0') {
		words[n++] = "--conf-root";
		words[n++] = c->conf_root;
	}
	if (strcmp(c->run_dir, RUN_DIR) != 0) {
		words[n++] = "--run-dir";
		words[n++] = c->run_dir;
	}
	for (size_t i = 0; c->options[i] != NULL; i++) {
		if (n == sizeof(words) / sizeof(words[0]) - 1)
			return KB_EINVAL;
		words[n++] = c->options[i];
	}
	return keelboot_set_options(kb, words) == 0 ? KB_OK : KB_EINVAL;
}

static int make_monitor(const struct call *c)
{
	struct monitor *m = &contact.monitor;

	*m = (struct monitor){ .conf = &conf, .run_dir = c->run_dir, .link = -1 };
	snprintf(m->keys, sizeof(m->keys), "%s%s", c->conf_root, conf.keyring);
	folder_init(&m->folder, conf.data_mount);
	if (keelboot_new(&m->kb) != 0) {
		log_err("no memory");
		return 1;
	}
	if (set_options(m->kb, c) == KB_OK &&
	    (c->keelboot == NULL || keelboot_set_program(m->kb, c->keelboot) == 0))
		return 0;
	log_err("--keelboot: expected an absolute path; and not more than 60 options of keelboot");
	return EXIT_USAGE;
}

/* A user without rights is not to take what it may not read for what is not set. */
static void take_conf_warning(void *ctx, const char *file, int line, const char *text)
{
	bool *unread = ctx;

	if (line > 0) {
		log_warn("%s:%d: %s", file, line, text);
	} else if (access(file, R_OK) != 0 && errno == EACCES) {
		*unread = true;
		log_err("%s: this user may not read it; run as root", file);
	} else {
		log_warn("%s: %s", file, text);
	}
}

static bool can_begin(void)
{
	bool found;

	conf_load(&conf, conf_root, &found, NULL, NULL);
	return client_init(&contact.client, &conf) == KB_OK;
}

/* The processes part after all that only root may read was read, and before anything of the network
 * is. */
static int run_contacts(const struct call *c)
{
	enum kb_err err = client_init(&contact.client, &conf);

	if (err != KB_OK)
		return err == KB_ENOENT ? EXIT_LATER : EXIT_USAGE;
	/* The other process may not be able to read it. */
	if (contact.by_timer)
		contact.wait = wait_note_read(c->run_dir);
	/* Updates go on, and so does the way to a configuration that can be understood. */
	permit_check(&conf);
	if (strcmp(c->verb, "run") == 0 && !reload_watch(c->argv, can_begin)) {
		log_err("SIGHUP cannot be noted: no descriptors");
		return 1;
	}
	if (!split(&contact.monitor))
		return 1;
	if (!http_start()) {
		log_err("no memory");
		return 1;
	}
	if (strcmp(c->verb, "run") == 0)
		fleet_run(&contact, c->now);
	return fleet_once(&contact);
}

static int run_call(const struct call *c)
{
	int code = make_monitor(c);

	contact.conf = &conf;
	contact.dry_run = c->dry_run;
	contact.by_timer = c->when_due;
	if (code != 0)
		return code;
	if (strcmp(c->verb, "status") != 0)
		return run_contacts(c);
	return c->metrics ? fleet_metrics(&contact) : fleet_status(&contact, c->json);
}

int main(int argc, char **argv)
{
	struct call call;
	bool found, unread = false;

	log_to(2, 0);
	log_set_name("keelboot-fleet");
	log_set_level(LOG_LEVEL_WARNING);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("keelboot-fleet " KB_VERSION);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (argc == 0 || !read_call(&call, argv + 1))
		return EXIT_USAGE;
	if (strcmp(call.verb, "run") == 0)
		reload_hold();
	conf_root = call.conf_root;
	conf_load(&conf, conf_root, &found, take_conf_warning, &unread);
	/* Nobody knows where the record is, nor whether there is a server. */
	if (unread && strcmp(call.verb, "status") == 0)
		return EXIT_LATER;
	call.argv = argv;
	return run_call(&call);
}
