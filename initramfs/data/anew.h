/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data partition made anew by the maker's rule: all goes but [data] keep=, Keelboot's own
 * folder and the stage folder; then the content of [data] template= of the slot comes. Each half
 * may be cut at any point, and begun again. Between them is the file keelboot/fill. The second half
 * comes once more, for [data] paths= only, when a trial that began between them is left
 * (keelboot/fill.named).
 */
#pragma once

#include "initramfs/data/tree_job.h"
#include "lib/conf.h"

/* Deletes what does not stay. KB_EINVAL: the rule cannot be read, and nothing was touched. A
 * subvolume that is a path of its own for [data] paths=, or that lies at the top, is emptied: it
 * may be mounted by its name. Durable after KB_OK. */
enum kb_err anew_wipe(struct tree_job *job, int top, const struct conf *c) KB_MUST_CHECK;

/* root: the slot's, open. What is in the way is replaced, but for what stays. KB_ENOENT: this is
 * done, or there was no reset. Durable after KB_OK. */
enum kb_err anew_fill(struct tree_job *job, int top, int root, const struct conf *c) KB_MUST_CHECK;

/* The folder that [data] template= names in a root, which is open; a link leads nowhere. The caller
 * closes it. KB_ENOENT, KB_EINVAL: it is missing, or no folder. */
enum kb_err anew_open_template(int root, const char *path, int *dir) KB_MUST_CHECK;
