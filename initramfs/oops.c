/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/oops.h"

#include "lib/log.h"
#include "lib/os.h"

#define FILE_NAME "/proc/sys/kernel/panic_on_oops"

static char before[16];
static size_t before_len;

void oops_panics(const struct boot *b)
{
	enum kb_err err;

	before_len = 0;
	if (b->cmd.has_panic && b->cmd.panic == 0)
		return;
	if (os_read_file(FILE_NAME, before, sizeof(before), &before_len) != KB_OK)
		return; /* a kernel that has no such setting */
	err = os_write_file(FILE_NAME, "1", 1);
	if (err != KB_OK)
		log_warn(
			"unable to set kernel.panic_on_oops: %s; an oops while media are read may hang the device",
			err_text(err));
}

void oops_as_before(void)
{
	enum kb_err err = before_len > 0 ? os_write_file(FILE_NAME, before, before_len) : KB_OK;

	if (err != KB_OK)
		log_warn("unable to restore kernel.panic_on_oops: %s", err_text(err));
}
