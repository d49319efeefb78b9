/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/kexec/kexec_main.h"

#include "initramfs/kexec/kexec_line.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_kexec.h"
#include "lib/os_memory.h"
#include "lib/util.h"
#include "update/wire/kexec_end.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define KERNEL_MAX    (128ull << 20)
#define INITRAMFS_MAX (512ull << 20)
#define BASE_LINE_MAX 4096

struct image {
	const char *root, *keys;
	char slot;
	int kernel, initramfs;
	uint64_t kernel_size, initramfs_size;
	char text[KEXEC_WORDS_MAX + 1];
	char line[KEXEC_LINE_MAX + 1];
};

static const char *const kernels[] = { "/boot/vmlinuz", "/vmlinuz", "/boot/Image", "/Image", NULL };
static const char *const initramfses[] = { "/boot/initramfs.img", "/boot/initrd.img",
					   "/initramfs.img", "/initrd.img", NULL };
static const char *const words[] = { "/boot/kernel-words", "/kernel-words", NULL };

/* A journal is not replayed: what is there stays as it was installed. */
static enum kexec_end mount_device(const char *dev, const char *root)
{
	static const struct {
		const char *type, *options;
	} usual[] = {
		{ "vfat", NULL }, { "ext4", "noload" }, { "squashfs", NULL }, { "erofs", NULL }
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(usual); i++)
		if (os_mount(dev, root, usual[i].type, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			     usual[i].options) == KB_OK)
			return KEXEC_LOADED;
	log_err("%s: no file system that this kernel has a driver for: %m", dev);
	return KEXEC_OF_SLOT;
}

/* path: of system.conf; "": the first of the usual ones that is there. */
static enum kexec_end open_image(const struct image *m, const char *what, const char *path,
				 const char *const *usual, int *fd, uint64_t *size)
{
	const char *const given[] = { path, NULL };
	enum kb_err err = KB_ENOENT;

	if (path[0] != '\0')
		usual = given;
	for (; *usual != NULL && err == KB_ENOENT; usual++) {
		path = *usual;
		err = os_kexec_open(m->root, path, fd, size);
	}
	if (err == KB_OK)
		return KEXEC_LOADED;
	if (err == KB_ENOENT && given[0][0] == '\0')
		log_err("the slot has no %s at the usual places; name it: [loader] %s=", what,
			what);
	else
		log_err("%s: %m", path);
	return errno == ENOSYS ? KEXEC_OF_BASE : KEXEC_OF_SLOT;
}

/* The kernel has each of them twice for a moment. */
static enum kexec_end check_size(const struct image *m)
{
	uint64_t needs = 2 * (m->kernel_size + m->initramfs_size), left = os_memory_available();

	if (m->kernel_size > KERNEL_MAX || m->initramfs_size > INITRAMFS_MAX)
		log_err("kernel or initramfs too large: %" PRIu64 " and %" PRIu64
			" MiB; at most %llu and %llu",
			m->kernel_size >> 20, m->initramfs_size >> 20, KERNEL_MAX >> 20,
			INITRAMFS_MAX >> 20);
	else if (left != 0 && needs > left)
		log_err("not enough memory: kernel and initramfs need %" PRIu64 " MiB, and %" PRIu64
			" are free",
			needs >> 20, left >> 20);
	else
		return KEXEC_LOADED;
	return KEXEC_OF_SLOT;
}

static enum kb_err read_words_of(struct image *m, const char *path)
{
	size_t len = 0, got = 1;
	uint64_t size;
	int fd;
	enum kb_err err = os_kexec_open(m->root, path, &fd, &size);

	if (err == KB_OK && size > KEXEC_WORDS_MAX) {
		errno = EFBIG;
		err = KB_ENOSPC;
	}
	while (err == KB_OK && got > 0 && len < KEXEC_WORDS_MAX) {
		err = os_read(fd, m->text + len, KEXEC_WORDS_MAX - len, &got);
		len += err == KB_OK ? got : 0;
	}
	if (err == KB_OK && memchr(m->text, '\0', len) != NULL) {
		errno = EINVAL;
		err = KB_EFORMAT;
	}
	os_close(&fd);
	return err;
}

/* It may be missing. */
static enum kexec_end read_words(struct image *m, const char *path)
{
	const char *const given[] = { path, NULL };
	const char *const *at = path[0] != '\0' ? given : words;
	enum kb_err err = KB_ENOENT;

	for (; *at != NULL && err == KB_ENOENT; at++) {
		path = *at;
		err = read_words_of(m, path);
	}
	if (err == KB_OK || err == KB_ENOENT)
		return KEXEC_LOADED;
	log_err("%s: %m; it is a text of at most %d bytes", path, KEXEC_WORDS_MAX);
	return KEXEC_OF_SLOT;
}

static enum kexec_end make_line(struct image *m)
{
	char base[BASE_LINE_MAX + 1];
	enum kb_err err = os_read_file("/proc/cmdline", base, sizeof(base), NULL);

	if (err == KB_OK)
		err = kexec_line_make(m->line, base, m->text, m->slot, m->keys);
	if (err == KB_OK)
		return KEXEC_LOADED;
	log_err("its command line: %s%s",
		err == KB_EFORMAT ? "a quote without its end, or a byte that is no text"
				  : err_text(err),
		err == KB_ENOSPC ? "; a kernel takes 2047 bytes, those of the first kernel included"
				 : "");
	return KEXEC_OF_SLOT;
}

static const char *why_refused(int errnum)
{
	switch (errnum) {
	case ENOEXEC:
		return ": no kernel for this machine, or of a kind that it cannot start (on x86 it must be a bzImage)";
	case EPERM:
	case EKEYREJECTED:
	case ENOKEY:
	case ENODATA:
	case EBADMSG:
		return ": the kernel that runs asks for a signature by a key that it trusts; sign it";
	case ENOSYS:
		return ": the kernel that runs needs CONFIG_KEXEC_FILE=y";
	default:
		return "";
	}
}

static enum kexec_end load_image(const struct image *m)
{
	if (os_kexec_load(m->kernel, m->initramfs, m->line) == KB_OK)
		return KEXEC_LOADED;
	log_err("unable to load it: %m%s", why_refused(errno));
	return errno == ENOSYS || errno == EBUSY ? KEXEC_OF_BASE : KEXEC_OF_SLOT;
}

static enum kexec_end load_all(struct image *m, char **argv)
{
	enum kexec_end end = KEXEC_LOADED;

	if (argv[2][0] != '\0')
		end = mount_device(argv[2], m->root);
	if (end == KEXEC_LOADED)
		end = open_image(m, "kernel", argv[4], kernels, &m->kernel, &m->kernel_size);
	if (end == KEXEC_LOADED)
		end = open_image(m, "initramfs", argv[5], initramfses, &m->initramfs,
				 &m->initramfs_size);
	if (end == KEXEC_LOADED)
		end = check_size(m);
	if (end == KEXEC_LOADED)
		end = read_words(m, argv[6]);
	if (end == KEXEC_LOADED)
		end = make_line(m);
	return end == KEXEC_LOADED ? load_image(m) : end;
}

int kexec_main(int argc, char **argv)
{
	static struct image m;

	log_set_name("keelboot-kexec");
	if (argc != 8 || strlen(argv[3]) != 1) {
		log_err("usage: keelboot-kexec ROOT DEVICE SLOT KERNEL INITRAMFS WORDS KEYS");
		return KEXEC_USAGE;
	}
	m = (struct image){
		.root = argv[1], .keys = argv[7], .slot = argv[3][0], .kernel = -1, .initramfs = -1
	};
	return load_all(&m, argv);
}
