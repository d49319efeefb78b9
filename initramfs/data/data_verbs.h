/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-data VERB DEVICE SLOT RELEASE: the one program of the boot that writes to the data
 * partition's file system. The initramfs starts it, with mounts of its own and a time limit; it
 * may crash or hang, and the boot goes on.
 */
#pragma once

/* It answers on descriptor 3, as update/wire/data_wire.h says. Exit 0, 1 when the answer could not
 * be written, 3 usage. */
int data_verbs_main(int argc, char **argv);
