/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-select: the initramfs of a distribution calls it. The story is in select.c. */
#include "initramfs/select/generator.h"
#include "initramfs/select/missing.h"
#include "initramfs/select/select.h"
#include "initramfs/select/unlock.h"

#include "lib/bootlog.h"
#include "lib/os.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"usage: keelboot-select arm            arm the watchdog\n"
	"       keelboot-select missing        print the slots' devices that nobody has opened yet; exit 2: some\n"
	"       keelboot-select choose         choose the root, hand it out in /run/keelboot/root.env\n"
	"       keelboot-select enter FOLDER   the root is mounted there, and is about to be entered\n"
	"       keelboot-select fail REASON    the root cannot be mounted: note it, and restart\n"
	"The initramfs of a distribution calls it: see keelboot-select(8).\n";

/* Programs that we start, and hooks, speak there. */
static void speak_to_kernel_log(void)
{
	int fd = -1;

	if (os_open(BOOTLOG_KMSG, O_WRONLY, &fd) != KB_OK)
		return;
	for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
		dup2(fd, i);
	os_close(&fd);
}

static enum select_end arm(struct boot *b, const char *argument)
{
	(void)argument;
	return select_arm(b);
}

static enum select_end choose(struct boot *b, const char *argument)
{
	(void)argument;
	return select_choose(b);
}

static enum select_end feed(struct boot *b, const char *argument)
{
	(void)argument;
	unlock_feed(b);
	return SELECT_DONE;
}

static const struct verb {
	const char *name;
	int argc;
	enum select_end (*run)(struct boot *b, const char *argument);
} verbs[] = {
	{ "arm", 2, arm },	    { "choose", 2, choose }, { "enter", 3, select_enter },
	{ "fail", 3, select_fail }, { "feed", 2, feed }, /* of unlock.c */
};

/* NULL: there is none such, or it wants other arguments. */
static const struct verb *find_verb(int argc, char **argv)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(verbs); i++) {
		if (argc == verbs[i].argc && strcmp(argv[1], verbs[i].name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static bool is_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

int main(int argc, char **argv)
{
	static struct boot b;
	const struct verb *verb = find_verb(argc, argv);

	b.argv = argv;
	b.envp = environ;
	if (argc > 0 && is_called(argv[0], "keelboot-generator")) {
		speak_to_kernel_log();
		return generator_main(argc, argv);
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return SELECT_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "missing") == 0)
		return missing_list(&b, stdout) > 0 ? SELECT_BUSY : SELECT_DONE;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("keelboot-select " KB_VERSION);
		return SELECT_DONE;
	}
	if (verb == NULL) {
		fputs(usage, stderr);
		return SELECT_USAGE;
	}
	speak_to_kernel_log();
	return verb->run(&b, argv[argc - 1]);
}
