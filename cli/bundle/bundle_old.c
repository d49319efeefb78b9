/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_old.h"

#include "cli/bundle/bundle_check.h"
#include "cli/bundle/bundle_open.h"
#include "cli/bundle/bundle_output.h"
#include "lib/log.h"
#include "lib/util.h"
#include "update/wire/partial_form.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "KEELBNDL"

static struct bundle_open bundle;
static struct bundle_check check;

struct unpack {
	int fd;
	uint32_t chunk;
};

static enum kb_err unpack_chunk(void *ctx, const struct reader_chunk *c,
				const struct bundle_chunk *b)
{
	const struct unpack *u = ctx;

	if (b->hole)
		return KB_OK;
	if (lseek(u->fd, (off_t)((uint64_t)c->index * u->chunk), SEEK_SET) < 0) {
		log_err("%s: %s", bundle.path, strerror(errno));
		return err_errno(errno);
	}
	return bundle_output_append(u->fd, b->plain, b->len);
}

static enum kb_err unpack_image(unsigned image, const char *output, int *fd)
{
	const struct manifest_image *im = &bundle.r.m.image[image];
	const struct manifest_encoding *enc;
	struct unpack u = { .chunk = im->chunk };
	enum kb_err err = reader_pick_encoding(&bundle.r, image, NULL, &enc);

	if (err != KB_OK) {
		log_err("%s: %s", bundle.path, bundle.r.why);
		return err;
	}
	TRY(bundle_output_spool(output, fd));
	u.fd = *fd;
	if (ftruncate(*fd, (off_t)im->size) != 0) {
		log_err("%s: %s", bundle.path, strerror(errno));
		return err_errno(errno);
	}
	memset(&check, 0, sizeof(check));
	check.chunk = unpack_chunk;
	check.ctx = &u;
	return bundle_check_image(&check, &bundle.r, bundle.path, image, enc);
}

/* Nobody has to vouch for it: a device takes nothing of it but what the new bundle signs. */
static enum kb_err open_bundle(const struct bundle_spec_from *f, const char *name,
			       const char *output, int *fd, char *version)
{
	enum kb_err err;

	bundle_open_init(&bundle, "create", "");
	bundle.path = f->file;
	TRY(bundle_open_file(&bundle));
	err = KB_ENOENT;
	for (unsigned i = 0; i < bundle.r.m.nimages; i++) {
		if (strcmp(bundle.r.m.image[i].name, name) == 0)
			err = unpack_image(i, output, fd);
	}
	if (f->version[0] == '\0')
		memcpy(version, bundle.r.m.version, sizeof(bundle.r.m.version));
	bundle_open_close(&bundle);
	return err;
}

static enum kb_err fail_old(const struct bundle_spec_from *f)
{
	enum kb_err err = err_errno(errno);

	log_err("--from %s: %s", f->file, strerror(errno));
	return err == KB_ENOENT ? KB_EINVAL : err;
}

enum kb_err bundle_old_open(const struct bundle_spec_from *f, const char *name, bool only,
			    const char *output, int *fd, char version[MANIFEST_STR_MAX + 1])
{
	KB_CLEANUP_FD int opened = open(f->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	uint8_t head[24] = { 0 };

	if (opened < 0 || pread(opened, head, sizeof(head), 0) < 0)
		return fail_old(f);
	snprintf(version, MANIFEST_STR_MAX + 1, "%s", f->version);
	if (f->image[0] != '\0' && strcmp(f->image, name) != 0)
		return KB_ENOENT;
	if (memcmp(head, MAGIC, sizeof(MAGIC) - 1) == 0)
		return open_bundle(f, name, output, fd, version);
	if (partial_form_is(head)) {
		log_err("--from %s: it is a partial bundle; use the whole one", f->file);
		return KB_EINVAL;
	}
	if (f->image[0] == '\0' && !only) {
		log_err("--from %s: of which image? Use --from CLASS=FILE", f->file);
		return KB_EINVAL;
	}
	*fd = util_take(&opened);
	return KB_OK;
}
