/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/kept_lvm.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define SNAPSHOT "keelboot-kept"
#define MOUNT	 "/run/keelboot/kept"
#define LIMIT_MS 60000u
#define STEP_MS	 100u
#define SAID_MAX 512
#define ARGS_MAX 12

static const char *program(void)
{
	static const char *const paths[] = { "/sbin/lvm", "/usr/sbin/lvm" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(paths); i++)
		if (os_executable(paths[i]))
			return paths[i];
	return NULL;
}

/* ---------------------------------------------------------------- lvm */

static void take_said(int fd, char said[SAID_MAX], size_t *len)
{
	char buf[128];
	size_t got;

	while (os_read(fd, buf, sizeof(buf), &got) == KB_OK && got > 0) {
		size_t room = SAID_MAX - 1 - *len, n = got < room ? got : room;

		memcpy(said + *len, buf, n);
		*len += n;
		said[*len] = '\0';
	}
}

/* To its end, or to the end of its time. */
static bool follow(struct tree_job *job, pid_t pid, int fd, char said[SAID_MAX])
{
	uint64_t end = os_now_ms() + LIMIT_MS;
	int status = 1;
	size_t len = 0;
	bool ready;

	while (os_now_ms() < end) {
		enum kb_err err;

		tree_job_progress(job);
		(void)!os_poll(&fd, &ready, 1, STEP_MS);
		take_said(fd, said, &len);
		err = os_wait(pid, STEP_MS, &status);
		if (err == KB_ETIMEDOUT)
			continue;
		take_said(fd, said, &len);
		return err == KB_OK && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	(void)!os_kill(pid);
	snprintf(said, SAID_MAX, "no end after %u s", LIMIT_MS / 1000);
	return false;
}

/* "lvs -o x NAME"; said: what it printed, on both of its outputs. */
static bool run_lvm(struct tree_job *job, const char *const *args, char said[SAID_MAX])
{
	const char *argv[ARGS_MAX + 2] = { "lvm" };
	struct os_spawn sp = { .path = program(), .argv = argv, .capture = true };
	int fds[2];
	bool done = false;
	pid_t pid;

	snprintf(said, SAID_MAX, "it cannot be started");
	for (unsigned i = 0; i < ARGS_MAX && args[i] != NULL; i++)
		argv[i + 1] = args[i];
	if (sp.path == NULL || os_pipe(fds) != KB_OK)
		return false;
	sp.fd3 = fds[1];
	if (os_spawn(&sp, &pid) == KB_OK) {
		os_close(&fds[1]);
		said[0] = '\0';
		done = follow(job, pid, fds[0], said);
	}
	os_close(&fds[1]);
	os_close(&fds[0]);
	return done;
}

static enum kb_err lvm_failed(struct tree_job *job, const char *name, const char *what,
			      const char *said)
{
	size_t blank = strspn(said, " \t\n"), len = strcspn(said + blank, "\n");

	if (job->why[0] == '\0')
		snprintf(job->why, sizeof(job->why), "%.60s: lvm cannot %s: %.*s", name, what,
			 len < 70 ? (int)len : 70, said + blank);
	return KB_EIO;
}

/* ---------------------------------------------------------------- names */

/* "/dev/dm-3" has another name for lvm: "/dev/mapper/group-volume". */
static void mapped_path(const char *dev, char path[KEPT_LVM_NAME])
{
	char file[96], name[128];
	const char *last = strrchr(dev, '/');

	snprintf(path, KEPT_LVM_NAME, "%s", dev);
	if (last == NULL || strncmp(last, "/dm-", 4) != 0)
		return;
	snprintf(file, sizeof(file), "/sys/class/block/%.40s/dm/name", last + 1);
	if (os_read_file(file, name, sizeof(name), NULL) != KB_OK)
		return;
	name[strcspn(name, "\n")] = '\0';
	snprintf(path, KEPT_LVM_NAME, "/dev/mapper/%s", name);
}

static bool is_name(const char *name, size_t len)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+";

	return len > 0 && len < 100 && name[0] != '-' && strspn(name, ok) >= len;
}

bool kept_lvm_is_name(const char *name)
{
	size_t group = strcspn(name, "/");

	return is_name(name, group) && strcmp(name + group, "/" SNAPSHOT) == 0;
}

enum kb_err kept_lvm_find(struct tree_job *job, kept_lvm_name name)
{
	char path[KEPT_LVM_NAME], said[SAID_MAX];
	const char *const args[] = { "lvs", "--noheadings", "-o", "vg_name", path, NULL };
	const char *group;
	size_t len;

	if (job->dev == NULL || program() == NULL)
		return KB_EINVAL;
	mapped_path(job->dev, path);
	if (!run_lvm(job, args, said))
		return KB_EINVAL;
	group = said + strspn(said, " \t");
	len = strcspn(group, " \t\n");
	if (!is_name(group, len))
		return KB_EINVAL;
	snprintf(name, KEPT_LVM_NAME, "%.*s/" SNAPSHOT, (int)len, group);
	return KB_OK;
}

/* ---------------------------------------------------------------- the snapshot */

static bool has_word(const char *said, const char *word)
{
	const char *found = said;
	size_t len = strlen(word);

	while ((found = strstr(found, word)) != NULL) {
		if ((found == said || strchr(" \t\n", found[-1]) != NULL) &&
		    strchr(" \t\n", found[len]) != NULL)
			return true;
		found += len;
	}
	return false;
}

/* It asks for the group: lvm succeeds too where it sees no volume at all. Warnings may stand around
 * the name, and cut it off. */
enum kb_err kept_lvm_exists(struct tree_job *job, const char *name)
{
	char group[KEPT_LVM_NAME], said[SAID_MAX];
	const char *const args[] = { "lvs", "--noheadings",	 "-o",	"lv_name",
				     "-S",  "lv_name=" SNAPSHOT, group, NULL };
	bool done;

	snprintf(group, sizeof(group), "%.*s", (int)strcspn(name, "/"), name);
	done = run_lvm(job, args, said);
	if (has_word(said, SNAPSHOT))
		return KB_OK;
	if (done && strlen(said) < SAID_MAX - 1)
		return KB_ENOENT;
	return lvm_failed(job, name, "tell whether it is there", said);
}

enum kb_err kept_lvm_remove(struct tree_job *job, const char *name)
{
	const char *const args[] = { "lvremove", "-f", name, NULL };
	char said[SAID_MAX];

	enum kb_err err = kept_lvm_exists(job, name);

	if (err == KB_ENOENT || (err == KB_OK && run_lvm(job, args, said)))
		return KB_OK;
	return err != KB_OK ? err : lvm_failed(job, name, "remove it", said);
}

enum kb_err kept_lvm_make(struct tree_job *job, const char *name, unsigned thick_mib)
{
	char path[KEPT_LVM_NAME], size[16], said[SAID_MAX];
	const char *const thin[] = { "lvcreate", "-s", "-kn", "-n", SNAPSHOT, path, NULL };
	const char *const thick[] = { "lvcreate", "-s", "-L", size, "-n", SNAPSHOT, path, NULL };

	TRY(kept_lvm_remove(job, name));
	mapped_path(job->dev, path);
	snprintf(size, sizeof(size), "%um", thick_mib);
	if (run_lvm(job, thin, said) || (thick_mib > 0 && run_lvm(job, thick, said)))
		return KB_OK;
	return lvm_failed(job, name, "make it", said);
}

enum kb_err kept_lvm_open(struct tree_job *job, const char *name, const char *fstype, int *top)
{
	const char *const args[] = { "lvchange", "-ay", "-y", "-K", name, NULL };
	/* It has the original's UUID, which XFS takes once. */
	const char *options = strcmp(fstype, "xfs") == 0 ? "nouuid" : NULL;
	char said[SAID_MAX], path[KEPT_LVM_NAME + 8];
	enum kb_err err;

	if (!run_lvm(job, args, said))
		return lvm_failed(job, name, "open it", said);
	snprintf(path, sizeof(path), "/dev/%s", name);
	err = os_mkdir(MOUNT, 0700);
	if (err == KB_OK)
		err = os_mount(path, MOUNT, fstype, MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC,
			       options);
	if (err == KB_OK)
		err = os_file_folder(MOUNT, top);
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, name, "cannot be mounted");
}

void kept_lvm_close(struct tree_job *job, const char *name, int *top)
{
	const char *const args[] = { "lvchange", "-an", name, NULL };
	char said[SAID_MAX];

	util_close(top);
	if (os_umount(MOUNT) != KB_OK)
		log_warn("data: " MOUNT " cannot be unmounted: %m");
	else if (!run_lvm(job, args, said))
		log_info("data: %s stays open", name);
}
