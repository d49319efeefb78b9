/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_old.h"

#include "cli/bundle/bundle_check.h"
#include "cli/bundle/bundle_open.h"
#include "cli/bundle/bundle_output.h"
#include "cli/output/inputs.h"
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

/* Only an image that is not in it is KB_ENOENT, and nothing that failed. */
static enum kb_err be_reported(enum kb_err err)
{
	return err == KB_ENOENT ? KB_EINVAL : err;
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
			err = be_reported(unpack_image(i, output, fd));
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
	return be_reported(err);
}

/* A file that may be one: a bundle, or what is taken for an image. */
static enum kb_err open_old(const struct bundle_spec_from *f, int *fd, bool *is_bundle)
{
	uint8_t head[24] = { 0 };

	inputs_note(f->file);
	*fd = open(f->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || pread(*fd, head, sizeof(head), 0) < 0)
		return fail_old(f);
	*is_bundle = memcmp(head, MAGIC, sizeof(MAGIC) - 1) == 0;
	if (*is_bundle || !partial_form_is(head))
		return KB_OK;
	log_err("--from %s: it is a partial bundle; use the whole one", f->file);
	return KB_EINVAL;
}

static bool is_of(const struct bundle_spec_from *f, const char *name)
{
	return f->image[0] == '\0' || strcmp(f->image, name) == 0;
}

static bool has_image(const struct manifest *m, const char *name)
{
	unsigned i = 0;

	while (i < m->nimages && strcmp(m->image[i].name, name) != 0)
		i++;
	return i < m->nimages;
}

static enum kb_err count_in_bundle(const struct bundle_spec_from *f, const struct manifest *m,
				   unsigned *n)
{
	bundle_open_init(&bundle, "create", "");
	bundle.path = f->file;
	TRY(bundle_open_file(&bundle));
	*n = 0;
	for (unsigned i = 0; i < m->nimages; i++)
		*n += is_of(f, m->image[i].name) && has_image(&bundle.r.m, m->image[i].name);
	bundle_open_close(&bundle);
	return KB_OK;
}

/* An image file says nothing of that. */
static enum kb_err check_class(const struct bundle_spec_from *f, bool only)
{
	if (f->image[0] != '\0' || only)
		return KB_OK;
	log_err("--from %s: of which image? Use --from CLASS=FILE", f->file);
	return KB_EINVAL;
}

/* How many images of the new bundle f has an older one of, at least one. */
static enum kb_err count_older(const struct bundle_spec_from *f, const struct manifest *m,
			       unsigned *n, bool *is_bundle)
{
	KB_CLEANUP_FD int fd = -1;

	TRY(open_old(f, &fd, is_bundle));
	if (f->image[0] != '\0' && !has_image(m, f->image)) {
		log_err("--from %s=%s: the new bundle has no image %s", f->image, f->file,
			f->image);
		return KB_EINVAL;
	}
	*n = 1;
	if (!*is_bundle)
		return check_class(f, m->nimages == 1);
	TRY(count_in_bundle(f, m, n));
	if (*n > 0)
		return KB_OK;
	log_err("--from %s: it has none of the images that the new bundle has", f->file);
	return KB_EINVAL;
}

/* A slot that was made with --verity has a tree behind what was its image file. */
static void warn_of_tree(const struct bundle_spec *s, const struct bundle_spec_from *f)
{
	if (s->verity && (f->image[0] == '\0' || strcmp(f->image, "root") == 0))
		log_warn(
			"--from %s: a delta from an image file without a tree; if the older release has one (--verity), no device can use it: use its bundle",
			f->file);
}

enum kb_err bundle_old_check(const struct bundle_spec *s)
{
	unsigned encodings = s->full ? s->m.nimages : 0, n;
	bool is_bundle = false;

	for (unsigned i = 0; i < s->nfrom; i++) {
		TRY(count_older(&s->from[i], &s->m, &n, &is_bundle));
		if (!is_bundle)
			warn_of_tree(s, &s->from[i]);
		encodings += n;
	}
	if (encodings <= MANIFEST_ENCODINGS_MAX)
		return KB_OK;
	log_err("more than %u encodings; use fewer --from", MANIFEST_ENCODINGS_MAX);
	return KB_EINVAL;
}

enum kb_err bundle_old_open(const struct bundle_spec_from *f, const char *name, bool only,
			    const char *output, int *fd, char version[MANIFEST_STR_MAX + 1])
{
	KB_CLEANUP_FD int opened = -1;
	bool is_bundle = false;

	TRY(open_old(f, &opened, &is_bundle));
	snprintf(version, MANIFEST_STR_MAX + 1, "%s", f->version);
	if (!is_of(f, name))
		return KB_ENOENT;
	if (is_bundle)
		return open_bundle(f, name, output, fd, version);
	TRY(check_class(f, only));
	*fd = util_take(&opened);
	return KB_OK;
}
