/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-apply, but the kernel's file system on a stick is a folder ($STICK_FOLDER): whatever can
 * lie in a folder lies on the stick then, fifos and devices too. The flags of the mount are those
 * that were asked for. Each mount is told on standard error: "mount DEVICE TYPE FLAGS"; and with
 * $STICK_COUNT, at the end, how many signatures were verified: "verified NUMBER".
 */
#include "lib/os.h"
#include "lib/os_mounts.h"
#include "update/apply/apply.h"
#include "update/apply/media.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

extern __typeof__(os_mount) __real_os_mount, __wrap_os_mount;
extern __typeof__(EVP_DigestVerify) __real_EVP_DigestVerify, __wrap_EVP_DigestVerify;

enum kb_err __wrap_os_mount(const char *source, const char *target, const char *fstype,
			    unsigned long flags, const char *options)
{
	const char *folder = getenv("STICK_FOLDER");

	if (source == NULL)
		return __real_os_mount(source, target, fstype, flags, options);
	fprintf(stderr, "mount %s %s %#lx\n", source, fstype, flags);
	if (folder == NULL || strcmp(fstype, "vfat") != 0)
		return KB_EMOUNT;
	if (mount(folder, target, NULL, MS_BIND, NULL) < 0)
		return KB_EMOUNT;
	return mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? KB_EMOUNT
										 : KB_OK;
}

static unsigned verified;

int __wrap_EVP_DigestVerify(EVP_MD_CTX *c, const unsigned char *sig, size_t n,
			    const unsigned char *data, size_t len)
{
	verified++;
	return __real_EVP_DigestVerify(c, sig, n, data, len);
}

int main(int argc, char **argv)
{
	int rc = os_mounts_own() == KB_OK ? apply_main(argc, argv) : APPLY_FAILED;

	if (getenv("STICK_COUNT") != NULL)
		fprintf(stderr, "verified %u\n", verified);
	return rc;
}
