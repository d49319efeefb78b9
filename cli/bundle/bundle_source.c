/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_source.h"

#include "cli/output/inputs.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGN 4096u

/* ext2, 3 and 4: the superblock, and what of it is looked at */
#define EXT_SUPER	 1024
#define EXT_MAGIC_AT	 56
#define EXT_MAGIC	 0xef53
#define EXT_INCOMPAT_AT	 96
#define EXT_NEED_RECOVER 0x4u

static enum kb_err find_source_size(struct bundle_source *s)
{
	struct stat st;
	off_t end;

	if (fstat(s->fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		log_err("image %s: neither a file nor a block device", s->path);
		return KB_EINVAL;
	}
	end = lseek(s->fd, 0, SEEK_END);
	if (end <= 0) {
		log_err("image %s: empty", s->path);
		return KB_EINVAL;
	}
	s->file_size = (uint64_t)end;
	s->size = (s->file_size + ALIGN - 1) / ALIGN * ALIGN;
	return KB_OK;
}

/*
 * A journal that must be replayed: the image was copied from a file system that was mounted. A
 * replay on the device would make it something else than what was signed, so that a boot mounts it
 * without its journal, which may be in the middle of a change.
 */
static enum kb_err check_journal(const struct bundle_source *s)
{
	uint8_t super[EXT_INCOMPAT_AT + 4];

	if (pread(s->fd, super, sizeof(super), EXT_SUPER) != (ssize_t)sizeof(super) ||
	    bytes_get16(super + EXT_MAGIC_AT) != EXT_MAGIC ||
	    (bytes_get32(super + EXT_INCOMPAT_AT) & EXT_NEED_RECOVER) == 0)
		return KB_OK;
	log_err("image %s: its ext4 journal needs recovery: it is mounted, or was not unmounted; unmount it (if it is not mounted, mount it first), or run `e2fsck -f` on it",
		s->path);
	return KB_EINVAL;
}

enum kb_err bundle_source_open(struct bundle_source *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		enum kb_err err = err_errno(errno);

		log_err("image %s: %s", path, strerror(errno));
		return err;
	}
	inputs_note(path);
	return bundle_source_take(s, fd, path);
}

enum kb_err bundle_source_take(struct bundle_source *s, int fd, const char *path)
{
	enum kb_err err;

	*s = (struct bundle_source){ .path = path, .fd = fd };
	err = find_source_size(s);
	if (err == KB_OK)
		err = check_journal(s);
	if (err != KB_OK)
		bundle_source_close(s);
	return err;
}

void bundle_source_close(struct bundle_source *s)
{
	util_close(&s->fd);
	free(s->tail);
	s->tail = NULL;
}

/* Finds the first data at or behind off. Where holes cannot be found, all is data. */
static void find_data(struct bundle_source *s, uint64_t off)
{
	off_t start = lseek(s->fd, (off_t)off, SEEK_DATA), end;

	if (start < 0 && errno == ENXIO) {
		s->data_start = s->data_end = UINT64_MAX;
		return;
	}
	end = start < 0 ? -1 : lseek(s->fd, start, SEEK_HOLE);
	s->data_start = start < 0 ? off : (uint64_t)start;
	s->data_end = end < 0 ? UINT64_MAX : (uint64_t)end;
}

static enum kb_err read_at(struct bundle_source *s, uint64_t off, uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = pread(s->fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_err("image %s: %s", s->path,
				n < 0 ? strerror(errno) : "became shorter while it was being read");
			return KB_EIO;
		}
		buf += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return KB_OK;
}

/* What of the range lies behind the image proper. */
static void copy_tail(const struct bundle_source *s, uint64_t off, uint8_t *buf, size_t len)
{
	uint64_t skip = off > s->tail_off ? off - s->tail_off : 0;
	uint64_t at = off < s->tail_off ? s->tail_off - off : 0;
	uint64_t n;

	if (s->tail == NULL || at >= len || skip >= s->tail_len)
		return;
	n = s->tail_len - skip < len - at ? s->tail_len - skip : len - at;
	memcpy(buf + at, s->tail + skip, (size_t)n);
}

enum kb_err bundle_source_read(struct bundle_source *s, uint64_t off, uint8_t *buf, size_t len,
			       bool *hole)
{
	uint64_t left = off < s->file_size ? s->file_size - off : 0;
	size_t want = left < len ? (size_t)left : len;

	if (off >= s->data_end)
		find_data(s, off);
	*hole = off + want <= s->data_start && (s->tail == NULL || off + len <= s->tail_off);
	if (*hole)
		return KB_OK;
	memset(buf + want, 0, len - want);
	TRY(read_at(s, off, buf, want));
	copy_tail(s, off, buf, len);
	return KB_OK;
}

void bundle_source_rewind(struct bundle_source *s)
{
	s->data_start = s->data_end = 0;
}

void bundle_source_append(struct bundle_source *s, uint8_t *tail, uint64_t len)
{
	s->tail = tail;
	s->tail_off = s->size;
	s->tail_len = len;
	s->size += len;
	bundle_source_rewind(s);
}

void bundle_source_filesystem(const struct bundle_source *s, char *name, size_t size)
{
	blkid_probe pr = blkid_new_probe();
	const char *type = NULL;

	name[0] = '\0';
	if (pr == NULL)
		return;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE);
	if (blkid_probe_set_device(pr, s->fd, 0, 0) == 0 && blkid_do_safeprobe(pr) == 0 &&
	    blkid_probe_lookup_value(pr, "TYPE", &type, NULL) == 0)
		snprintf(name, size, "%s", type);
	blkid_free_probe(pr);
}

bool bundle_source_is(const struct bundle_source *s, const char *path)
{
	struct stat a, b;

	return fstat(s->fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}
