/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/loader/loader_image.h"

#include "lib/bdev.h"
#include "update/install/install_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum kb_err fail_image(struct loader_image *image, enum kb_err err, const char *why)
{
	snprintf(image->why, sizeof(image->why), "image %.32s: %.200s", image->r->m.image[0].name,
		 why[0] != '\0' ? why : err_text(err));
	return err;
}

/* Its place was zeroed. */
static void put_chunk(struct loader_image *image, const struct install_pipe_chunk *c)
{
	size_t at = (size_t)c->c.index * image->r->m.image[0].chunk;

	if (c->plain != NULL && at <= image->len && c->c.len <= image->len - at)
		memcpy(image->data + at, c->plain, c->c.len);
}

static enum kb_err decode(struct loader_image *image, struct digest *digest, struct digest *whole)
{
	struct install_pipe *pipe;
	const struct manifest_encoding *enc;
	struct install_pipe_chunk c;
	enum kb_err err = reader_pick_encoding(image->r, 0, NULL, &enc);

	if (err == KB_OK)
		err = reader_payload_check(image->r, enc, NULL, NULL);
	if (err != KB_OK)
		return fail_image(image, err, image->r->why);
	/* bound: one struct */
	pipe = calloc(1, sizeof(*pipe));
	if (pipe == NULL)
		return fail_image(image, KB_ENOMEM, "");
	*pipe = (struct install_pipe){
		.r = image->r, .helper = image->helper, .digest = digest, .whole = whole
	};
	err = install_pipe_begin(pipe, 0, enc);
	while (err == KB_OK && (err = install_pipe_next(pipe, &c)) == KB_OK)
		put_chunk(image, &c);
	install_pipe_close(pipe);
	err = err == KB_ENOENT ? KB_OK : fail_image(image, err, pipe->why);
	free(pipe);
	return err;
}

enum kb_err loader_image_read(struct loader_image *image)
{
	struct digest digest = { 0 }, whole = { 0 };
	enum kb_err err;

	image->len = (size_t)image->r->m.image[0].size;
	/* bound: a boot area, whose size the caller has compared with the image's */
	image->memory = malloc(image->len + BDEV_ALIGN);
	if (image->memory == NULL)
		return fail_image(image, KB_ENOMEM, "");
	image->data = image->memory + BDEV_ALIGN - (uintptr_t)image->memory % BDEV_ALIGN;
	memset(image->data, 0, image->len);
	err = digest_init(&digest);
	if (err == KB_OK)
		err = digest_init(&whole);
	err = err == KB_OK ? decode(image, &digest, &whole) : fail_image(image, err, "");
	digest_free(&digest);
	digest_free(&whole);
	return err;
}

void loader_image_free(struct loader_image *image)
{
	free(image->memory);
	image->memory = image->data = NULL;
}
