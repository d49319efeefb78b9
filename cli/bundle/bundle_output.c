/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_output.h"

#include "cli/output/inputs.h"
#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum kb_err fail_output(const char *path)
{
	enum kb_err err = err_errno(errno);

	if (errno == EEXIST)
		log_err("%s: another process is writing this file; try again, or choose another folder: -o FILE",
			path);
	else if (err == KB_EPERM)
		log_err("%s: %s; run as root, or choose another folder: -o FILE", path,
			strerror(errno));
	else
		log_err("%s: %s", path, strerror(errno));
	return err != KB_OK ? err : KB_EIO;
}

/* The folder of path; "." when it has none. */
static void folder_of(char out[BUNDLE_OUTPUT_PATH], const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		snprintf(out, BUNDLE_OUTPUT_PATH, ".");
	else
		snprintf(out, BUNDLE_OUTPUT_PATH, "%.*s", (int)(slash - path + 1), path);
}

/* Of path.tmp: errno says why it cannot be made. */
static enum kb_err fail_begin(const struct bundle_output *o)
{
	char dir[BUNDLE_OUTPUT_PATH];

	if (errno != ENOENT)
		return fail_output(o->tmp);
	folder_of(dir, o->path);
	log_err("%s: its folder %s is missing; create it, or choose another: -o FILE", o->path,
		dir);
	return KB_ENOENT;
}

/* Another run, or whoever may write to the folder, can have put another file in its place. */
static bool is_open_file(const struct bundle_output *o)
{
	struct stat made, there;

	return fstat(o->fd, &made) == 0 && lstat(o->tmp, &there) == 0 &&
	       made.st_dev == there.st_dev && made.st_ino == there.st_ino;
}

/* ---------------------------------------------------------------- signals */

/* What is not whole yet. */
static const struct bundle_output *volatile pending;

static void on_signal(int sig)
{
	static const char shorter[] =
		"keelboot: a file that is read became shorter, or its medium fails; try again with one that nobody changes\n";
	const struct bundle_output *o = pending;

	if (o != NULL && is_open_file(o))
		unlink(o->tmp);
	if (sig == SIGBUS && write(2, shorter, sizeof(shorter) - 1) > 0)
		_exit(1);
	raise(sig);
}

void bundle_output_heed_signals(void)
{
	static const int signals[] = { SIGBUS, SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGXFSZ };
	struct sigaction is,
		heed = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	for (unsigned i = 0; i < KB_ARRAY_LEN(signals); i++)
		if (sigaction(signals[i], NULL, &is) == 0 && is.sa_handler == SIG_DFL)
			sigaction(signals[i], &heed, NULL);
}

/* ---------------------------------------------------------------- the file */

enum kb_err bundle_output_begin(struct bundle_output *o, const char *path)
{
	struct stat st;

	o->fd = -1;
	if (strlen(path) >= sizeof(o->path)) {
		log_err("%.40s…: path too long", path);
		return KB_EINVAL;
	}
	o->replaces = stat(path, &st) == 0;
	if (o->replaces && !S_ISREG(st.st_mode)) {
		log_err("%s exists and is not a regular file; choose another output", path);
		return KB_EINVAL;
	}
	if (o->replaces)
		TRY(inputs_check_output(path));
	snprintf(o->path, sizeof(o->path), "%s", path);
	snprintf(o->tmp, sizeof(o->tmp), "%s.tmp", path);
	/* In a shared folder anybody may have made one of this name, and would keep it open. */
	if (unlink(o->tmp) < 0 && errno != ENOENT)
		return fail_output(o->tmp);
	bundle_output_heed_signals();
	o->fd = open(o->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (o->fd < 0)
		return fail_begin(o);
	pending = o;
	return KB_OK;
}

const char *bundle_output_target(const char *path)
{
	static char target[PATH_MAX];
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(path, target) != NULL)
		return target;
	return path;
}

/* False: errno says why. */
static bool append_all(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

enum kb_err bundle_output_write(struct bundle_output *o, const void *buf, size_t len)
{
	return append_all(o->fd, buf, len) ? KB_OK : fail_output(o->tmp);
}

enum kb_err bundle_output_write_at(struct bundle_output *o, uint64_t off, const void *buf,
				   size_t len)
{
	if (lseek(o->fd, (off_t)off, SEEK_SET) < 0)
		return fail_output(o->tmp);
	return bundle_output_write(o, buf, len);
}

static enum kb_err copy_by_hand(struct bundle_output *o, int fd, uint64_t off, uint64_t len)
{
	static uint8_t buf[256 * 1024];

	while (len > 0) {
		ssize_t n =
			pread(fd, buf, len < sizeof(buf) ? (size_t)len : sizeof(buf), (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return fail_output(o->tmp);
		}
		TRY(bundle_output_write(o, buf, (size_t)n));
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return KB_OK;
}

enum kb_err bundle_output_copy(struct bundle_output *o, int fd, uint64_t off, uint64_t len)
{
	off_t from = (off_t)off;

	while (len > 0) {
		size_t want = len < 1u << 30 ? (size_t)len : 1u << 30;
		ssize_t n = copy_file_range(fd, &from, o->fd, NULL, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len -= (uint64_t)n;
	}
	return copy_by_hand(o, fd, (uint64_t)from, len);
}

static enum kb_err sync_folder(const char *path)
{
	char dir[BUNDLE_OUTPUT_PATH];
	KB_CLEANUP_FD int fd = -1;

	folder_of(dir, path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Some file systems have no fsync for folders; the name is there all the same. */
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		return fail_output(dir);
	return KB_OK;
}

enum kb_err bundle_output_commit(struct bundle_output *o)
{
	if (fsync(o->fd) != 0)
		return fail_output(o->tmp);
	if (!is_open_file(o)) {
		errno = EEXIST;
		return fail_output(o->tmp);
	}
	pending = NULL;
	util_close(&o->fd);
	if (rename(o->tmp, o->path) != 0) {
		enum kb_err err = fail_output(o->path);

		unlink(o->tmp);
		return err;
	}
	return sync_folder(o->path);
}

void bundle_output_abort(struct bundle_output *o)
{
	if (o->fd < 0)
		return;
	pending = NULL;
	if (is_open_file(o))
		unlink(o->tmp);
	util_close(&o->fd);
}

enum kb_err bundle_output_whole(const char *path, const void *buf, size_t len)
{
	struct bundle_output o = { .fd = -1 };
	enum kb_err err = bundle_output_begin(&o, path);

	if (err == KB_OK)
		err = bundle_output_write(&o, buf, len);
	if (err == KB_OK)
		err = bundle_output_commit(&o);
	bundle_output_abort(&o);
	return err;
}

enum kb_err bundle_output_spool(const char *path, int *fd)
{
	char dir[BUNDLE_OUTPUT_PATH], name[BUNDLE_OUTPUT_PATH + 24];

	folder_of(dir, path);
	*fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return KB_OK;
	snprintf(name, sizeof(name), "%s/.keel-XXXXXX", dir);
	*fd = mkostemp(name, O_CLOEXEC);
	if (*fd < 0)
		return fail_output(dir);
	unlink(name);
	return KB_OK;
}

enum kb_err bundle_output_cut(int fd, off_t end)
{
	if (ftruncate(fd, end) == 0 && lseek(fd, end, SEEK_SET) == end)
		return KB_OK;
	log_err("unable to write the payload: %s", strerror(errno));
	return err_errno(errno);
}

enum kb_err bundle_output_append(int fd, const void *buf, size_t len)
{
	if (append_all(fd, buf, len))
		return KB_OK;
	log_err("unable to write the payload: %s", strerror(errno));
	return err_errno(errno);
}
