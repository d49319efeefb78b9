/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI's firmware as the loader: BootOrder is `default`, BootNext is `once`. See loader.h. */
#pragma once

#include "selector/loader/loader.h"

enum kb_err loader_uefi_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_uefi_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* By what the stub of a unified kernel image noted (LoaderDevicePartUUID), else by BootCurrent. */
enum kb_err loader_uefi_booted(struct loader *l, int *slot) KB_MUST_CHECK;
