/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/overlay/overlay_report.h"

#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define BOOT_JSON "/run/keelboot/boot.json"
#define END	  "]}\n" /* of its warnings, the last member, and of all (initramfs/export.c) */

/* Into boot.json, which the initramfs has written and nobody reads before the real init runs. */
static enum kb_err add_warning(const char *warning)
{
	static char json[16384];
	size_t len, room;
	char *end;

	TRY(os_read_file(BOOT_JSON, json, sizeof(json), &len));
	if (len < sizeof(END) || strcmp(json + len - (sizeof(END) - 1), END) != 0)
		return KB_EFORMAT;
	end = json + len - (sizeof(END) - 1);
	room = sizeof(json) - (size_t)(end - json);
	if (strlen(warning) + 64 > room)
		return KB_ENOSPC;
	len = (size_t)(end - json) + (size_t)snprintf(end, room,
						      "%s{\"id\":\"" OVERLAY_REPORT_ID
						      "\",\"text\":\"%s\"}" END,
						      end[-1] == '[' ? "" : ",", warning);
	return os_write_file(BOOT_JSON, json, len);
}

void overlay_report(const char *text)
{
	enum kb_err err;

	log_err("root: %s", text);
	err = add_warning(text);
	if (err != KB_OK && err != KB_ENOENT)
		log_warn("root: unable to add that to " BOOT_JSON ": %s", err_text(err));
}
