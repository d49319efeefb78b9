/* SPDX-License-Identifier: Apache-2.0 */
/* A Raspberry Pi's half: does the firmware read the file that Keelboot writes, and does it know
 * tryboot? What it starts is asked as of any loader. */
#include "cli/doctor/doctor_checks.h"

#include "selector/loader/loader_tryboot.h"

#include <string.h>

#define FIRST  1u	   /* where the firmware looks for autoboot.txt */
#define DRIVER "/dev/vcio" /* of the kernel that gives the words of a restart to the firmware */

void doctor_tryboot(struct doctor *doc)
{
	const char *where = strchr(doc->d->loader, ' ');
	struct loader l = { .kind = CONF_LOADER_TRYBOOT, .root = doc->sys_root };
	struct loader_tryboot_is is;

	if (!doctor_exists(doc, DRIVER))
		doctor_report(
			doc, DOCTOR_WARNING, "loader-kernel",
			"take Raspberry Pi's kernel, with CONFIG_BCM_VCIO=y; with another one, see by a trial that reboot \"0 tryboot\" works",
			DRIVER
			" is missing: this may be a kernel that does not give \"tryboot\" to the firmware, so that no release is ever tried");
	l.where = where != NULL ? where + 1 : "";
	if (loader_tryboot_look(&l, &is) != KB_OK)
		return;
	if (is.number != FIRST)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-environment",
			"put it into the first partition, or name that one by PARTITION= in the EEPROM's configuration",
			"autoboot.txt lies in partition %u: the firmware looks for it in the first one",
			is.number);
	if (is.is_too_old)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-firmware",
			"update the EEPROM by rpi-eeprom-update",
			"the boot loader in this board's EEPROM does not know tryboot_a_b: a kernel that is tried does not start");
}
