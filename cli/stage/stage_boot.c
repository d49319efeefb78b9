/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_boot.h"

#include "cli/device/device_loader.h"
#include "cli/output/output.h"
#include "lib/log.h"

/*
 * The next boot looks on the data partition. What lands elsewhere, because nothing or something
 * else is mounted there, it would not find.
 */
enum kb_err stage_boot_finds(const struct device *d)
{
	if (!d->conf.data_enabled) {
		log_err("[source.data] enabled=no in system.conf: nothing can be staged; set enabled=yes");
		return KB_EINVAL;
	}
	if (!d->run_found)
		log_warn(
			"Keelboot did not boot this system (no %s/slot): nobody knows whether its boot finds %s, which must be on the data partition",
			d->opts->run_dir, d->conf.data_mount);
	if (!device_data_is_elsewhere(d))
		return KB_OK;
	log_err("%s: the data partition (%s) is not mounted there; mount it, or set [source.data] mount=",
		d->conf.data_mount, d->data_path);
	return KB_ENOENT;
}

/* By kexec, that the first kernel runs a slot may be that slot's fault, and this release mend it. A
 * boot loader may be mended by a restart. */
enum kb_err stage_boot_tries(struct reader *r, const struct device *d, const char *name)
{
	const char *why = device_loader_why_untried(d);

	if (why != NULL && device_loader_is_kexec(d))
		return output_fail(r->why, sizeof(r->why), name, KB_ENODEV,
				   "%s, so no boot would install it: keelboot doctor says why",
				   why);
	if (why != NULL)
		log_warn("%s: while that lasts, no boot installs %s; keelboot doctor says more",
			 why, r->release.version);
	if (device_loader_is_unnamed(d))
		log_warn(
			"kexec started this kernel, and nobody says whose it is: %s waits until a reset starts the first kernel",
			r->release.version);
	if (device_loader_is_first(d))
		log_warn(
			"slot %c runs with the first kernel: if that can start no other, %s is not tried; keelboot doctor says more",
			state_slot_letter(d->booted), r->release.version);
	return KB_OK;
}

const char *stage_boot_promise(const struct device *d)
{
	return device_loader_why_untried(d) == NULL ? "; the next boot installs it" : "";
}
