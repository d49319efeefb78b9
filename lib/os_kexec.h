/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls that load another kernel, beside those of os.h that start it. Process 1 links
 * none of them. The errors are those of err_errno(); after a failure errno holds the kernel's own
 * word for it.
 */
#pragma once

#include "lib/err.h"

#include <stdint.h>

/*
 * Opens a file to read it, by its path as it is once root is "/": links, absolute ones too, lead to
 * what is below root. It is the caller's, who closes it by os_close(). KB_EINVAL: it is no regular
 * file.
 */
enum kb_err os_kexec_open(const char *root, const char *path, int *fd,
			  uint64_t *size) KB_MUST_CHECK;

/* Loads a kernel and its initramfs, for os_kexec() to start with that command line. The kernel
 * that runs reads both, and checks them as it was made to. */
enum kb_err os_kexec_load(int kernel, int initramfs, const char *cmdline) KB_MUST_CHECK;
