/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threat 44: somebody makes the processor skip a check. Of each kind of call by which an install
 * decides, each in turn is not made, and gives what it gives when all is well; once, since a fault
 * happens once. What is skipped is a whole call, no single instruction; a comparison is a call
 * here, by -fno-builtin-memcmp.
 *
 *	skip HELPER KEYS IMAGE FOLDER BUNDLE... [verify-first]
 *
 * The first bundle is genuine, the others are not. A line for each bundle and kind of call: how
 * many were skipped, one by one; how often the slot could be booted then; how often it could, and
 * held something that nobody signed; how often it could, and held what was there before; how often
 * it held something that nobody signed; bundle; call. The state of the first case that could be
 * booted, of each line, is left in FOLDER/BUNDLE.CALL.
 */
#include "tests/hostile/world.h"

#include "lib/bytes.h"
#include "update/install/install_check.h"
#include "update/install/install_seal.h"
#include "update/keys/keyring.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOT   (256u << 10) /* what a part of is not under the seal */
#define SECTOR 512u

/* clang-format off */
#define CALLS(X) \
	X(memcmp) X(bytes_all) X(digest_buf) X(EVP_DigestVerify) X(keyring_check) X(manifest_is_for) \
	X(plan_accept) X(plan_ahead) X(install_check_pair) X(install_check_all) \
	X(install_readback_add) X(install_readback_push) X(install_readback_wait) \
	X(install_seal_put_on) X(install_seal_take_off) X(bdev_write) X(bdev_read) X(bdev_flush) \
	X(bdev_flush_range)
/* clang-format on */
#define CALL_OF(name) CALL_##name,
#define NAME_OF(name) #name,
enum call { CALLS(CALL_OF) CALL_COUNT };
static const char *const names[] = { CALLS(NAME_OF) };

static enum call skipped;
static atomic_uint calls;
static unsigned skip_at; /* from 1; 0: never */

static bool skips(enum call which)
{
	return which == skipped && atomic_fetch_add(&calls, 1) + 1 == skip_at;
}

/* Each gives what it gives when all is well, or what the real one gives. `make` finds the names
 * below: of WRAP, those that the linker puts ours in place of; of CALL, what is defined elsewhere,
 * and counts only where update/ asks for it. */
#define WRAP(type, name, good, params, args) \
	WORLD_WRAP(skips(CALL_##name), type, name, good, params, args)
#define CALL(type, name, good, params, args) \
	extern __typeof__(name) skip_##name; \
	WORLD_REPLACE(skip_##name, name, skips(CALL_##name), type, good, params, args)

/* clang-format off */
CALL(int, memcmp, 0, (const void *a, const void *b, size_t n), (a, b, n))
CALL(bool, bytes_all, true, (const void *p, size_t n, uint8_t byte), (p, n, byte))
WRAP(enum kb_err, digest_buf, KB_OK,
     (struct digest *d, const void *p, size_t n, uint8_t *out), (d, p, n, out))
WRAP(int, EVP_DigestVerify, 1,
     (EVP_MD_CTX *c, const unsigned char *sig, size_t n, const unsigned char *p, size_t len),
     (c, sig, n, p, len))
WRAP(enum kb_err, keyring_check, KB_OK,
     (const struct keyring *k, const uint8_t *header, const uint8_t *area, size_t cap,
      struct keyring_verdict *v), (k, header, area, cap, v))
WRAP(bool, manifest_is_for, true, (const struct manifest *m, const char *name), (m, name))
WRAP(enum kb_err, plan_accept, (*target = 1, KB_OK),
     (const struct state *s, const struct plan_release *r, const struct plan_terms *terms,
      int *target), (s, r, terms, target))
WRAP(enum kb_err, plan_ahead, KB_OK,
     (const struct state *s, const struct plan_release *r, uint64_t jump), (s, r, jump))
WRAP(enum kb_err, install_check_pair, KB_OK, (struct install_job *j), (j))
WRAP(enum kb_err, install_check_all, KB_OK, (struct install_job *j), (j))
WRAP(enum kb_err, install_readback_add, KB_OK,
     (struct install_readback *rb, struct bdev *dev, uint64_t off, uint32_t len,
      const uint8_t *hash, bool zero), (rb, dev, off, len, hash, zero))
WRAP(enum kb_err, install_readback_push, KB_OK, (struct install_readback *rb), (rb))
WRAP(enum kb_err, install_readback_wait, KB_OK,
     (struct install_readback *rb, unsigned ms, uint64_t *done), (rb, ms, done))
WRAP(enum kb_err, install_seal_put_on, KB_OK, (struct install_job *j), (j))
WRAP(enum kb_err, install_seal_take_off, KB_OK, (struct install_job *j), (j))
CALL(enum kb_err, bdev_write, KB_OK,
     (struct bdev *b, uint64_t off, const void *p, size_t len), (b, off, p, len))
CALL(enum kb_err, bdev_read, KB_OK,
     (struct bdev *b, uint64_t off, void *p, size_t len), (b, off, p, len))
CALL(enum kb_err, bdev_flush, KB_OK, (struct bdev *b), (b))
CALL(enum kb_err, bdev_flush_range, KB_OK, (struct bdev *b, uint64_t off, uint64_t len), (b, off, len))
/* clang-format on */

static const uint8_t *image;
static uint64_t image_size;

struct sum {
	unsigned cases, boots, boots_stray, boots_stale, stray;
};

static void note(struct sum *sum, const struct world_verdict *v, const char *state)
{
	bool stray = !world_holds_only(&image, &image_size, 1, SECTOR);
	bool stale = !stray && memcmp(world_slot(), image, image_size) != 0;

	world_must(!v->other_written, "the slot that runs was touched");
	sum->cases++;
	sum->stray += stray;
	if (!v->on_trial)
		return;
	sum->boots++;
	sum->boots_stray += stray;
	sum->boots_stale += stale;
	if (sum->boots == 1)
		world_save_state(state);
}

static void all_skips(const char *path, const char *folder)
{
	const char *slash = strrchr(path, '/'), *bundle = slash != NULL ? slash + 1 : path;
	int fd = world_open(path);
	char state[PATH_MAX];

	for (skipped = 0; skipped < CALL_COUNT; skipped++) {
		struct sum sum = { 0 };

		snprintf(state, sizeof(state), "%s/%s.%s", folder, bundle, names[skipped]);
		for (skip_at = 1;; skip_at++) {
			struct world_verdict v;

			atomic_store(&calls, 0);
			v = world_try(fd, false);
			if (atomic_load(&calls) < skip_at)
				break;
			note(&sum, &v, state);
		}
		printf("%u\t%u\t%u\t%u\t%u\t%s\t%s\n", sum.cases, sum.boots, sum.boots_stray,
		       sum.boots_stale, sum.stray, bundle, names[skipped]);
	}
	skip_at = 0;
	close(fd);
}

int main(int argc, char **argv)
{
	world_slots(SLOT);
	world_begin(&argc, argv, 6);
	image = world_read_file(argv[3], &image_size);
	for (int i = 5; i < argc; i++)
		all_skips(argv[i], argv[4]);
	return 0;
}
