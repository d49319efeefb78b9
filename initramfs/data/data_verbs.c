/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/data_verbs.h"
#include "update/wire/data_wire.h"
#include "initramfs/data/anew.h"
#include "initramfs/data/kept.h"
#include "lib/bootlog.h"
#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define MOUNT	  "/run/keelboot/data"
#define SLOT_ROOT "/sysroot" /* ROOT_DIR of initramfs/root.h */
#define ANSWER_FD 3
#define ALIVE_MS  100
#define DELETE_MS 15000 /* of what nobody needs any more: the boot waits */
#define MOUNT_HOW (MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_NOATIME)

static struct data_wire answer = { .magic = DATA_WIRE_MAGIC, .end = DATA_WIRE_FAILED };
static struct conf conf;
static struct tree_job job;
static uint64_t alive_ms;

static void report_alive(void)
{
	const char alive = DATA_WIRE_ALIVE;
	uint64_t now = os_now_ms();

	if (now - alive_ms < ALIVE_MS)
		return;
	alive_ms = now;
	(void)!os_file_write(ANSWER_FD, &alive, 1);
}

static enum data_wire_end end_of(enum kb_err err)
{
	if (err == KB_ENOENT)
		return DATA_WIRE_NONE;
	if (err == KB_ETIMEDOUT)
		return DATA_WIRE_LEFT;
	if (err == KB_ENOSPC)
		return DATA_WIRE_FULL;
	if (err == KB_EINVAL)
		return DATA_WIRE_CANNOT;
	return err == KB_OK ? DATA_WIRE_DONE : DATA_WIRE_FAILED;
}

/* ---------------------------------------------------------------- the verbs */

static enum kb_err do_make(int top, const struct kept_owner *owner)
{
	kept_method how = "";
	enum kb_err err;

	job.until_ms = 0;
	err = kept_make(&job, top, &conf, owner, how);
	memcpy(answer.how, how, sizeof(answer.how) - 1);
	/* Something that was to be copied has gone meanwhile. */
	return err == KB_ENOENT ? KB_EIO : err;
}

static enum kb_err do_look(int top, const struct kept_owner *owner)
{
	struct kept_owner found;

	(void)owner;
	TRY(kept_look(top, &found));
	answer.slot = found.slot;
	memcpy(answer.release, found.release, sizeof(answer.release));
	return KB_OK;
}

static enum kb_err do_check(int top, const struct kept_owner *owner)
{
	return kept_check(top, owner);
}

static enum kb_err do_back(int top, const struct kept_owner *owner)
{
	(void)owner;
	return kept_put_back(&job, top, conf.data_fstype);
}

static enum kb_err do_drop(int top, const struct kept_owner *owner)
{
	(void)owner;
	return kept_drop(&job, top);
}

static enum kb_err do_wipe(int top, const struct kept_owner *owner)
{
	(void)owner;
	job.until_ms = 0;
	return anew_wipe(&job, top, &conf);
}

static enum kb_err do_fill(int top, const struct kept_owner *owner)
{
	KB_CLEANUP_FD int root = -1;

	(void)owner;
	job.until_ms = 0;
	TRY(os_file_folder(SLOT_ROOT, &root));
	return anew_fill(&job, top, root, &conf);
}

static const struct verb {
	const char *name;
	enum kb_err (*run)(int top, const struct kept_owner *owner);
} verbs[] = {
	{ "make", do_make }, { "check", do_check }, { "back", do_back }, { "drop", do_drop },
	{ "look", do_look }, { "wipe", do_wipe },   { "fill", do_fill },
};

/* ---------------------------------------------------------------- around them */

/* Also those that only look replay a journal: what a cut left is not known before. */
static enum kb_err open_top(const char *dev, int *top)
{
	enum kb_err err = os_mkdir("/run/keelboot", 0755);

	if (err == KB_OK)
		err = os_mkdir(MOUNT, 0700);
	if (err == KB_OK)
		err = os_mount(dev, MOUNT, conf.data_fstype, MOUNT_HOW, NULL);
	if (err == KB_OK)
		return os_file_folder(MOUNT, top);
	tree_job_failed(&job, err, dev, "cannot be mounted");
	return KB_EMOUNT;
}

static void run_verb(const struct verb *v, const char *dev, const struct kept_owner *owner)
{
	KB_CLEANUP_FD int top = -1;
	enum kb_err err = open_top(dev, &top);

	if (err == KB_EMOUNT) {
		answer.end = DATA_WIRE_UNMOUNTED;
		return;
	}
	if (err == KB_OK)
		err = v->run(top, owner);
	answer.end = end_of(err);
	util_close(&top);
	/* What was written is durable already; this only says it once more before the root runs. */
	if (os_umount(MOUNT) != KB_OK)
		log_warn("data: %s cannot be unmounted: %m", MOUNT);
}

static bool take_owner(struct kept_owner *owner, const char *slot, const char *release)
{
	if (slot[0] == '\0' || slot[1] != '\0')
		return false;
	owner->slot = slot[0];
	return bytes_unhex(owner->release, sizeof(owner->release), release) == KB_OK;
}

static const struct verb *find_verb(const char *name)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

int data_verbs_main(int argc, char **argv)
{
	const struct verb *v = argc == 5 ? find_verb(argv[1]) : NULL;
	uint64_t begin = os_now_ms();
	struct kept_owner owner;
	bool found;

	if (v == NULL || !take_owner(&owner, argv[3], argv[4])) {
		fprintf(stderr,
			"keelboot-data: the initramfs starts it; it does nothing elsewhere\n");
		return 3;
	}
	bootlog_inherit();
	conf_load(&conf, "", &found, NULL, NULL);
	job.progress = report_alive;
	job.dev = argv[2];
	job.until_ms = begin + DELETE_MS;
	run_verb(v, argv[2], &owner);
	answer.ms = (uint32_t)(os_now_ms() - begin);
	answer.copied = job.copied;
	util_print_safe(answer.why, sizeof(answer.why), job.why);
	return os_file_write(ANSWER_FD, &answer, sizeof(answer)) == KB_OK ? 0 : 1;
}
