/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-fleet has in its folder: the record of the action, and the bundle that is fetched.
 */
#pragma once

#include "fleet/action.h"
#include "fleet/monitor.h"

struct files {
	int dir, lock;
	struct folder folder;
};

enum files_use {
	FILES_LOOK, /* as it is; another run may change it */
	FILES_HAVE, /* and keep other runs out */
	FILES_MAKE, /* and make it if it is missing */
};

/* Leaves nothing open where it fails. KB_ENOENT: it is missing, and not to be made. KB_EBUSY:
 * another run has it; KB_EPERM, KB_EIO: these were reported. */
enum kb_err files_open(struct files *f, struct monitor *m, enum files_use use) KB_MUST_CHECK;
void files_close(struct files *f);

/* Another file of the folder, as it is. KB_ENOENT, KB_EIO. */
enum kb_err files_read(const struct files *f, const char *name, void *buf, size_t size,
		       size_t *len) KB_MUST_CHECK;
/* The file anew, in the place of the old one, and durable when it returns KB_OK; else reported. */
enum kb_err files_write(const struct files *f, const char *name, const void *buf,
			size_t len) KB_MUST_CHECK;

/* The same of a text that is to be kept on a full disk, too; blanks follow it. */
enum kb_err files_rewrite(const struct files *f, const char *name, const char *text,
			  size_t len) KB_MUST_CHECK;

/* What is kept of an action; zero where nothing is, or what cannot be read, which is reported. */
void files_load(const struct files *f, struct action *a);
/* Durable when it returns KB_OK. KB_EIO, KB_ENOSPC, which it has reported. */
enum kb_err files_save(const struct files *f, const struct action *a) KB_MUST_CHECK;
/* What files_save() would write is there. */
bool files_has(const struct files *f, const struct action *a);

/* A download may add so many bytes on the data partition: it leaves a reserve to the others, one
 * part in 32 of it, 64 MiB at most. false: why says it. */
bool files_have_room(const struct files *f, uint64_t wanted, char why[ACTION_WHY_MAX + 1]);
/* The same for the download of an action, in which it notes what there is no room for: that is
 * looked for first by the next contact, before it asks for anything (files_have_room()). */
bool files_find_room(const struct files *f, struct action *a, uint64_t wanted,
		     char why[ACTION_WHY_MAX + 1]);
/* How many bytes of a bundle are here; 0: none. */
uint64_t files_bundle_size(const struct files *f);
/* Opens it, behind the first `from` bytes, and cuts off the rest. KB_EIO, KB_EINVAL: *fd
 * is closed. */
enum kb_err files_bundle_open(const struct files *f, uint64_t from, int *fd) KB_MUST_CHECK;
void files_bundle_drop(const struct files *f);
