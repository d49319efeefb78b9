/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle_open.h"

#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kb_err bundle_open_keys(struct bundle_open *b, const char *dir)
{
	TRY(keyring_load(&b->k, dir));
	b->have_keys = true;
	return KB_OK;
}

enum kb_err bundle_open_key(struct bundle_open *b, const char *path)
{
	enum kb_err err = keyring_add(&b->k, path);

	if (err != KB_OK) {
		log_err("key %s: %s; want a PEM \"PUBLIC KEY\", Ed25519 or P-256 (the .pem, not "
			"the .key)",
			path, err_text(err));
		return err;
	}
	b->have_keys = true;
	return KB_OK;
}

static enum kb_err open_failed(const struct bundle_open *b)
{
	enum kb_err err = err_errno(errno);

	log_err("%s: %s", b->path, strerror(errno));
	return err;
}

/* Errors are told here. */
static enum kb_err open_path(struct bundle_open *b, bool *raw, uint64_t *size)
{
	struct stat st;
	off_t end;

	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (b->fd < 0 || fstat(b->fd, &st) != 0)
		return open_failed(b);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		log_err("%s: neither a file nor a block device; give the path of a bundle",
			b->path);
		return KB_EINVAL;
	}
	*raw = S_ISBLK(st.st_mode);
	end = lseek(b->fd, 0, SEEK_END);
	if (end < 0)
		return open_failed(b);
	*size = (uint64_t)end;
	return KB_OK;
}

enum kb_err bundle_open_file(struct bundle_open *b, const char *path)
{
	uint64_t size = 0;
	bool raw = false;
	enum kb_err err;

	b->path = path;
	b->fd = -1;
	err = open_path(b, &raw, &size);
	if (err != KB_OK) {
		util_close(&b->fd);
		return err;
	}
	err = reader_open(&b->r, b->fd, raw, size, b->have_keys ? &b->k : NULL);
	if (err != KB_OK) {
		log_err("%s: %s", path, b->r.why);
		util_close(&b->fd);
	}
	return err;
}

void bundle_open_close(struct bundle_open *b)
{
	reader_close(&b->r);
	util_close(&b->fd);
	keyring_free(&b->k);
}
