/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/monitor.h"

#include "fleet/clock.h"
#include "fleet/monitor_call.h"
#include "fleet/permit.h"

#include "channel/strict.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_command.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "channel/staged_note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN	 64
#define CHANGE_TIMEOUT_S 120

/* ---------------------------------------------------------------- the bundle */

/* Of a reason, not where the file was. */
static void drop_path(struct monitor_result *r, const char *path)
{
	size_t len = strlen(path);

	if (strncmp(r->why, path, len) == 0 && strncmp(r->why + len, ": ", 2) == 0)
		memmove(r->why, r->why + len + 2, strlen(r->why + len + 2) + 1);
}

/* By a path that each process of root has. */
static void name_open_file(char path[PATH_LEN], int fd)
{
	snprintf(path, PATH_LEN, "/proc/%ld/fd/%d", (long)getpid(), fd);
}

/* The folder is of the process without rights, which may put a link in the place of its bundle: the
 * file is opened once, no link is followed, and a device or a pipe is not opened at all. */
static bool open_bundle(const struct monitor *m, int *fd, char path[PATH_LEN],
			struct monitor_result *r)
{
	KB_CLEANUP_FD int dir = -1;
	enum kb_err err = os_file_folder(m->folder.path, &dir);

	if (err == KB_OK)
		err = os_file_open(dir, FOLDER_BUNDLE, fd);
	if (err == KB_OK) {
		name_open_file(path, *fd);
		return true;
	}
	r->code = 1;
	snprintf(r->why, sizeof(r->why), "the bundle that was fetched cannot be opened: %s",
		 err == KB_EINVAL ? "it is no file" : err_text(err));
	return false;
}

static void inspect(struct monitor *m, struct monitor_result *r, json_object **document)
{
	char number[16], path[PATH_LEN];
	const char *const words[] = { "bundle", "inspect", "--json",
				      "--keys", m->keys,   "--signatures-required",
				      number,	path,	   NULL };
	KB_CLEANUP_FD int fd = -1;

	if (!open_bundle(m, &fd, path, r))
		return;
	snprintf(number, sizeof(number), "%u", m->conf->signatures_required);
	monitor_call_inspect(m, words, r, document);
	drop_path(r, path);
}

static void inspect_channel(struct monitor *m, struct monitor_result *r, json_object **document,
			    int fd)
{
	char number[16], path[PATH_LEN];
	const char *const words[] = { "channel", "inspect", "--json",
				      "--keys",	 m->keys,   "--signatures-required",
				      number,	 path,	    NULL };
	struct stat st;

	snprintf(r->why, sizeof(r->why), "no file");
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	snprintf(number, sizeof(number), "%u", m->conf->signatures_required);
	name_open_file(path, fd);
	monitor_call_inspect(m, words, r, document);
	drop_path(r, path);
}

/* ---------------------------------------------------------------- what is staged */

/* This of what is staged now; "": nothing is, or it does not say. false: nobody knows, see r. */
static bool read_staged(struct monitor *m, const char *key, char *text, size_t size,
			struct monitor_result *r)
{
	static const char *const status[] = { "status", "--json", NULL };
	json_object *document = NULL, *staged;
	bool known;

	monitor_call(m, status, MONITOR_ASK_S, r, &document);
	known = document != NULL;
	if (strict_object(document, "staged", &staged) != KB_OK ||
	    strict_text(staged, key, text, size) != KB_OK)
		text[0] = '\0';
	json_object_put(document);
	if (!known)
		r->code = 1;
	return known;
}

static bool is_of_others(struct monitor *m, const char *staged)
{
	return staged[0] != '\0' && !staged_note_has(m->conf->data_mount, staged);
}

/* What is staged gets a member "fleet": a server may have it unstaged and replaced. */
static void ask_status(struct monitor *m, struct monitor_result *r, json_object **document)
{
	static const char *const status[] = { "status", "--json", NULL };
	char release[ACTION_RELEASE_LEN + 1];
	json_object *said = NULL, *staged;

	monitor_call(m, status, MONITOR_ASK_S, r, &said);
	*document = said;
	if (strict_object(said, "staged", &staged) != KB_OK)
		return;
	(void)!strict_text(staged, "release", release, sizeof(release));
	json_object_object_add(staged, "fleet", json_object_new_boolean(!is_of_others(m, release)));
}

/* What a person stages meanwhile stays: the command looks again. */
static void stage(struct monitor *m, struct monitor_result *r, json_object **document)
{
	char staged[ACTION_RELEASE_LEN + 1], path[PATH_LEN];
	const char *const words[] = { "stage", "--by-fleet", "--progress=json", path, NULL };
	KB_CLEANUP_FD int fd = -1;

	if (!read_staged(m, "release", staged, sizeof(staged), r))
		return;
	if (is_of_others(m, staged)) {
		*r = (struct monitor_result){ .code = 1, .why = "what others staged goes before" };
	} else if (open_bundle(m, &fd, path, r)) {
		monitor_call_long(m, words, fd, r, document);
		drop_path(r, path);
	}
}

/* Whether it stays since others staged it. */
static bool stays(struct monitor *m)
{
	char staged[ACTION_RELEASE_LEN + 1];
	struct monitor_result r;

	return read_staged(m, "release", staged, sizeof(staged), &r) && is_of_others(m, staged);
}

static void unstage_ours(struct monitor *m, struct monitor_result *r)
{
	static const char *const words[] = { "unstage", "--by-fleet", NULL };

	monitor_call(m, words, CHANGE_TIMEOUT_S, r, NULL);
	if (r->code != 1 || !stays(m))
		return;
	*r = (struct monitor_result){ .code = MONITOR_OTHERS, .why = "others staged it" };
	log_warn("what is staged stays: it was not staged by keelboot-fleet");
}

/* Slots are read for ranges; of a slot, a file may be that is as long as the bundle's. */
static void look_at_bundle(struct monitor *m, const char *what, struct monitor_result *r,
			   json_object **document)
{
	char path[PATH_LEN];
	const char *const words[] = { "stage", what, path, NULL };
	KB_CLEANUP_FD int fd = -1;

	if (!open_bundle(m, &fd, path, r))
		return;
	monitor_call_long(m, words, fd, r, document);
	drop_path(r, path);
}

/* ---------------------------------------------------------------- the machine */

static void permit(const struct monitor *m, const struct monitor_order *order,
		   struct monitor_result *r)
{
	r->code = permit_reboot(m->conf, order->flag, order->version, (time_t)clock_time(), r->why)
			  ? 1
			  : 0;
}

static bool is_install_next(struct monitor *m)
{
	struct monitor_result r;
	char next[16];

	return read_staged(m, "next", next, sizeof(next), &r) && strcmp(next, "install") == 0;
}

/* Whoever asks, the window and the files of the policy hold; and what a signature is good for is
 * all that a reboot can bring. */
static void reboot_machine(struct monitor *m, struct monitor_result *r)
{
	static const char *const argv[] = { "reboot", NULL };

	snprintf(r->why, sizeof(r->why), "reboot=no");
	if (!m->conf->fleet_reboot ||
	    !permit_reboot(m->conf, true, "", (time_t)clock_time(), r->why))
		return;
	snprintf(r->why, sizeof(r->why), "the next boot installs nothing");
	if (!is_install_next(m))
		return;
	if (os_command_become("reboot", argv) != KB_OK)
		snprintf(r->why, sizeof(r->why), "\"reboot\" cannot be started: %s",
			 strerror(errno));
}

static void cannot_note(const struct monitor *m, struct monitor_result *r)
{
	snprintf(r->why, sizeof(r->why), "%s: nothing can be noted there: %s", m->run_dir,
		 strerror(errno));
}

static void keep_wait(const struct monitor *m, const struct monitor_order *order,
		      struct monitor_result *r)
{
	r->code = (int)wait_note_write(m->run_dir, &order->wait);
	if (r->code != KB_OK)
		cannot_note(m, r);
}

static void keep_contact(const struct monitor *m, const struct monitor_order *order,
			 struct monitor_result *r)
{
	r->code = (int)last_contact_add(m->run_dir, order->reached, order->why);
	if (r->code != KB_OK)
		cannot_note(m, r);
}

static void read_attributes_file(const struct monitor *m, struct monitor_result *r,
				 json_object **document)
{
	char text[MONITOR_ATTRIBUTES_MAX + 1];

	if (os_read_file(m->conf->fleet_attributes_file, text, sizeof(text), NULL) != KB_OK) {
		snprintf(r->why, sizeof(r->why), "%s", strerror(errno));
		return;
	}
	/* One is as good as the other between two attributes. */
	for (char *at = text; *at != '\0'; at++)
		*at = *at == '\n' || *at == '\t' || *at == '\r' ? ' ' : *at;
	*document = json_object_new_object();
	json_object_object_add(*document, "text", json_object_new_string(text));
	r->code = 0;
}

/* ---------------------------------------------------------------- orders */

static void give_folder(struct monitor *m, const struct monitor_order *order,
			struct monitor_result *r, int *fd)
{
	r->code = (int)folder_open(fd, m->conf->data_mount, order->flag, m->user, m->group, r->why,
				   sizeof(r->why));
}

void monitor_work(struct monitor *m, const struct monitor_order *order, struct monitor_result *r,
		  json_object **document, int *fd)
{
	static const char *const why[] = { "why", "--json", NULL };
	static const char *const history[] = { "history", "-n", "50", "--json", NULL };

	*r = (struct monitor_result){ .code = -1 };
	switch (order->work) {
	case MONITOR_STATUS:
		ask_status(m, r, document);
		break;
	case MONITOR_WHY:
		monitor_call(m, why, MONITOR_ASK_S, r, document);
		break;
	case MONITOR_HISTORY:
		monitor_call(m, history, MONITOR_ASK_S, r, document);
		break;
	case MONITOR_INSPECT:
		inspect(m, r, document);
		break;
	case MONITOR_STAGE:
		stage(m, r, document);
		break;
	case MONITOR_RANGES:
		look_at_bundle(m, "--ranges", r, document);
		break;
	case MONITOR_INDEX:
		look_at_bundle(m, "--index", r, document);
		break;
	case MONITOR_CHANNEL:
		inspect_channel(m, r, document, *fd);
		break;
	case MONITOR_ATTRIBUTES:
		read_attributes_file(m, r, document);
		break;
	case MONITOR_UNSTAGE:
		unstage_ours(m, r);
		break;
	case MONITOR_FOLDER:
		give_folder(m, order, r, fd);
		break;
	case MONITOR_PERMIT:
		permit(m, order, r);
		break;
	case MONITOR_CONFIRM:
		r->code = (int)permit_confirm(m->conf, order->name, r->why);
		break;
	case MONITOR_WAIT:
		keep_wait(m, order, r);
		break;
	case MONITOR_CONTACT:
		keep_contact(m, order, r);
		break;
	case MONITOR_REBOOT:
		reboot_machine(m, r);
		break;
	case MONITOR_WORKS:
		break;
	}
}
