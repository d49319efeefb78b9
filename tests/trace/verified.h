/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace of a verified slot needs: its manifest, and what keelboot-verify says of it. */
#pragma once

#include "tests/trace/machine.h"

#include "selector/store_internal.h"
#include "update/wire/verify_answer.h"

#define VERIFY	     "spawn keelboot-verify"
#define VERITY_CONF  "[system]\nverify-slot=boot\n"
#define ROOT_HASH_16 "cccccccccccccccc"

static struct verify_answer answer;

/* The slot's manifest cell; its text names a root hash or does not. */
static inline void put_manifest(int slot, const struct state *s, bool verity)
{
	const char *blob = verity ? "x\nverity-root-hash=cc\n" : "x\nno tree\n";
	struct store_manifest m = { .sequence = s->slot[slot].sequence, .len = strlen(blob) };
	enum store_finding found;
	struct state old;
	struct store st;

	memcpy(m.release, s->slot[slot].release, sizeof(m.release));
	OK(store_load(&st, &machine.state.bdev, &old, &found));
	OK(store_manifest_write(&st, slot, &m, blob));
	bdev_sim_cut(&machine.state, 1);
}

static inline void make_answer(const struct state *s, int slot, bool verity)
{
	memset(&answer, 0, sizeof(answer));
	answer.magic = VERIFY_ANSWER_MAGIC;
	memcpy(answer.release, s->slot[slot].release, sizeof(answer.release));
	if (!verity)
		return;
	answer.verity = 1;
	answer.data_block = answer.hash_block = 4096;
	answer.image_size = 81 * 4096;
	answer.tree_off = 80 * 4096;
	snprintf(answer.algorithm, sizeof(answer.algorithm), "sha256");
	memset(answer.root_hash, 'c', 64);
	snprintf(answer.salt, sizeof(answer.salt), "-");
}

static inline void helper_answers(int exit_code)
{
	struct os_sim_child c = { .argv0 = "keelboot-verify", .status = exit_code << 8 };

	if (exit_code == 0)
		c.say[0] = (struct os_sim_say){ 0, &answer, sizeof(answer) };
	os_sim_child(&c);
}

/* What sysfs and procfs show of a kernel whose dm-verity has this hash; NULL: it has no dm-verity.
 */
static inline void kernel_has(const char *hash)
{
	os_sim_file("/sys/module/ext4/initstate", "live\n");
	os_sim_remove("/sys/module/dm_verity");
	os_sim_remove("/proc/crypto");
	if (hash == NULL)
		return;
	os_sim_file("/sys/module/dm_verity/parameters/prefetch_cluster", "262144\n");
	os_sim_file("/proc/crypto",
		    strf("name         : %s\ndriver       : %s-generic\n", hash, hash));
}

static inline void mapped_device(void)
{
	kernel_has("sha256");
	os_sim_file("/dev/dm-0", "");
	os_sim_fs("/dev/dm-0", "ext4");
	os_sim_fs_file("/dev/dm-0", "/sbin/init", NULL);
}

/* What a boot of that slot needs that verity opens. */
static inline void verity_opens(const struct state *s, int slot)
{
	make_answer(s, slot, true);
	helper_answers(0);
	mapped_device();
}

/* A device with this state, and with that cell. */
static inline void put_with_manifest(const struct state *s, int slot, bool verity)
{
	machine_put(*s);
	put_manifest(slot, s, verity);
}
