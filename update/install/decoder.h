/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder: a process without rights that turns stored bytes into plain ones, in shared memory.
 * The parent never trusts what is there: it copies a chunk to private memory, then hashes the copy,
 * then uses the copy.
 */
#pragma once

#include "lib/os_worker.h"
#include "update/wire/decoder_wire.h"
#include "update/bundle/reader.h"

/* What copies and patches are made from: it is open to be read. */
struct decoder_seed {
	int fd;
	/* bytes: of the image that it is */
	uint64_t size;
};

struct decoder {
	/* its memory is DECODER_SLOTS areas: stored bytes, then plain bytes */
	struct os_worker worker;
	size_t area;
	/* of them that are used, in turn */
	unsigned slots;
	uint64_t asked, answered;
	/* The next request is for another text: it refers to nothing that was before. Set by the
	 * caller. */
	bool fresh;
	/* Where the chunk of the next request is in its image: copies and patches count from there.
	 * Set by the caller. */
	uint64_t at;
	/* borrowed; NULL: none */
	const struct decoder_seed *seed;
};

/* Starts helper (path of keelboot-helper; argv[0] keelboot-decoder), with a seed, which it reads by
 * itself, or without one (NULL). slots: requests that may be under way, 1 to DECODER_SLOTS.
 * KB_EEXEC, KB_EIO. */
enum kb_err decoder_start(struct decoder *d, const char *helper, const struct decoder_seed *seed,
			  unsigned slots) KB_MUST_CHECK;

/* Where the stored bytes of the next request go (chunk + 4096 bytes of room). */
uint8_t *decoder_input(struct decoder *d);

/*
 * Asks for decoding what is in decoder_input(). READER_RAW: it is plain text that stands here and
 * was obtained elsewhere; frames behind it may refer to it. No more than `slots` may be under way:
 * KB_EINVAL.
 */
enum kb_err decoder_ask(struct decoder *d, enum reader_form form, uint32_t stored,
			uint32_t plain) KB_MUST_CHECK;

/*
 * Waits, at most timeout_ms, for the oldest request and copies its plain bytes to out (private
 * memory), if that is not NULL. KB_EFORMAT: it could not be decoded, or not to exactly `plain`
 * bytes. KB_EIO: the seed cannot be read. KB_ECHILD: the decoder died or broke the protocol.
 */
enum kb_err decoder_get(struct decoder *d, uint8_t *out, uint32_t plain,
			unsigned timeout_ms) KB_MUST_CHECK;

/* Kills and reaps it. */
void decoder_stop(struct decoder *d);
