/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a candidate goes through before its charge, and between that and the moment in which its
 * root can be entered: the hooks before and after the mount.
 */
#pragma once

#include "initramfs/boot_data.h"

/* reason has room for STATE_STR_MAX + 1 bytes, and is untouched when nothing fails. */

/* Whether there is something to mount, without writing. KB_ENODEV: no partition, which is not the
 * slot's fault. KB_EFORMAT: no file system. */
enum kb_err slot_look(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/* Whether this kernel has a driver for it. KB_ENODEV: none, which is not the slot's fault. */
enum kb_err slot_check_driver(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/* After verify_manifest(): whether this kernel can open the tree that the manifest names.
 * KB_ENODEV: it has no dm-verity, or not that hash, which is not the slot's fault. */
enum kb_err slot_check_verity(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/*
 * Runs pre-mount hooks, mounts the slot's root on ROOT_DIR, runs post-mount hooks. On failure
 * nothing stays mounted, the log and the history have the reason. Errors as root_mount()'s. In the
 * last resort a hook that fails is reported by slot_despite(), and rejects nothing.
 */
enum kb_err slot_mount(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/*
 * Mounts the slot's root on ROOT_DIR as slot_mount() does, but for the hooks: to read what is in
 * it. On failure nothing stays mounted, and the log and the history have the reason.
 */
enum kb_err slot_mount_to_look(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/* Takes that back. */
void slot_umount(struct boot *b, int slot);

/* Notes what the candidate is tried despite: for the log and boot.json, and for the history if it
 * is a last resort and mounts. */
void slot_despite(struct boot *b, int slot, const char *why);
