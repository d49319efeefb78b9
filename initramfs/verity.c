/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/verity.h"

#include "lib/log.h"
#include "selector/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN 24

static void name_of(char name[NAME_LEN], char slot)
{
	snprintf(name, NAME_LEN, "keelboot-root-%c", slot);
}

static enum kb_err make_table(const struct verify_answer *a, const char *dev, char slot,
			      char node[OS_DM_NODE])
{
	char name[NAME_LEN], params[OS_DM_PARAMS];
	struct os_dm dm = { .name = name, .type = "verity", .params = params };

	name_of(name, slot);
	dm.sectors = a->tree_off / 512;
	/* Of all answers to a damaged block only a panic is both at once and distinct from a reset.
	 */
	snprintf(params, sizeof(params),
		 "1 %s %s %u %u %" PRIu64 " %" PRIu64 " %s %s %s 1 panic_on_corruption", dev, dev,
		 a->data_block, a->hash_block, a->tree_off / a->data_block,
		 a->tree_off / a->hash_block, a->algorithm, a->root_hash, a->salt);
	return os_dm_open(&dm, node);
}

enum kb_err verity_open(const struct verify_answer *a, const char *dev, char slot,
			char node[OS_DM_NODE], char *reason)
{
	enum kb_err err = make_table(a, dev, slot, node);

	if (err == KB_OK) {
		log_info("slot %c: dm-verity on %s, root hash %.16s", slot, dev, a->root_hash);
		return KB_OK;
	}
	log_err("slot %c: unable to open %s through dm-verity: %m (this needs Linux 5.9 or later)",
		slot, dev);
	snprintf(reason, STATE_STR_MAX + 1, "no dm-verity: %.33s", err_text(err));
	return KB_EMOUNT;
}

/* As far as it shows: modules that are loaded, or built in with parameters, are in sysfs, and
 * /proc/crypto has "name : sha256". */
static const char *seems_to_lack(const struct verify_answer *a)
{
	static char list[32u << 10];
	char line[sizeof(a->algorithm) + 4];
	size_t len;

	if (os_exists("/sys/module") && !os_exists("/sys/module/dm_verity"))
		return "dm-verity";
	if (os_read_file("/proc/crypto", list, sizeof(list), &len) != KB_OK)
		return NULL;
	snprintf(line, sizeof(line), ": %s\n", a->algorithm);
	return strstr(list, line) == NULL ? a->algorithm : NULL;
}

const char *verity_lacks(const struct verify_answer *a, const char *dev, char slot)
{
	const char *what = seems_to_lack(a);
	char node[OS_DM_NODE];

	if (what == NULL || make_table(a, dev, slot, node) != KB_OK)
		return what;
	verity_close(slot);
	return NULL;
}

void verity_close(char slot)
{
	char name[NAME_LEN];

	name_of(name, slot);
	if (os_dm_close(name) != KB_OK)
		log_warn("slot %c: unable to close its dm-verity device: %m", slot);
}
