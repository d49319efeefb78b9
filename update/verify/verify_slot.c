/* SPDX-License-Identifier: Apache-2.0 */
#include "update/verify/verify_slot.h"

#include "lib/bdev.h"
#include "lib/bytes.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/store.h"
#include "update/bundle/manifest_fits.h"
#include "update/bundle/signed_floor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_FD 3

struct verify {
	const char *state, *root;
	int slot;
	struct conf conf;
	struct keyring keys;
	struct bdev_file dev;
	struct store store;
	struct state s;
	struct store_manifest cell;
	uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
	struct reader reader;
	struct verify_answer answer;
};

static bool parse_options(struct verify *v, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		const char *value = argv[i + 1];

		if (strcmp(argv[i], "--state") == 0)
			v->state = value;
		else if (strcmp(argv[i], "--root") == 0)
			v->root = value;
		else if (strcmp(argv[i], "--slot") == 0 && value[0] >= 'a' &&
			 value[0] < 'a' + STATE_SLOTS_MAX && value[1] == '\0')
			v->slot = value[0] - 'a';
		else
			return false;
	}
	return argc % 2 == 1 && v->state != NULL && v->slot >= 0;
}

static enum verify_slot_end load_cell(struct verify *v)
{
	char keyring[2 * CONF_PATH_MAX];
	enum store_finding found = STORE_LOST;
	enum kb_err err;
	bool any;

	conf_load(&v->conf, v->root, &any, NULL, NULL);
	snprintf(keyring, sizeof(keyring), "%s%s", v->root, v->conf.keyring);
	if (keyring_open(&v->keys, keyring, v->conf.signatures_required) != KB_OK) {
		log_err("no usable public key in %s: nothing can be verified", keyring);
		return VERIFY_SLOT_UNVERIFIED;
	}
	err = bdev_file_open(&v->dev, v->state, 0);
	if (err == KB_OK)
		err = store_load(&v->store, &v->dev.bdev, &v->s, &found);
	if (err == KB_OK)
		err = store_manifest_read(&v->store, v->slot, &v->cell, v->blob, sizeof(v->blob));
	if (err == KB_OK)
		return VERIFY_SLOT_OK;
	log_err("manifest of slot %c on %s: %s", state_slot_letter(v->slot), v->state,
		err_text(err));
	return VERIFY_SLOT_FAILED;
}

static enum verify_slot_end check_cell(struct verify *v)
{
	const struct state_slot *s = &v->s.slot[v->slot];
	const struct reader *r = &v->reader;
	char why[MANIFEST_WHY], name = state_slot_letter(v->slot);

	if (signed_floor_open(&v->reader, v->blob, v->cell.len, &v->keys) != KB_OK) {
		log_err("manifest of slot %c: %s", name, r->why);
		return VERIFY_SLOT_UNVERIFIED;
	}
	if (manifest_fits_model(why, &r->m, v->conf.compatible) != KB_OK) {
		log_err("manifest of slot %c: %s", name, why);
		return VERIFY_SLOT_FOREIGN;
	}
	/* A state that was lost says nothing; process 1 compares with what it made of that. */
	if (v->slot < v->s.nslots && s->has_release && !state_holds(s, r->release.id)) {
		log_err("manifest of slot %c: of another release than in the state", name);
		return VERIFY_SLOT_UNVERIFIED;
	}
	return VERIFY_SLOT_OK;
}

static const struct manifest_image *root_image(const struct manifest *m)
{
	for (unsigned i = 0; i < m->nimages; i++) {
		if (strcmp(m->image[i].name, "root") == 0)
			return &m->image[i];
	}
	return NULL;
}

static void fill_answer(struct verify *v)
{
	const struct manifest_image *im = root_image(&v->reader.m);
	struct verify_answer *a = &v->answer;

	memset(a, 0, sizeof(*a));
	a->magic = VERIFY_ANSWER_MAGIC;
	memcpy(a->release, v->reader.release.id, sizeof(a->release));
	if (im == NULL || !im->verity.present)
		return;
	a->verity = 1;
	a->data_block = im->verity.data_block;
	a->hash_block = im->verity.hash_block;
	a->image_size = im->size;
	a->tree_off = im->verity.tree_off;
	snprintf(a->algorithm, sizeof(a->algorithm), "%.15s", im->verity.algorithm);
	bytes_hex(a->root_hash, im->verity.root_hash, im->verity.root_hash_len);
	snprintf(a->salt, sizeof(a->salt), "-");
	if (im->verity.salt_len > 0)
		bytes_hex(a->salt, im->verity.salt, im->verity.salt_len);
}

static enum verify_slot_end send_answer(struct verify *v)
{
	fill_answer(v);
	if (verify_answer_check(&v->answer) != KB_OK) {
		log_err("manifest of slot %c: the kernel cannot use its dm-verity tree",
			state_slot_letter(v->slot));
		return VERIFY_SLOT_FAILED;
	}
	if (os_file_write(ANSWER_FD, &v->answer, sizeof(v->answer)) != KB_OK)
		return VERIFY_SLOT_FAILED;
	return VERIFY_SLOT_OK;
}

enum verify_slot_end verify_slot_main(int argc, char **argv)
{
	static struct verify v; /* of zeroes, or half a MiB of them would lie in the file */
	enum verify_slot_end end;

	v.root = "";
	v.slot = -1;
	v.dev.fd = -1;
	signal(SIGPIPE, SIG_IGN);
	log_set_name("keelboot-verify");
	if (!parse_options(&v, argc, argv)) {
		log_err("usage: keelboot-verify --state DEVICE --slot LETTER [--root FOLDER]");
		return VERIFY_SLOT_USAGE;
	}
	end = load_cell(&v);
	if (end == VERIFY_SLOT_OK)
		end = check_cell(&v);
	if (end == VERIFY_SLOT_OK)
		end = send_answer(&v);
	reader_close(&v.reader);
	keyring_free(&v.keys);
	bdev_file_close(&v.dev);
	return end;
}
