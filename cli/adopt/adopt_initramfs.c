/* SPDX-License-Identifier: Apache-2.0 */
/* The initramfs of the distribution: who makes it, and is Keelboot in it? */
#include "cli/adopt/adopt.h"

#include "cli/bundle/bundle_output.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_command.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define LIST_MS	  120000
#define MAKE_MS	  1800000 /* each kernel's, on a slow machine */
#define WORDS_MAX 8	  /* of a generator, and those before it */
#define WANTED	  "etc/keelboot/system.conf\n"
#define HOLD	  "/boot/keelboot-adopt"

static const struct adopt_generator generators[] = {
	{ "keelboot-initramfs-tools",
	  "/usr/share/initramfs-tools/hooks/keelboot",
	  "/boot/initrd.img-",
	  "lsinitramfs",
	  { "update-initramfs", "-u", "-k", "all", NULL } },
	{ "keelboot-dracut",
	  "/usr/lib/dracut/modules.d/50keelboot/module-setup.sh",
	  "/boot/initrd.img-",
	  "lsinitrd",
	  { "sh", "/usr/lib/keelboot/dracut-renew", NULL } },
};

/* Of another system, below --sys-root, it is that one's own: ours would look at this machine. */
static void words_of(const struct adopt *ad, const char *const argv[],
		     const char *words[WORDS_MAX + 1])
{
	size_t n = 0;

	if (ad->sys_root[0] != '\0') {
		words[n++] = "chroot";
		words[n++] = ad->sys_root;
	}
	while (*argv != NULL && n < WORDS_MAX)
		words[n++] = *argv++;
	words[n] = NULL;
}

/* Runs a program of PATH. list: a file that takes what it prints; -1: ours does. */
static enum kb_err run_program(const struct adopt *ad, const char *const argv[], int list,
			       unsigned limit_ms)
{
	char program[PATH_MAX];
	const char *words[WORDS_MAX + 1];
	struct os_spawn sp = { .path = program, .argv = words, .fd3 = list, .capture = list >= 0 };
	int status = 0;
	pid_t pid;

	words_of(ad, argv, words);
	if (!os_command_find(words[0], program)) {
		log_err("%s is not installed", words[0]);
		return KB_EEXEC;
	}
	TRY(os_spawn(&sp, &pid));
	if (os_wait(pid, limit_ms, &status) != KB_OK) {
		log_err("%s takes longer than %u s", argv[0], limit_ms / 1000);
		TRY(os_kill(pid));
		return KB_ETIMEDOUT;
	}
	return status == 0 ? KB_OK : KB_ECHILD;
}

/* Reads a list in pieces: what is looked for may lie on the border of two. */
static bool list_has(int fd, const char *name)
{
	char buf[8192];
	size_t keep = strlen(name) - 1, have = 0, got;
	uint64_t off = 0;

	while (os_file_read(fd, off, buf + have, sizeof(buf) - have - 1, &got) == KB_OK &&
	       got > 0) {
		off += got;
		have += got;
		buf[have] = '\0';
		if (memmem(buf, have, name, strlen(name)) != NULL)
			return true;
		if (have > keep) {
			memmove(buf, buf + have - keep, keep);
			have = keep;
		}
	}
	return false;
}

/* file: below sys_root. */
static bool has_keelboot(const struct adopt *ad, const char *file)
{
	const char *argv[] = { ad->generator->list, file, NULL };
	char path[DEVICE_PATH_MAX];
	KB_CLEANUP_FD int list = -1;

	adopt_path(ad, path, file);
	return os_exists(path) && os_file_memory("", 0, &list) == KB_OK &&
	       run_program(ad, argv, list, LIST_MS) == KB_OK && list_has(list, WANTED);
}

struct images {
	const struct adopt *ad;
	bool has, lacks;
};

/* Of a kernel that is installed; not what a generator left beside it. The running one may be that
 * of a rescue system. */
static enum kb_err look_at_image(void *ctx, const char *name)
{
	struct images *images = ctx;
	const struct adopt *ad = images->ad;
	const char *image = strrchr(ad->generator->image, '/') + 1;
	char modules[DEVICE_PATH_MAX], file[512];
	size_t len = strlen(image);

	if (images->lacks || strncmp(name, image, len) != 0)
		return KB_OK;
	snprintf(file, sizeof(file), "/lib/modules/%s", name + len);
	adopt_path(ad, modules, file);
	if (!os_exists(modules) && strcmp(name + len, ad->kernel) != 0)
		return KB_OK;
	snprintf(file, sizeof(file), "/boot/%s", name);
	if (has_keelboot(ad, file))
		images->has = true;
	else
		images->lacks = true;
	return KB_OK;
}

/* Any of them may be started, and each would boot root= without Keelboot. */
static bool is_in_initramfs(const struct adopt *ad)
{
	struct images images = { .ad = ad };
	char file[256], path[DEVICE_PATH_MAX];

	snprintf(file, sizeof(file), "/lib/modules/%s", ad->kernel);
	adopt_path(ad, path, file);
	snprintf(file, sizeof(file), "%s%s", ad->generator->image, ad->kernel);
	if (os_exists(path) && !has_keelboot(ad, file))
		return false;
	adopt_path(ad, path, "/boot");
	return os_each(path, look_at_image, &images) == KB_OK && images.has && !images.lacks;
}

void adopt_look_at_initramfs(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX];

	adopt_path(ad, path, "/proc/sys/kernel/osrelease");
	if (os_read_file(path, ad->kernel, sizeof(ad->kernel), NULL) != KB_OK)
		ad->kernel[0] = '\0';
	ad->kernel[strcspn(ad->kernel, "\n")] = '\0';
	for (size_t i = 0; i < KB_ARRAY_LEN(generators) && ad->generator == NULL; i++) {
		adopt_path(ad, path, generators[i].glue);
		if (os_exists(path))
			ad->generator = &generators[i];
	}
	adopt_path(ad, path, HOLD);
	ad->in_initramfs = ad->generator != NULL && !os_exists(path) && is_in_initramfs(ad);
}

enum kb_err adopt_hold_initramfs(const struct adopt *ad)
{
	static const char text[] = "keelboot adopt has not finished: run it again\n";
	char path[DEVICE_PATH_MAX];

	adopt_path(ad, path, HOLD);
	return bundle_output_whole(path, text, sizeof(text) - 1);
}

enum kb_err adopt_make_initramfs(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX];
	enum kb_err err;

	adopt_path(ad, path, HOLD);
	err = os_unlink(path);
	if (err == KB_OK || err == KB_ENOENT)
		err = run_program(ad, ad->generator->make, -1, MAKE_MS);
	if (err != KB_OK) {
		log_err("%s failed: a kernel whose initramfs it did not make anew boots as before; see what it said, and run `keelboot adopt` again",
			ad->generator->make[0]);
		return err;
	}
	if (is_in_initramfs(ad))
		return KB_OK;
	log_err("%s left Keelboot out of %s* of a kernel: see what it said; that kernel boots as before",
		ad->generator->make[0], ad->generator->image);
	return KB_ENOENT;
}
