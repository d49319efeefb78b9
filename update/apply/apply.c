/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply.h"
#include "update/apply/apply_progress.h"
#include "update/apply/apply_sources.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"
#include "update/bundle/signed_floor.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCK_MS 10000u

static bool load_configuration(struct apply *a)
{
	char keyring[2 * CONF_PATH_MAX];
	bool found;

	conf_load(&a->conf, a->o.root, &found, NULL, NULL);
	if (!found || a->conf.compatible[0] == '\0') {
		log_err("no system.conf, or no compatible= in it: no update is installed");
		return false;
	}
	snprintf(keyring, sizeof(keyring), "%s%s", a->o.root, a->conf.keyring);
	if (keyring_open(&a->keys, keyring, a->conf.signatures_required) != KB_OK) {
		log_err("no usable public key in %s: no update can be verified or installed",
			keyring);
		return false;
	}
	return true;
}

/* Loads the state under the lock, which stays held as long as the descriptor is open. */
static bool load_state(struct apply *a)
{
	enum store_finding found = STORE_LOST;
	enum kb_err err = bdev_file_open(&a->dev, a->o.state, BDEV_FILE_WRITE | BDEV_FILE_DIRECT);

	if (err == KB_OK)
		err = store_lock(a->dev.fd, LOCK_MS);
	if (err == KB_OK)
		err = store_load(&a->store, &a->dev.bdev, &a->state, &found);
	if (err != KB_OK) {
		log_err("state partition %s: %s: nothing is installed", a->o.state, err_text(err));
		return false;
	}
	if (found == STORE_FOUND)
		return true;
	log_err("state partition %s: %s: nothing is installed until it is rebuilt", a->o.state,
		found == STORE_BLANK ? "blank" : "lost");
	return false;
}

/* Nobody signed the state. Where nothing boots, what it says must not keep out the repair. */
static void bound_floor(struct apply *a)
{
	a->floor_bound = signed_floor_bound(&a->store, &a->keys, a->conf.compatible);
	if (a->state.floor > a->floor_bound)
		log_warn("the state's floor (%" PRIu64
			 ") is above every signed sequence in the slots; the rescue uses %" PRIu64,
			 a->state.floor, a->floor_bound);
}

static void name_others(struct apply *a)
{
	apply_apart_add(&a->others, "the state", a->o.state);
	for (unsigned i = 0; i < a->o.nsources; i++) {
		const struct apply_source *src = &a->o.source[i];

		if (src->kind == STATE_SRC_DATA)
			apply_apart_add(&a->others, "data", src->dev);
		else if (src->kind == STATE_SRC_RAW)
			apply_apart_add(&a->others, "raw bundles", src->dev);
	}
}

static enum apply_end run_sources(struct apply *a)
{
	for (unsigned i = 0; i < a->o.nsources; i++) {
		const struct apply_source *src = &a->o.source[i];
		enum apply_end end = APPLY_NOTHING;

		if (src->kind == STATE_SRC_DATA)
			end = apply_staged_run(a, src);
		else if (src->kind == STATE_SRC_RAW)
			end = apply_raw_run(a, src);
		if (end != APPLY_NOTHING)
			return end;
	}
	return apply_media_run(a);
}

int apply_main(int argc, char **argv)
{
	static struct apply a;
	enum apply_end end = APPLY_FAILED;

	apply_progress_init();
	signal(SIGPIPE, SIG_IGN);
	log_set_name("keelboot-apply");
	if (!apply_options_parse(&a.o, argc, argv))
		return APPLY_USAGE;
	a.dev.fd = -1;
	name_others(&a);
	if (load_configuration(&a) && load_state(&a)) {
		if (a.o.mode == PLAN_RESCUE)
			bound_floor(&a);
		end = run_sources(&a);
	}
	keyring_free(&a.keys);
	bdev_file_close(&a.dev);
	return end;
}
