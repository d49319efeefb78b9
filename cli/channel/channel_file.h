/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel file: header, signature area, document, as docs/CHANNEL.md has it. The header is that
 * of a bundle with other letters, and a signature of it is one of a channel file alone.
 */
#pragma once

#include "channel/channel.h"
#include "update/keys/keyring.h"
#include "update/wire/reader_header.h"

#define CHANNEL_FILE_SIG_CAP 1024u /* room for signatures */

struct channel_file {
	uint8_t header[READER_HEADER_LEN];
	struct reader_header h;
	uint8_t sig[READER_SIG_CAP_MAX];
	char text[CHANNEL_DOCUMENT_MAX];
	size_t len;
	/* the document, as JSON and as it was read */
	json_object *o;
	struct channel c;
	/* who signed, "a, b"; "": it was not checked */
	char signer[64];
};

/*
 * Reads a channel file. ring (NULL: none): nothing is believed of the document before as many of
 * its keys signed as it requires. KB_EFORMAT, KB_ENEWER, KB_ESIG, KB_EDIGEST and those of opening a
 * file, all reported. channel_file_free() is due even then.
 */
enum kb_err channel_file_open(struct channel_file *f, const char *path,
			      const struct keyring *ring) KB_MUST_CHECK;
/* The same; a document that is not signed yet gets a header and an empty signature area. *fresh: it
 * was one. A key that is not known is an error in it. */
enum kb_err channel_file_open_any(struct channel_file *f, const char *path,
				  bool *fresh) KB_MUST_CHECK;
void channel_file_free(struct channel_file *f);
