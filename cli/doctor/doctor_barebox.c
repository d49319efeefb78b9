/* SPDX-License-Identifier: Apache-2.0 */
/* barebox's half: is its state the one that Keelboot reads and writes? barebox puts the description
 * of its state into the device tree of the kernel, on boards that have one. What it starts is asked
 * as of any loader. */
#include "cli/doctor/doctor_checks.h"

#include "lib/os.h"
#include "selector/loader/loader_bbvars.h"

#include <stdio.h>
#include <string.h>

#define TREE "/proc/device-tree"

/* The node of the state that barebox-state takes where nobody names another one. False: there is
 * none. */
static bool find_node(const struct doctor *doc, char *node, size_t size)
{
	char path[64];

	if (!doctor_read(doc, TREE "/aliases/state", path, sizeof(path)) || path[0] != '/')
		return false;
	snprintf(node, size, TREE "%s", path);
	return true;
}

static bool read_number(const struct doctor *doc, const char *node, const char *name,
			uint32_t *value)
{
	char path[512], text[6];
	uint8_t bytes[4];
	size_t len;

	snprintf(path, sizeof(path), "%.300s%.100s/%s", doc->sys_root, node, name);
	if (os_read_file(path, text, sizeof(text), &len) != KB_OK || len != sizeof(bytes))
		return false;
	memcpy(bytes, text, sizeof(bytes));
	*value = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		 bytes[3];
	return true;
}

static void compare_number(struct doctor *doc, const char *node, const char *name, uint32_t want)
{
	uint32_t is;

	if (read_number(doc, node, name, &is) && is != want)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-state",
			"make [loader] layout= as the device tree is, here and in the initramfs",
			"barebox's state has another %s (0x%x) than [loader] layout= says (0x%x)",
			name, is, want);
}

void doctor_barebox(struct doctor *doc)
{
	const char *where = strchr(doc->d->loader, ' ');
	struct loader l = { .kind = CONF_LOADER_BAREBOX, .root = "" };
	static struct loader_bbvars vars;
	char node[128], path[160], type[16] = "raw";

	l.where = where != NULL ? where + 1 : "";
	if (!find_node(doc, node, sizeof(node)) || loader_bbvars_take(&l, &vars) != KB_OK)
		return;
	compare_number(doc, node, "magic", vars.magic);
	compare_number(doc, node, "backend-stridesize", vars.stride);
	snprintf(path, sizeof(path), "%s/backend-type", node);
	(void)doctor_read(doc, path, type, sizeof(type));
	snprintf(path, sizeof(path), "%s/algo", node);
	if (strcmp(type, "raw") != 0 || doctor_exists(doc, path))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-state",
			"set backend-type = \"raw\" in its node of the device tree, without algo",
			"barebox's state has a format that Keelboot does not write");
}
