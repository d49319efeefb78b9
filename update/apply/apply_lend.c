/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_lend.h"

#include "lib/conf_place.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static struct os_lend lender = { .sock = -1 };

/* The partition of "/dev/vda1:/EFI/x.efi"; a partition itself needs no lender. */
static void add_path(struct os_lend_list *list, const char *path)
{
	conf_spec dev;

	if (conf_place_split(path, dev) == NULL || list->n == OS_LEND_DEVICES)
		return;
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->dev[i], dev) == 0)
			return;
	snprintf(list->dev[list->n++], OS_LEND_PATH, "%s", dev);
}

static void begin(const struct os_lend_list *list)
{
	if (list->n > 0 && os_lend_begin(&lender, list) != KB_OK)
		log_err("the process that mounts %s cannot start: %s; no kernel is written there, nor its room looked at",
			list->dev[0], lender.why);
}

void apply_lend_begin(int argc, char **argv)
{
	struct os_lend_list list = { 0 };

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--slot") == 0 && strchr(argv[i + 1], '=') != NULL)
			add_path(&list, strchr(argv[i + 1], '=') + 1);
	begin(&list);
}

void apply_lend_begin_for(const struct apply_slot slot[STATE_SLOTS_MAX])
{
	struct os_lend_list list = { 0 };

	for (unsigned i = 0; i < STATE_SLOTS_MAX; i++)
		for (unsigned k = 0; k < slot[i].nparts && k < CONF_CLASSES_MAX; k++)
			add_path(&list, slot[i].part[k].path);
	begin(&list);
}

struct os_lend *apply_lend(void)
{
	return lender.sock < 0 ? NULL : &lender;
}

void apply_lend_end(void)
{
	os_lend_end(&lender);
}
