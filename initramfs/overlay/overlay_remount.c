/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/overlay/overlay_remount.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

static const char text[] =
	"# By Keelboot: \"/\" is an overlay, which refuses options of a disk (/etc/fstab).\n"
	"[Service]\n"
	"SuccessExitStatus=1\n";

static enum kb_err write_drop_in(void)
{
	static const char *const folders[] = { "/run/systemd", "/run/systemd/system.control",
					       OVERLAY_REMOUNT_FOLDER };

	for (unsigned i = 0; i < KB_ARRAY_LEN(folders); i++)
		TRY(os_mkdir(folders[i], 0755));
	return os_write_file(OVERLAY_REMOUNT_FILE, text, sizeof(text) - 1);
}

void overlay_remount_allow(void)
{
	enum kb_err err = write_drop_in();

	if (err != KB_OK)
		log_warn("root: unable to write " OVERLAY_REMOUNT_FILE ": %s", err_text(err));
}
