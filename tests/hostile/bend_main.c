/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bends a bundle at each place, and tries each result: what said no, why, and what was written.
 *
 *	bend HELPER KEYS BUNDLE IMAGE flip FROM TO BITS FIX STEP [verify-first]
 *	bend HELPER KEYS BUNDLE IMAGE cut  FROM TO raw|file
 *
 * flip: the bits of the mask BITS (0: bit offset % 8), one by one, of each STEPth byte from FROM on
 * and below TO. FIX: 0 as it is; 1 the header's checksum is made right again; 2 the manifest's
 * digest too; 3 then it is signed again, with KEYS/signer.key. cut: the first bytes, FROM
 * to TO - 1 of them, as a file or as a device.
 *
 * A line for each class of results: count, error, what was written, an example's offset, and the
 * reason with its numbers as #. Then by how many KiB the process has grown since the first case.
 */
#include "tests/hostile/world.h"

#include "cli/key/key_file.h"
#include "lib/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CLASSES 256u

struct class
{
	struct world_verdict v;
	uint64_t count, example;
	bool stray; /* the target holds something that was not signed */
	bool whole; /* the target holds the image */
};

static struct class class[CLASSES];
static unsigned nclasses;
static uint8_t *bundle, *image;
static uint64_t size, image_size;
static struct key_file signer;
static long memory_first;

/* Numbers do not make a class, nor does what is wrong with a manifest. */
static void mask(char *text)
{
	char *to = text;

	if (strncmp(text, "manifest line ", 14) == 0 && strchr(text, ':') != NULL)
		*strchr(text, ':') = '\0';

	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			*to++ = *p;
		else if (to == text || to[-1] != '#')
			*to++ = '#';
	}
	*to = '\0';
}

static bool same_class(const struct class *a, const struct class *b)
{
	return a->v.err == b->v.err && a->v.slot_written == b->v.slot_written &&
	       a->v.state_written == b->v.state_written && a->v.on_trial == b->v.on_trial &&
	       a->v.other_written == b->v.other_written && a->stray == b->stray &&
	       a->whole == b->whole && strcmp(a->v.why, b->v.why) == 0;
}

static long memory_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void judge(int fd, bool raw, uint64_t at)
{
	const uint8_t *const images[] = { image };
	struct class c = { .v = world_try(fd, raw), .example = at };
	unsigned i = 0;

	c.stray = !world_holds_only(images, &image_size, 1, BDEV_ALIGN);
	c.whole = c.v.slot_written && memcmp(world_slot(), image, image_size) == 0;
	mask(c.v.why);
	while (i < nclasses && !same_class(&class[i], &c))
		i++;
	if (i == nclasses) {
		world_must(nclasses < CLASSES, "too many classes of results");
		class[nclasses++] = c;
	}
	class[i].count++;
	if (memory_first == 0)
		memory_first = memory_kib();
}

/* ---------------------------------------------------------------- flips */

static void put(int fd, uint64_t off, const void *p, size_t len)
{
	world_must(pwrite(fd, p, len, (off_t)off) == (ssize_t)len, "the bundle cannot be bent");
}

static void digest_manifest(const uint8_t *bent, uint8_t *header)
{
	uint32_t len = bytes_get32(bundle + 44);
	struct digest d;

	world_must(digest_init(&d) == KB_OK, "no SHA-256");
	world_must(digest_buf(&d, bent + bytes_get64(bundle + 48), len, header + 88) == KB_OK,
		   "no SHA-256");
	digest_free(&d);
}

/* Makes right again what stands above the bent byte. */
static void fix(int fd, uint8_t *bent, unsigned level)
{
	uint32_t cap = bytes_get32(bundle + 40);

	if (level == 0)
		return;
	if (level >= 2)
		digest_manifest(bent, bent);
	bytes_put32(bent + 508, bytes_crc32c(0, bent, 508));
	if (level >= 3)
		world_must(key_file_sign(&signer, bent, bent + 512, cap) == KB_OK, "not signed");
	put(fd, 0, bent, 512 + cap);
}

static void flip_one(int fd, uint8_t *bent, uint64_t at, uint8_t bit, unsigned level)
{
	bent[at] ^= bit;
	put(fd, at, bent + at, 1);
	fix(fd, bent, level);
	judge(fd, false, at);
	bent[at] ^= bit;
	put(fd, at, bent + at, 1);
	if (level > 0) {
		memcpy(bent, bundle, 512 + bytes_get32(bundle + 40));
		put(fd, 0, bent, 512 + bytes_get32(bundle + 40));
	}
}

static void flip(uint64_t from, uint64_t to, unsigned bits, unsigned level, unsigned step)
{
	int fd = world_memfd(bundle, size);
	uint8_t *bent = malloc(size);

	world_must(bent != NULL && to <= size, "no such place in the bundle");
	memcpy(bent, bundle, size);
	for (uint64_t at = from; at < to; at += step) {
		unsigned these = bits != 0 ? bits : 1u << at % 8;

		for (unsigned b = 0; b < 8; b++) {
			if (these & 1u << b)
				flip_one(fd, bent, at, (uint8_t)(1u << b), level);
		}
	}
	free(bent);
	close(fd);
}

/* ---------------------------------------------------------------- lengths */

static void cut(uint64_t from, uint64_t to, bool raw)
{
	int fd = world_memfd(bundle, size);

	for (uint64_t len = to; len-- > from;) {
		world_must(ftruncate(fd, (off_t)len) == 0, "the bundle cannot be cut");
		judge(fd, raw, len);
	}
	close(fd);
}

static void report(void)
{
	for (unsigned i = 0; i < nclasses; i++) {
		const struct class *c = &class[i];

		printf("%llu\t%s\t%s%s%s%s%s%s\t%llu\t%s\n", (unsigned long long)c->count,
		       c->v.err == KB_OK ? "ok" : err_text(c->v.err),
		       c->v.slot_written ? "slot " : "", c->v.state_written ? "state " : "",
		       c->v.other_written ? "OTHER " : "", c->v.on_trial ? "trial " : "",
		       c->stray ? "STRAY " : "", c->whole ? "whole" : "",
		       (unsigned long long)c->example, c->v.why);
	}
	printf("grown\t%ld\n", memory_kib() - memory_first);
}

int main(int argc, char **argv)
{
	char path[4096];

	world_begin(&argc, argv, 9);
	bundle = world_read_file(argv[3], &size);
	image = world_read_file(argv[4], &image_size);
	if (strcmp(argv[5], "cut") == 0) {
		cut(strtoull(argv[6], NULL, 0), strtoull(argv[7], NULL, 0),
		    strcmp(argv[8], "raw") == 0);
	} else {
		unsigned level = (unsigned)strtoul(argv[9], NULL, 0);

		snprintf(path, sizeof(path), "%s/signer.key", argv[2]);
		if (level >= 3)
			world_must(key_file_load(&signer, path) == KB_OK, "no private key");
		flip(strtoull(argv[6], NULL, 0), strtoull(argv[7], NULL, 0),
		     (unsigned)strtoul(argv[8], NULL, 0), level,
		     (unsigned)strtoul(argv[10], NULL, 0));
	}
	report();
	return 0;
}
