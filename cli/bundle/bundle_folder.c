/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_folder.h"

#include "cli/bundle/bundle_mkfs.h"
#include "cli/bundle/bundle_output.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os_command.h"
#include "lib/util.h"
#include "update/crypto/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK	   4096u /* dm-verity takes no other of ext4 */
#define MIB	   (1u << 20)
#define ROOM	   (16u * MIB) /* for a journal, and what a file system has of its own */
#define PER_INODE  16384u      /* bytes, as mke2fs has it */
#define OPEN_MAX_  64	       /* folders, while it is walked */
#define UUID_LEN   37
#define EXT_SUPER  1024
#define EXT_INODES 0  /* in the superblock: how many there are, */
#define EXT_FREE   16 /* and how many of them are free */
#define EXT_FIRST  11 /* the first that is not reserved; the root is 2 */
#define EXT_ROOT   2
#define ARGS_MAX   24

struct folder {
	const char *path;
	/* the same without links, of which the tools would pack the link */
	char real[PATH_MAX];
	const struct manifest_image *im;
	char program[PATH_MAX];
	char uuid[UUID_LEN], seed[UUID_LEN];
	/* SOURCE_DATE_EPOCH, or NULL */
	const char *epoch;
	uint64_t size;
	int fd;
};

bool bundle_folder_is(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---------------------------------------------------------------- how large */

static uint64_t walked_bytes, walked_files;

static int visit_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	uint64_t len = type == FTW_F ? (uint64_t)st->st_size : BLOCK;

	(void)path;
	(void)at;
	walked_files++;
	walked_bytes += (len + BLOCK - 1) / BLOCK * BLOCK;
	return 0;
}

/* By what the folder has in it alone, so that the same folder has the same size elsewhere. */
static enum kb_err measure_folder(struct folder *f)
{
	walked_bytes = walked_files = 0;
	if (nftw(f->real, visit_entry, OPEN_MAX_, FTW_PHYS) != 0) {
		log_err("image %s: %s", f->path, strerror(errno));
		return err_errno(errno);
	}
	if (f->size == 0)
		f->size = (walked_bytes + walked_bytes / 8 + ROOM + MIB - 1) / MIB * MIB;
	f->size = (f->size + BLOCK - 1) / BLOCK * BLOCK;
	return KB_OK;
}

/* ---------------------------------------------------------------- names that stay */

/* The same for all releases of a product: what has it in it, as ext4's checksums, stays as it is.
 */
static enum kb_err make_uuid(const struct bundle_spec *s, const char *image, const char *what,
			     char out[UUID_LEN])
{
	uint8_t hash[DIGEST_LEN] = { 0 };
	struct digest d;
	char text[192], hex[33];
	int len = snprintf(text, sizeof(text), "keelboot file system v1%c%s%c%s%c%s", 0,
			   s->m.compatible[0], 0, image, 0, what);
	enum kb_err err = digest_init(&d);

	if (err == KB_OK)
		err = digest_buf(&d, text, (size_t)len, hash);
	digest_free(&d);
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80); /* RFC 9562: of no known kind */
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	bytes_hex(hex, hash, 16);
	snprintf(out, UUID_LEN, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
	return err;
}

/* ---------------------------------------------------------------- ext4 */

static enum kb_err last_inode(const struct folder *f, uint32_t *last)
{
	uint8_t super[EXT_FREE + 4];

	if (pread(f->fd, super, sizeof(super), EXT_SUPER) != (ssize_t)sizeof(super))
		return KB_EIO;
	*last = bytes_get32(super + EXT_INODES) - bytes_get32(super + EXT_FREE);
	return KB_OK;
}

static bool set_fields(FILE *script, const struct folder *f, uint32_t inode, bool to_root)
{
	static const char *const owner[] = { "uid", "gid" };
	static const char *const time[] = { "atime", "ctime", "mtime" };
	int n = 0;

	for (unsigned i = 0; to_root && i < KB_ARRAY_LEN(owner) && n >= 0; i++)
		n = fprintf(script, "set_inode_field <%u> %s 0\n", inode, owner[i]);
	for (unsigned i = 0; f->epoch != NULL && i < KB_ARRAY_LEN(time) && n >= 0; i++)
		n = fprintf(script, "set_inode_field <%u> %s @%s\n", inode, time[i], f->epoch);
	return n >= 0;
}

/* mke2fs takes owners and times from the folder: who made it, and when. Inodes have no gaps. */
static enum kb_err write_script(const struct folder *f, int fd)
{
	FILE *script = fdopen(dup(fd), "w");
	bool to_root = geteuid() != 0, ok;
	uint32_t last;

	if (script == NULL)
		return KB_EIO;
	ok = last_inode(f, &last) == KB_OK && set_fields(script, f, EXT_ROOT, to_root);
	for (uint32_t i = EXT_FIRST; ok && i <= last; i++)
		ok = set_fields(script, f, i, to_root);
	ok = fclose(script) == 0 && ok;
	return ok && lseek(fd, 0, SEEK_SET) == 0 ? KB_OK : KB_EIO;
}

static enum kb_err level_times(const struct folder *f)
{
	KB_CLEANUP_FD int fd = -1;
	char debugfs[PATH_MAX];
	const char *const argv[] = { debugfs, "-w", "-f", "-", BUNDLE_MKFS_IMAGE, NULL };

	if (geteuid() == 0 && f->epoch == NULL)
		return KB_OK;
	if (!os_command_find("debugfs", debugfs)) {
		log_err("image %s: debugfs is not installed (Debian: e2fsprogs)", f->path);
		return KB_EEXEC;
	}
	fd = memfd_create("debugfs", MFD_CLOEXEC);
	if (fd < 0 || write_script(f, fd) != KB_OK ||
	    bundle_mkfs_run(argv, fd, f->fd, true, f->epoch) != KB_OK) {
		log_err("image %s: debugfs failed to set owners and times in it", f->path);
		return KB_EIO;
	}
	return KB_OK;
}

static enum kb_err make_ext4(struct folder *f)
{
	char extended[96], inodes[24];
	const char *const argv[] = { f->program, "-q",	   "-F",   "-t",    "ext4",
				     "-b",	 "4096",   "-I",   "256",   "-m",
				     "0",	 "-N",	   inodes, "-U",    f->uuid,
				     "-E",	 extended, "-d",   f->real, BUNDLE_MKFS_IMAGE,
				     NULL };
	uint64_t wanted;

	TRY(measure_folder(f));
	wanted = walked_files + walked_files / 8 + 64;
	if (wanted < f->size / PER_INODE)
		wanted = f->size / PER_INODE;
	snprintf(inodes, sizeof(inodes), "%" PRIu64, wanted);
	snprintf(extended, sizeof(extended), "hash_seed=%s,root_owner=0:0", f->seed);
	if (ftruncate(f->fd, (off_t)f->size) == 0 &&
	    bundle_mkfs_run(argv, -1, f->fd, false, f->epoch) == KB_OK)
		return level_times(f);
	log_err("image %s: mke2fs failed with a size of %" PRIu64 " bytes; set a larger size=",
		f->path, f->size);
	return KB_EIO;
}

/* ---------------------------------------------------------------- squashfs, erofs */

static enum kb_err run_mkfs(struct folder *f, const char *name, const char *argv[])
{
	if (bundle_mkfs_run(argv, -1, f->fd, false, f->epoch) == KB_OK)
		return KB_OK;
	log_err("image %s: %s failed to make an image of it", f->path, name);
	return KB_EIO;
}

static enum kb_err make_squashfs(struct folder *f)
{
	const char *argv[ARGS_MAX] = { f->program,  f->real,	    BUNDLE_MKFS_IMAGE,
				       "-noappend", "-no-progress", "-quiet" };
	unsigned n = 6;

	if (geteuid() != 0)
		argv[n++] = "-all-root";
	if (f->epoch != NULL) {
		argv[n++] = "-mkfs-time";
		argv[n++] = f->epoch;
		argv[n++] = "-all-time";
		argv[n++] = f->epoch;
	}
	return run_mkfs(f, "mksquashfs", argv);
}

static enum kb_err make_erofs(struct folder *f)
{
	const char *argv[ARGS_MAX] = { f->program, "-U", f->uuid };
	unsigned n = 3;

	if (geteuid() != 0)
		argv[n++] = "--all-root";
	if (f->epoch != NULL) {
		argv[n++] = "-T";
		argv[n++] = f->epoch;
	}
	argv[n++] = BUNDLE_MKFS_IMAGE;
	argv[n++] = f->real;
	return run_mkfs(f, "mkfs.erofs", argv);
}

/* ---------------------------------------------------------------- which */

static const struct maker {
	const char *filesystem, *program, *package;
	enum kb_err (*make)(struct folder *f);
} makers[] = {
	{ "ext4", "mke2fs", "e2fsprogs", make_ext4 },
	{ "squashfs", "mksquashfs", "squashfs-tools", make_squashfs },
	{ "erofs", "mkfs.erofs", "erofs-utils", make_erofs },
};

static const struct maker *find_maker(struct folder *f)
{
	const struct maker *m = NULL;

	for (unsigned i = 0; i < KB_ARRAY_LEN(makers) && m == NULL; i++)
		if (strcmp(makers[i].filesystem, f->im->filesystem) == 0)
			m = &makers[i];
	if (m == NULL) {
		log_err("image %s: a folder can become ext4, squashfs or erofs, not %s", f->path,
			f->im->filesystem);
		return NULL;
	}
	if (f->size != 0 && m->make != make_ext4) {
		log_err("image %s: size= works only with ext4; %s chooses its own size", f->path,
			m->filesystem);
		return NULL;
	}
	if (os_command_find(m->program, f->program))
		return m;
	log_err("image %s: %s, which makes %s of a folder, is not installed (Debian: %s); install it, or make the image yourself and pass that",
		f->path, m->program, m->filesystem, m->package);
	return NULL;
}

/* Whether the bundle itself would come to lie in the folder that it is made of. */
static bool holds_output(const struct folder *f, const char *output)
{
	char dir[BUNDLE_SPEC_PATH], at[PATH_MAX];
	char *slash;
	size_t len;

	snprintf(dir, sizeof(dir), "%s", output);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[1] = '\0';
	if (realpath(slash != NULL ? dir : ".", at) == NULL)
		return false;
	len = strlen(f->real);
	return strncmp(at, f->real, len) == 0 && (at[len] == '/' || at[len] == '\0');
}

enum kb_err bundle_folder_image(struct bundle_spec *s, unsigned i, int *fd)
{
	struct folder f = { .path = s->file[i], .im = &s->m.image[i], .size = s->size[i] };
	const struct maker *m;
	enum kb_err err;

	if (realpath(f.path, f.real) == NULL) {
		log_err("image %s: %s", f.path, strerror(errno));
		return err_errno(errno);
	}
	if (s->m.image[i].filesystem[0] == '\0')
		snprintf(s->m.image[i].filesystem, sizeof(s->m.image[i].filesystem), "ext4");
	if (holds_output(&f, s->output)) {
		log_err("%s lies in the folder of image %s; write it somewhere else", s->output,
			f.path);
		return KB_EINVAL;
	}
	m = find_maker(&f);
	if (m == NULL)
		return KB_EEXEC;
	f.epoch = getenv("SOURCE_DATE_EPOCH");
	TRY(make_uuid(s, f.im->name, "uuid", f.uuid));
	TRY(make_uuid(s, f.im->name, "hash", f.seed));
	TRY(bundle_output_spool(s->output, &f.fd));
	err = m->make(&f);
	*fd = err == KB_OK ? f.fd : -1;
	if (err != KB_OK)
		util_close(&f.fd);
	return err;
}
