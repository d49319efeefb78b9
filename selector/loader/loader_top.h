/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The top folder of a FAT that belongs to a boot loader. A process beside this one mounts it, where
 * nobody else sees it (lib/os_lend.h); what the system has mounted stays as it is.
 */
#pragma once

#include "lib/os_lend.h"
#include "selector/loader/loader.h"

struct loader_top {
	struct os_lend lend;
	/* the folder; -1: it is closed */
	int dir;
};

/* Of the partition dev, below l->root; a folder there stands for what is mounted from it. To be
 * closed also after an error, which has a reason. */
enum kb_err loader_top_open(struct loader *l, const char *dev, bool write,
			    struct loader_top *top) KB_MUST_CHECK;

/* Reads a file from the medium, up to size. KB_OK with *got 0 for one that is missing. */
enum kb_err loader_top_read(const struct loader_top *top, const char *name, void *buf, size_t size,
			    size_t *got) KB_MUST_CHECK;

void loader_top_close(struct loader_top *top);
#define LOADER_TOP_CLEANUP __attribute__((cleanup(loader_top_close)))

/* The same error; with a reason, "DEV: cannot WHAT: ...", if it is one. */
enum kb_err loader_top_said(struct loader *l, const char *dev, enum kb_err err,
			    const char *what) KB_MUST_CHECK;
