/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_rec.h"

#include "lib/os.h"
#include "selector/store.h"
#include "update/apply/media.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR	  512u
#define CELL_BYTE 100u /* of a cell that comes or goes wrong */

/* The linker's names for the calls that are caught, and for what they were. */
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap___open64_2(const char *path, int flags);
int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __wrap___openat64_2(int dir, const char *path, int flags);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __real_pread64(int fd, void *buf, size_t len, off_t off);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t off);
ssize_t __real_pwrite64(int fd, const void *buf, size_t len, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t off);
int __real_fallocate64(int fd, int mode, off_t off, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t len);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_mkdirat(int dir, const char *name, mode_t mode);
int __wrap_mkdirat(int dir, const char *name, mode_t mode);
enum kb_err __wrap_os_mount(const char *source, const char *target, const char *fstype,
			    unsigned long flags, const char *options);
enum kb_err __wrap_os_umount(const char *target);
enum kb_err __wrap_os_mkdir(const char *path, unsigned mode);

static struct filecut_rec *rec; /* NULL: nothing is recorded */
static struct filecut_rec_plan plan;
static const char *data_dir;
static struct stat state_file;
static unsigned points;
static enum filecut_rec_kind failing; /* the first that did */

struct filecut_rec *filecut_rec_new(void)
{
	void *p = mmap(NULL, sizeof(struct filecut_rec), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("filecut: mmap");
		exit(1);
	}
	return p;
}

void filecut_rec_begin(struct filecut_rec *r, const struct filecut_rec_plan *p, const char *data,
		       const char *state)
{
	r->nops = 0;
	r->used = 0;
	memset(r->turns, 0, sizeof(r->turns));
	r->odd = NULL;
	plan = *p;
	points = 0;
	data_dir = data;
	if (stat(state, &state_file) < 0)
		r->odd = "no state partition";
	rec = r;
}

const char *filecut_rec_name(enum filecut_rec_kind kind)
{
	static const char *const name[] = { "open",  "create", "mkdir",	 "fallocate", "write",
					    "fsync", "rename", "unlink", "state",     "flush" };

	return name[kind];
}

/* ---------------------------------------------------------------- what is whose */

static bool is_data(const char *path)
{
	size_t n = rec != NULL ? strlen(data_dir) : 0;

	return rec != NULL && strncmp(path, data_dir, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

static const char *path_of(int fd)
{
	static char path[4096];
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	return path;
}

static bool is_data_fd(int fd)
{
	return rec != NULL && is_data(path_of(fd));
}

/* One that is given to a verb, or one in the stage folder. */
static bool is_bundle_fd(int fd)
{
	return rec != NULL && strstr(path_of(fd), ".keel") != NULL;
}

static bool is_state_fd(int fd)
{
	struct stat st;

	return rec != NULL && fstat(fd, &st) == 0 && st.st_ino == state_file.st_ino &&
	       st.st_dev == state_file.st_dev;
}

static uint64_t ino_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* The folder that path is in, and path's last part. */
static uint64_t split(const char *path, char name[FILECUT_REC_NAME])
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	struct stat st;

	snprintf(name, FILECUT_REC_NAME, "%s", slash + 1);
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return stat(dir, &st) == 0 ? st.st_ino : 0;
}

/* ---------------------------------------------------------------- the record */

static bool is_state(enum filecut_rec_kind kind)
{
	return kind == FILECUT_REC_CELL || kind == FILECUT_REC_FLUSH;
}

/* Whether this operation, the newest point, is to fail before it has any effect. */
static bool fails(enum filecut_rec_kind kind)
{
	if (plan.lands || plan.fail_at == 0 || points < plan.fail_at)
		return false;
	if (points == plan.fail_at)
		failing = kind;
	if (points == plan.fail_at || plan.ever == FILECUT_REC_ONCE)
		return points == plan.fail_at;
	return plan.ever == FILECUT_REC_KIND ? kind == failing
					     : is_state(kind) == is_state(failing);
}

/*
 * Begins an operation. NULL: it has to fail, errno says how. What is filled in afterwards counts
 * only once done() is called, so a process that dies has not done what it had not.
 */
static struct filecut_rec_op *begin(enum filecut_rec_kind kind)
{
	struct filecut_rec_op *op = &rec->op[rec->nops];

	if (rec->nops + 1 == FILECUT_REC_OPS) {
		rec->odd = "too many operations";
		_exit(99);
	}
	*op = (struct filecut_rec_op){ .kind = kind };
	if (kind == FILECUT_REC_OPEN)
		return op;
	points++;
	if (points == plan.kill_at)
		_exit(137);
	if (!fails(kind))
		return op;
	op->failed = plan.error;
	rec->nops++;
	errno = plan.error;
	return NULL;
}

/* Ends an operation with what the call returned. */
static int done(struct filecut_rec_op *op, int rc)
{
	op->failed = rc < 0 ? errno : 0;
	rec->nops++;
	return rc;
}

/* The same, of the state: it may be told that it failed though it did not. */
static int done_state(struct filecut_rec_op *op, int rc)
{
	done(op, rc);
	if (!plan.lands || points < plan.fail_at)
		return rc;
	errno = plan.error;
	return -1;
}

static void keep(struct filecut_rec_op *op, const void *buf, size_t len, uint64_t off)
{
	if (rec->used + len > FILECUT_REC_DATA) {
		rec->odd = "too much is written";
		_exit(99);
	}
	memcpy(rec->data + rec->used, buf, len);
	op->off = off;
	op->len = len;
	op->data = rec->used;
	rec->used += len;
}

/* ---------------------------------------------------------------- files */

static int create(const char *path, int flags, mode_t mode)
{
	struct filecut_rec_op *op = begin(FILECUT_REC_CREATE);
	int fd;

	if (op == NULL)
		return -1;
	if (!(flags & O_EXCL))
		rec->odd = "a file is opened with O_CREAT, but not O_EXCL";
	op->dir = split(path, op->name);
	fd = __real_open64(path, flags, mode);
	if (fd >= 0)
		op->ino = ino_of(fd);
	return done(op, fd);
}

int __wrap_open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (rec == NULL)
		return __real_open64(path, flags, mode);
	if (strcmp(path, MEDIA_MOUNT) == 0)
		path = data_dir;
	if (!is_data(path)) {
		fd = __real_open64(path, flags & ~(O_DIRECT | O_DSYNC), mode);
		if (fd >= 0 && is_state_fd(fd) && (flags & O_ACCMODE) != O_RDONLY &&
		    !(flags & O_DSYNC))
			rec->odd = "the state is opened without O_DSYNC";
		return fd;
	}
	if (flags & O_CREAT)
		return create(path, flags, mode);
	if (flags & (O_TRUNC | O_APPEND))
		rec->odd = "a file is truncated or appended to";
	fd = __real_open64(path, flags);
	if (fd >= 0 && !(flags & O_DIRECTORY)) {
		struct filecut_rec_op *op = begin(FILECUT_REC_OPEN);

		op->ino = ino_of(fd);
		done(op, 0);
	}
	return fd;
}

int __wrap___open64_2(const char *path, int flags)
{
	return __wrap_open64(path, flags);
}

/* Of a name in a folder of the data partition, its path. */
static const char *path_in(int dir, const char *name, char path[4096])
{
	int n = snprintf(path, 4096, "%s/%s", path_of(dir), name);

	if (n >= 4096)
		rec->odd = "a path is too long";
	return path;
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	char whole[4096];
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (!is_data_fd(dir))
		return __real_openat64(dir, path, flags, mode);
	return __wrap_open64(path_in(dir, path, whole), flags, mode);
}

int __wrap___openat64_2(int dir, const char *path, int flags)
{
	return __wrap_openat64(dir, path, flags);
}

/* What goes wrong with this one. */
static enum filecut_fault_kind turn(enum filecut_fault_op op)
{
	const struct filecut_fault *f = &plan.fault;
	unsigned n = ++rec->turns[op];

	if (f->kind == FILECUT_FAULT_NONE || f->op != op)
		return FILECUT_FAULT_NONE;
	return n == f->at || (f->again && n > f->at) ? f->kind : FILECUT_FAULT_NONE;
}

/* A bit in the middle; or of the state one in each cell, where its text is. */
static void flip(uint8_t *p, size_t len, bool state)
{
	for (size_t at = 0; state && at + CELL_BYTE < len; at += STORE_CELL)
		p[at + CELL_BYTE] ^= 0x10;
	if (!state && len > 0)
		p[len / 2] ^= 0x10;
}

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t off)
{
	bool state = is_state_fd(fd);
	enum filecut_fault_kind k = state	       ? turn(FILECUT_FAULT_STATE_READ)
				    : is_bundle_fd(fd) ? turn(FILECUT_FAULT_READ)
						       : FILECUT_FAULT_NONE;
	ssize_t n;

	errno = EIO;
	if (k == FILECUT_FAULT_FAILS || k == FILECUT_FAULT_LOST)
		return k == FILECUT_FAULT_FAILS ? -1 : 0;
	n = __real_pread64(fd, buf, k == FILECUT_FAULT_SHORT && len > 1 ? len / 2 : len, off);
	if (k == FILECUT_FAULT_WRONG && n > 0)
		flip(buf, (size_t)n, state);
	if (k == FILECUT_FAULT_ZEROES && n > 0)
		memset(buf, 0, (size_t)n);
	return n;
}

/* What arrives of a write in its place. */
static const void *damaged(enum filecut_fault_kind k, const void *buf, size_t len, bool state)
{
	static uint8_t other[FILECUT_REC_DATA];

	if (k != FILECUT_FAULT_WRONG && k != FILECUT_FAULT_LOST)
		return buf;
	memset(other, 0, len);
	if (k == FILECUT_FAULT_WRONG) {
		memcpy(other, buf, len);
		flip(other, len, state);
	}
	return other;
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	struct filecut_rec_op *op;
	enum filecut_fault_kind k;
	off_t at;

	if (!is_data_fd(fd))
		return __real_write(fd, buf, len);
	op = begin(FILECUT_REC_WRITE);
	if (op == NULL)
		return -1;
	k = turn(FILECUT_FAULT_WRITE);
	errno = EIO;
	if (k == FILECUT_FAULT_FAILS)
		return done(op, -1);
	if (plan.block > 0 && len > plan.block)
		len = plan.block;
	if (k == FILECUT_FAULT_SHORT && len > 1)
		len /= 2;
	buf = damaged(k, buf, len, false);
	at = lseek(fd, 0, SEEK_CUR);
	op->ino = ino_of(fd);
	keep(op, buf, len, (uint64_t)at);
	return done(op, (int)__real_write(fd, buf, len));
}

/* Ends one that is acknowledged, and has no effect. */
static int lost(struct filecut_rec_op *op, int rc)
{
	op->failed = EIO;
	rec->nops++;
	return rc;
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t off)
{
	struct filecut_rec_op *op;
	enum filecut_fault_kind k;

	if (is_data_fd(fd))
		rec->odd = "pwrite() to a file";
	if (!is_state_fd(fd))
		return __real_pwrite64(fd, buf, len, off);
	op = begin(FILECUT_REC_CELL);
	if (op == NULL)
		return -1;
	k = turn(FILECUT_FAULT_STATE_WRITE);
	if (k == FILECUT_FAULT_LOST)
		return lost(op, (int)len);
	if (k == FILECUT_FAULT_SHORT && len > SECTOR)
		len /= 2;
	buf = damaged(k, buf, len, true);
	keep(op, buf, len, (uint64_t)off);
	return done_state(op, (int)__real_pwrite64(fd, buf, len, off));
}

/* Bytes in the stage folder. */
static size_t used(void)
{
	char path[4096];
	struct dirent *e;
	size_t sum = 0;
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/keelboot/stage", data_dir);
	dir = opendir(path);
	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			sum += (size_t)st.st_size;
	if (dir != NULL)
		closedir(dir);
	return sum;
}

int __wrap_fallocate64(int fd, int mode, off_t off, off_t len)
{
	struct filecut_rec_op *op;

	if (!is_data_fd(fd))
		return __real_fallocate64(fd, mode, off, len);
	op = begin(FILECUT_REC_ALLOC);
	if (op == NULL)
		return -1;
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		rec->odd = "fallocate() changes the size";
	op->ino = ino_of(fd);
	if (plan.room != 0 && used() + (size_t)len > plan.room) {
		errno = ENOSPC;
		return done(op, -1);
	}
	return done(op, __real_fallocate64(fd, mode, off, len));
}

/* The machine that runs this loses no power: nothing has to wait for its disk. */
int __wrap_fsync(int fd)
{
	bool state = is_state_fd(fd);
	struct filecut_rec_op *op;

	if (!state && !is_data_fd(fd))
		return 0;
	op = begin(state ? FILECUT_REC_FLUSH : FILECUT_REC_FSYNC);
	if (op == NULL)
		return -1;
	op->ino = ino_of(fd);
	if (state && turn(FILECUT_FAULT_STATE_FLUSH) == FILECUT_FAULT_LOST)
		return lost(op, 0);
	return state ? done_state(op, 0) : done(op, 0);
}

/* ---------------------------------------------------------------- names */

int __wrap_rename(const char *from, const char *to)
{
	struct filecut_rec_op *op;

	if (!is_data(from) && !is_data(to))
		return __real_rename(from, to);
	op = begin(FILECUT_REC_RENAME);
	if (op == NULL)
		return -1;
	op->dir = split(from, op->name);
	if (split(to, op->name2) != op->dir)
		rec->odd = "rename() into another folder";
	return done(op, __real_rename(from, to));
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char old[4096], new[4096];

	if (!is_data_fd(from_dir) && !is_data_fd(to_dir))
		return __real_renameat(from_dir, from, to_dir, to);
	return __wrap_rename(path_in(from_dir, from, old), path_in(to_dir, to, new));
}

int __wrap_unlink(const char *path)
{
	struct filecut_rec_op *op;

	if (!is_data(path))
		return __real_unlink(path);
	op = begin(FILECUT_REC_UNLINK);
	if (op == NULL)
		return -1;
	op->dir = split(path, op->name);
	return done(op, __real_unlink(path));
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	struct filecut_rec_op *op;

	if (!is_data_fd(dir))
		return __real_unlinkat(dir, name, flags);
	op = begin(FILECUT_REC_UNLINK);
	if (op == NULL)
		return -1;
	op->dir = ino_of(dir);
	snprintf(op->name, sizeof(op->name), "%s", name);
	return done(op, __real_unlinkat(dir, name, flags));
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	struct filecut_rec_op *op;
	struct stat st;
	int rc;

	if (!is_data(path))
		return __real_mkdir(path, mode);
	op = begin(FILECUT_REC_MKDIR);
	if (op == NULL)
		return -1;
	op->dir = split(path, op->name);
	rc = __real_mkdir(path, mode);
	if (rc == 0 && stat(path, &st) == 0)
		op->ino = st.st_ino;
	return done(op, rc);
}

int __wrap_mkdirat(int dir, const char *name, mode_t mode)
{
	char path[4096];

	if (!is_data_fd(dir))
		return __real_mkdirat(dir, name, mode);
	return __wrap_mkdir(path_in(dir, name, path), mode);
}

/* ---------------------------------------------------------------- the boot's mount */

enum kb_err __wrap_os_mount(const char *source, const char *target, const char *fstype,
			    unsigned long flags, const char *options)
{
	(void)source;
	(void)target;
	(void)fstype;
	(void)flags;
	(void)options;
	return KB_OK;
}

enum kb_err __wrap_os_umount(const char *target)
{
	(void)target;
	return KB_OK;
}

enum kb_err __wrap_os_mkdir(const char *path, unsigned mode)
{
	(void)path;
	(void)mode;
	return KB_OK;
}
