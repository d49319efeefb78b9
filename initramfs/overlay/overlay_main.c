/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-overlay, as init= where a distribution's initramfs mounts the slot and starts its init.
 * Without a plan, or whatever fails, it only becomes the real init.
 */
#include "initramfs/overlay/overlay.h"

#include "lib/bootlog.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 64

static bool read_plan(struct overlay_plan *p)
{
	char text[OVERLAY_PLAN_MAX];
	enum kb_err err = os_read_file(OVERLAY_PLAN_FILE, text, sizeof(text), NULL);

	if (err == KB_OK)
		err = overlay_plan_parse(p, text);
	if (err == KB_OK)
		return true;
	memset(p, 0, sizeof(*p));
	log_warn("root: no overlay: " OVERLAY_PLAN_FILE ": %s", err_text(err));
	return false;
}

static void become_init(const char *wanted, char *const *argv)
{
	const char *const inits[] = { wanted, "/sbin/init", "/etc/init", "/bin/init" };
	const char *args[ARGS_MAX + 1] = { NULL };

	for (unsigned i = 1; i < ARGS_MAX && argv[0] != NULL && argv[i] != NULL; i++)
		args[i] = argv[i];
	for (unsigned i = 0; i < KB_ARRAY_LEN(inits); i++) {
		if (inits[i][0] != '/' || strcmp(inits[i], OVERLAY_PROGRAM) == 0)
			continue;
		args[0] = inits[i];
		if (os_exec(inits[i], args, (const char *const *)environ) != KB_OK)
			log_err("root: unable to start %s: %m", inits[i]);
	}
}

int main(int argc, char **argv)
{
	static struct overlay_plan plan;

	(void)argc;
	if (!os_is_init()) {
		fprintf(stderr,
			"keelboot-overlay: process 1 of a root, started by init=; it does nothing elsewhere\n");
		return 3;
	}
	log_set_name("keelboot-overlay");
	log_show(LOG_LEVEL_NOTICE);
	bootlog_open();
	if (read_plan(&plan))
		overlay_enter(&plan);
	become_init(plan.init, argv);
	return 1; /* the end of process 1 panics the kernel, which restarts by panic= */
}
