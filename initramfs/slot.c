/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/slot.h"

#include "hooks/hook.h"
#include "initramfs/hardware.h"
#include "initramfs/root.h"
#include "initramfs/stages.h"
#include "initramfs/verity.h"
#include "initramfs/settings.h"
#include "lib/container.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

/* Not the slot's fault: it costs nothing, and another initramfs boots it. option and pack: what
 * makes such a one. */
static enum kb_err no_driver(struct boot *b, int slot, const char *lacks, const char *option,
			     const char *pack, char *reason)
{
	b->no_driver = true;
	log_err("slot %c: this kernel has no %s: its module is not in the initramfs, or did not load (keelboot image build %s %s)",
		state_slot_letter(slot), lacks, option, pack);
	snprintf(reason, STATE_STR_MAX + 1, "no %.24s in this kernel", lacks);
	return KB_ENODEV;
}

enum kb_err slot_check_driver(struct boot *b, int slot, char *reason)
{
	const char *lacks;

	hardware_need_type(b, b->dev.slot[slot].fstype);
	if (b->root.fstype[0] != '\0')
		hardware_need_type(b, b->root.fstype);
	lacks = root_without_driver(&b->root, b->dev.slot[slot].fstype);
	if (lacks == NULL)
		return KB_OK;
	snprintf(b->rescue.lacks, sizeof(b->rescue.lacks), "%s", lacks);
	return no_driver(b, slot, lacks, "--module", lacks, reason);
}

/* Nor its fault: an initramfs that opens it boots it. */
static enum kb_err is_container(struct boot *b, int slot, const char *type, char *reason)
{
	b->no_driver = true;
	log_err("slot %c: it holds %s, which is not opened here: a slot is a file system on a partition",
		state_slot_letter(slot), type);
	snprintf(reason, STATE_STR_MAX + 1, "holds %.24s", type);
	return KB_ENODEV;
}

enum kb_err slot_look(struct boot *b, int slot, char *reason)
{
	int root = slot < (int)b->conf.nslots ? devices_root_class(&b->conf, (unsigned)slot) : -1;

	if (root < 0 || b->dev.slot[slot].part[root][0] == '\0') {
		log_warn("slot %c: its partition is missing", state_slot_letter(slot));
		snprintf(reason, STATE_STR_MAX + 1, "no partition");
		return KB_ENODEV;
	}
	if (b->dev.slot[slot].fstype[0] == '\0' && b->root.fstype[0] == '\0') {
		log_err("slot %c: no file system on %s", state_slot_letter(slot),
			b->dev.slot[slot].part[root]);
		snprintf(reason, STATE_STR_MAX + 1, "no file system");
		return KB_EFORMAT;
	}
	if (container_is(b->dev.slot[slot].fstype))
		return is_container(b, slot, b->dev.slot[slot].fstype, reason);
	return KB_OK;
}

enum kb_err slot_check_verity(struct boot *b, int slot, char *reason)
{
	const struct devices_slot *d = &b->dev.slot[slot];
	const char *lacks;

	if (b->manifest.verity == 0)
		return KB_OK;
	hardware_need(b, "dm-verity");
	lacks = verity_lacks(&b->manifest, d->part[devices_root_class(&b->conf, (unsigned)slot)],
			     state_slot_letter(slot));
	return lacks == NULL ? KB_OK : no_driver(b, slot, lacks, "--module-set", "verity", reason);
}

static bool accepts_rejected(const struct boot *b)
{
	return b->accept_rejected || b->attempt.chosen.tier == CHOOSE_LAST_RESORT;
}

/* As a last resort a hook that fails rejects nothing: a device that is up can be repaired, and one
 * that waits for a better slot cannot. */
static bool is_overruled(const struct hook_env *env, const char *reason)
{
	struct boot *b = env->idle_ctx;

	if (accepts_rejected(b))
		slot_despite(b, b->attempt.chosen.slot, reason);
	else
		b->some_rejected = true;
	return accepts_rejected(b);
}

/* The pre-mount hooks here; the post-mount ones in root_mount(), by root.env. */
static enum kb_err run_hooks_and_mount(struct boot *b, const struct hook_env *env,
				       const char *fstype, char *reason)
{
	struct root root = b->root;
	struct hook_env before = *env;

	root.env = env;
	before.root = "";
	TRY(hook_run_dir("pre-mount", &before, b->conf.hook_timeout_s, reason));
	wdt_feed(&b->wdt);
	return root_mount(&root, env->device, fstype, reason);
}

/* What lies below is part of the slot: a write to it would be a panic at the next read. */
static enum kb_err open_tree(struct boot *b, const char *dev, char slot, char node[OS_DM_NODE],
			     char *reason)
{
	enum kb_err err;

	root_protect(&b->root, dev);
	err = verity_open(&b->manifest, dev, slot, node, reason);
	if (err != KB_OK)
		root_unprotect(&b->root, dev);
	return err;
}

static void close_tree(struct boot *b, const char *dev, char slot)
{
	verity_close(slot);
	root_unprotect(&b->root, dev);
}

/* The same through dm-verity, when the slot's manifest has a root hash. */
static enum kb_err open_and_mount(struct boot *b, const struct hook_env *env, const char *fstype,
				  char *reason)
{
	char node[OS_DM_NODE], slot = env->slot[0];
	struct hook_env through = *env;
	enum kb_err err;

	if (b->manifest.verity == 0)
		return run_hooks_and_mount(b, env, fstype, reason);
	TRY(open_tree(b, env->device, slot, node, reason));
	through.device = node;
	err = run_hooks_and_mount(b, &through, fstype, reason);
	if (err != KB_OK)
		close_tree(b, env->device, slot);
	return err;
}

static const char *partition_of(const struct boot *b, int slot)
{
	return b->dev.slot[slot].part[devices_root_class(&b->conf, (unsigned)slot)];
}

static enum kb_err mount_bare(struct boot *b, int slot, char *reason)
{
	const char *dev = partition_of(b, slot), *fstype = b->dev.slot[slot].fstype;
	char node[OS_DM_NODE], letter = state_slot_letter(slot);
	enum kb_err err;

	if (b->manifest.verity == 0)
		return root_mount(&b->root, dev, fstype, reason);
	TRY(open_tree(b, dev, letter, node, reason));
	err = root_mount(&b->root, node, fstype, reason);
	if (err != KB_OK)
		close_tree(b, dev, letter);
	return err;
}

enum kb_err slot_mount_to_look(struct boot *b, int slot, char *reason)
{
	enum kb_err err = mount_bare(b, slot, reason);

	if (err == KB_OK)
		return KB_OK;
	log_err("slot %c: %s", state_slot_letter(slot), reason);
	record_history(&b->rec, HISTORY_BOOT, slot, reason, "not booted");
	return err;
}

void slot_umount(struct boot *b, int slot)
{
	root_umount(&b->root, b->mounted.dev);
	if (b->manifest.verity != 0)
		close_tree(b, partition_of(b, slot), state_slot_letter(slot));
}

void slot_despite(struct boot *b, int slot, const char *why)
{
	log_warn("slot %c: %s; booted anyway, as a last resort", state_slot_letter(slot), why);
	if (b->ndespite < BOOT_DESPITE_MAX)
		state_set_text(b->despite[b->ndespite++], why);
}

/* keelboot.slot= does not change the state. */
static void report_despite(struct boot *b, int slot)
{
	if (!accepts_rejected(b) || settings_is_forced(b))
		return;
	for (unsigned i = 0; i < b->ndespite; i++)
		record_history(&b->rec, HISTORY_BOOT, slot, b->despite[i], "booted anyway");
}

enum kb_err slot_mount(struct boot *b, int slot, char *reason)
{
	const struct devices_slot *d = &b->dev.slot[slot];
	const struct state_slot *s = &b->rec.s.slot[slot];
	const char name[2] = { state_slot_letter(slot), '\0' };
	char said[HOOK_SAID_MAX + 1];
	static struct tail tail; /* too large for a stack of process 1 */
	struct hook_env env = stages_env(b, said);
	enum kb_err err;

	env.slot = name;
	env.status = state_st_name(s->st);
	env.version = s->version;
	env.device = partition_of(b, slot);
	env.root = ROOT_DIR;
	env.overrule = is_overruled;
	tail = (struct tail){ .len = 0 };
	env.tail = &tail;
	wdt_feed(&b->wdt);
	err = open_and_mount(b, &env, d->fstype, reason);
	wdt_feed(&b->wdt);
	if (err == KB_OK) {
		report_despite(b, slot);
		return KB_OK;
	}
	log_err("slot %s: %s", name, reason);
	record_history(&b->rec, HISTORY_BOOT, slot, reason, said[0] != '\0' ? said : "not booted");
	if (tail.len > 0 && tail.text[tail.len - 1] != '\n')
		tail_add(&tail, "\n", 1);
	tail_add(&tail, reason, strlen(reason));
	record_trial_words(&b->rec, slot, &tail);
	return err;
}
