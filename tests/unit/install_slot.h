/* SPDX-License-Identifier: Apache-2.0 */
/* The device that an install is tried on: device 0 is the state partition, device 1 the root
 * partition of slot b, device 2 another one. */
#pragma once

#include "tests/unit/install_fixture.h"
#include "tests/unit/test.h"

#define KIB    1024u
#define PART   (2048 * KIB)
#define TARGET 1

static struct fixture_log events;
static struct fixture_dev state_dev, root_dev, boot_dev;
static struct state state;
static struct store store;
static struct reader reader;
static struct install in;
static int bundle = -1;
static uint8_t before[PART]; /* what root holds */
static uint8_t page[PART] __attribute__((aligned(BDEV_ALIGN)));

static inline void put(struct fixture_dev *d, uint64_t off, const void *data, size_t len)
{
	memcpy(page, data, len);
	OK(bdev_write(&d->sim.bdev, off, page, len));
	OK(bdev_flush(&d->sim.bdev));
}

static inline const uint8_t *content(struct fixture_dev *d, uint64_t off, size_t len)
{
	OK(bdev_read(&d->sim.bdev, off, page, len));
	return page;
}

static inline void forget_events(void)
{
	events.n = events.cut_at = 0;
	events.off = false;
	events.redundant = 0;
}

/* Slot a is good; slot b holds an older release, good too, with its manifest. */
static inline void set_up_state(struct bdev *partition)
{
	struct store_manifest m = { .sequence = 1, .version = "1.0", .len = 512 };
	enum store_finding found;

	OK(store_load(&store, partition, &state, &found));
	fixture_good_slots(&state);
	memset(m.release, 0x11, sizeof(m.release));
	memset(page, 0x77, 512);
	OK(store_manifest_write(&store, TARGET, &m, page));
	OK(store_save_both(&store, &state));
}

/* What the medium has. */
static inline void load(void)
{
	enum store_finding found;

	OK(store_load(&store, &state_dev.bdev, &state, &found));
	assert_int_equal(found, STORE_FOUND);
}

/* Of what the reader has open, into slot b; the parts are to be named. */
static inline void set_up_install(unsigned nparts, const char *helper)
{
	in = (struct install){ .r = &reader,
			       .store = &store,
			       .s = &state,
			       .target = TARGET,
			       .mode = PLAN_COMMAND,
			       .nparts = nparts,
			       .helper = helper };
}

static inline void set_up_part(unsigned i, const char *cls, struct bdev *dev)
{
	snprintf(in.part[i].cls, sizeof(in.part[i].cls), "%s", cls);
	in.part[i].dev = dev;
}

static inline void free_devices(void)
{
	cut_disk_free(&state_dev.sim);
	cut_disk_free(&root_dev.sim);
	cut_disk_free(&boot_dev.sim);
}
