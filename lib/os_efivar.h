/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables of UEFI's firmware, which are files of efivarfs: four bytes of attributes, then the
 * value. They are read by os_read_file(). Process 1 links none of these. Chosen at link time as the
 * calls of os.h.
 *
 * The firmware has stored what was written when a call returns; another one may be as slow as that
 * is. After a failure errno holds the kernel's own word for it.
 */
#pragma once

#include "lib/err.h"

#include <stddef.h>

/* Makes a variable, or replaces all of it, by one write; where it is immutable, as the kernel has
 * those that firmware needs to start, takes that away first. KB_EPERM, KB_ENOSPC, KB_EIO. */
enum kb_err os_efivar_write(const char *path, const void *data, size_t len) KB_MUST_CHECK;

/* KB_OK also when there is none. */
enum kb_err os_efivar_remove(const char *path) KB_MUST_CHECK;

/* What this machine's firmware starts from a medium when nothing names another file:
 * "BOOTX64.EFI". */
const char *os_efivar_boot_file(void);
