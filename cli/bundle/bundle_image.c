/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_image.h"

#include "cli/bundle/bundle_folder.h"
#include "cli/bundle/bundle_verity.h"
#include "lib/log.h"
#include "lib/pe_machine.h"
#include "lib/processor.h"
#include "selector/pair.h"

#include <string.h>
#include <unistd.h>

/* Also before a tree is made: the memory for it goes with the size. */
static enum kb_err check_size(const struct bundle_source *s, const struct manifest_image *im)
{
	if (s->size / im->chunk < MANIFEST_CHUNKS_MAX)
		return KB_OK;
	log_err("image %s: too large for chunks of %u bytes; use a larger --chunk-size", s->path,
		im->chunk);
	return KB_ENOSPC;
}

/* What no boot of a device would take. */
static enum kb_err check_verity_fits(const struct bundle_source *s, const struct manifest_image *im)
{
	const char *wrong = manifest_verity_check(im);

	if (wrong == NULL)
		return KB_OK;
	log_err("image %s: %s", s->path, wrong);
	return KB_EINVAL;
}

static enum kb_err open_file(struct bundle_spec *s, unsigned i, struct bundle_source *src)
{
	const char *path = s->file[i];
	int fd;

	if (bundle_folder_is(path)) {
		TRY(bundle_folder_image(s, i, &fd));
		return bundle_source_take(src, fd, path);
	}
	if (s->size[i] != 0) {
		log_err("image %s: size= works only for a folder; a file keeps its own size", path);
		return KB_EINVAL;
	}
	return bundle_source_open(src, path);
}

/* Other classes may well hold something else, as firmware. */
static void find_filesystem(const struct bundle_source *s, struct manifest_image *im)
{
	bundle_source_filesystem(s, im->filesystem, sizeof(im->filesystem));
	if (im->filesystem[0] == '\0' && strcmp(im->name, "root") == 0)
		log_warn(
			"image %s: unknown file system: devices may not mount it; name it: fs=TYPE",
			s->path);
}

/* A kernel that is a program of UEFI says for which processor it is. A device that --processor lets
 * in would refuse it, or find out at its start. */
static enum kb_err check_kernel(const struct bundle_spec *s, const struct bundle_source *src,
				const struct manifest_image *im)
{
	uint8_t head[4096] = { 0 };
	const char *its;

	if (s->m.nprocessors == 0 || strcmp(im->name, PAIR_CLASS) != 0 ||
	    pread(src->fd, head, sizeof(head), 0) < 0)
		return KB_OK;
	its = processor_of_pe(pe_machine(head, sizeof(head)));
	if (its == NULL)
		return KB_OK;
	for (unsigned i = 0; i < s->m.nprocessors; i++)
		if (processor_runs(s->m.processor[i], its))
			return KB_OK;
	log_err("image %s: a kernel for %s, which --processor does not name; correct one of them",
		src->path, its);
	return KB_EINVAL;
}

static enum kb_err fill_image(struct bundle_spec *s, struct manifest_image *im,
			      struct bundle_source *src)
{
	if (bundle_source_is(src, s->output)) {
		log_err("%s is both the image and the output; choose another output", src->path);
		return KB_EINVAL;
	}
	TRY(check_kernel(s, src, im));
	if (im->filesystem[0] == '\0')
		find_filesystem(src, im);
	im->chunk = s->chunk;
	TRY(check_size(src, im));
	if (s->verity && strcmp(im->name, "root") == 0)
		TRY(bundle_verity_add(src, im, s->m.compatible[0]));
	im->size = src->size;
	TRY(check_size(src, im));
	return check_verity_fits(src, im);
}

enum kb_err bundle_image_open(struct bundle_spec *s, unsigned i, struct bundle_source *src)
{
	enum kb_err err;

	TRY(open_file(s, i, src));
	err = fill_image(s, &s->m.image[i], src);
	if (err != KB_OK)
		bundle_source_close(src);
	return err;
}
