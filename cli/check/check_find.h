/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health checks of the running system: those of the device maker, and those of greenboot, whose
 * folders run unchanged.
 */
#pragma once

#include "cli/device/device.h"

#include <stdbool.h>

#define CHECK_FIND_MAX 256
/* For a person: there are none; and what lacks_required means. */
#define CHECK_FIND_NONE \
	"no checks in /etc/keelboot/check.d, /usr/lib/keelboot/check.d, or greenboot's folders: nothing was checked"
#define CHECK_FIND_LACKS \
	"greenboot is there without check/required.d in /usr/lib/greenboot or /etc/greenboot: its checks cannot pass"
/* "required.d/", and as long as a file's name can be: none is ever cut */
#define CHECK_NAME_MAX (16 + 255)
#define CHECK_PATH_MAX (DEVICE_PATH_MAX + 256)
#define CHECK_WHY_MAX  120

struct check_found {
	/* what a person knows it by: "10-modem", "required.d/10-dns.sh" */
	char name[CHECK_NAME_MAX + 1];
	char path[CHECK_PATH_MAX];
	/* its failure counts; that of another one is only reported */
	bool required;
	/* bash runs it, whatever its mode */
	bool bash;
	/* why it does not run: "disabled in greenboot.conf"; NULL: it runs */
	const char *off;
};

struct check_list {
	unsigned n;
	struct check_found check[CHECK_FIND_MAX];
	/* greenboot is there, and in neither of its places required.d: none of its checks can have
	 * passed */
	bool lacks_required;
	/* behind an error, in words for the history: "/etc/keelboot/check.d cannot be read" */
	char why[CHECK_WHY_MAX];
};

/*
 * In the order in which they run: /etc/keelboot/check.d and /usr/lib/keelboot/check.d by their
 * names, of which the first counts where both have one; then required.d and then wanted.d of
 * /usr/lib/greenboot/check and /etc/greenboot/check, a folder after the other. Of greenboot's
 * only what is *.sh, or executable, is a check; of ours each file, so that none is forgotten, and a
 * link to /dev/null is one that is off. Paths are below root. KB_ENOSPC: more than CHECK_FIND_MAX;
 * and other errors of folders that cannot be read: reported, and l->why has it. Then nothing of the
 * list may count: a check may be missing.
 */
enum kb_err check_find(struct check_list *l, const char *root) KB_MUST_CHECK;

/* The programs in one folder, by their names; all are required, and run. */
enum kb_err check_find_in(struct check_list *l, const char *root, const char *folder) KB_MUST_CHECK;

/* The same for what greenboot runs behind its checks: "green.d" or "red.d". */
enum kb_err check_find_after(struct check_list *l, const char *root,
			     const char *kind) KB_MUST_CHECK;
