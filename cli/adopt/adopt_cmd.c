/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/adopt/adopt.h"
#include "cli/bundle/bundle_folder.h"
#include "cli/output/output.h"
#include "cli/verbs.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DRY_RUN = 1, YES, KEY, DATA, FROM, COMPATIBLE, VERSION, SEQUENCE, SYS_ROOT, COMMANDS };

static const struct args_option table[] = {
	{ "dry-run", 0, false, DRY_RUN },
	{ "yes", 0, false, YES },
	{ "key", 0, true, KEY },
	{ "data", 0, true, DATA },
	{ "from", 0, true, FROM },
	{ "compatible", 0, true, COMPATIBLE },
	{ "version", 0, true, VERSION },
	{ "sequence", 0, true, SEQUENCE },
	{ "sys-root", 0, true, SYS_ROOT },
	{ "commands", 0, false, COMMANDS },
	{ .name = NULL },
};

/* Large, and one at a time. */
static struct adopt ad;
static struct device d;

/* NULL, or what is wrong with the value. */
static const char *take_compatible(const char *value)
{
	_Static_assert(CONF_NAME_MAX == 31, "the text says so");

	if (snprintf(ad.compatible, sizeof(ad.compatible), "%s", value) >=
	    (int)sizeof(ad.compatible))
		return "longer than 31 letters";
	return adopt_bundle_wrong("compatible", value);
}

/* What nothing could be made with is refused here, before anything is written. */
static enum kb_err take_option(int id, const struct args *a)
{
	const char **texts[] = { [KEY] = &ad.key,
				 [DATA] = &ad.data,
				 [FROM] = &ad.from,
				 [VERSION] = &ad.version,
				 [SEQUENCE] = &ad.sequence };
	static char sys_root[DEVICE_ROOT_MAX];
	const char *wrong = NULL;

	if (id == DRY_RUN)
		ad.dry_run = true;
	else if (id == YES)
		ad.yes = true;
	else if (id == COMMANDS)
		ad.commands = true;
	else if (id == SYS_ROOT)
		return device_options_root(a->option, a->value, sys_root, &ad.sys_root);
	else if (id == COMPATIBLE)
		wrong = take_compatible(a->value);
	else
		*texts[id] = a->value;
	if (id == VERSION || id == SEQUENCE)
		wrong = adopt_bundle_wrong(a->option, a->value);
	else if (id == FROM && !bundle_folder_is(a->value))
		wrong = "no folder";
	if (wrong == NULL)
		return KB_OK;
	log_err("--%s %s: %s", a->option, a->value, wrong);
	return KB_EINVAL;
}

/* What is mounted, as /proc of this machine says it, is the machine's own root, wherever another
 * system lies. */
static bool is_from_inside(void)
{
	char path[DEVICE_PATH_MAX], there[64], here[64];

	adopt_path(&ad, path, "/proc/self/ns/mnt");
	if (ad.sys_root[0] == '\0' || os_readlink(path, there, sizeof(there)) != KB_OK ||
	    os_readlink("/proc/self/ns/mnt", here, sizeof(here)) != KB_OK ||
	    strcmp(there, here) != 0)
		return true;
	log_err("--sys-root %s: /proc there is that of this machine, and names its root; adopt that system from inside: chroot %s keelboot adopt ...",
		ad.sys_root, ad.sys_root);
	return false;
}

static int read_adopt_args(struct args *a, struct device_options *o)
{
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END)
		if (id <= ARGS_END)
			return args_wrong(a, id, "adopt");
		else if (take_option(id, a) != KB_OK)
			return OUTPUT_USAGE;
	if (ad.sys_root[strspn(ad.sys_root, "/")] == '\0')
		ad.sys_root = "";
	if (!is_from_inside())
		return OUTPUT_USAGE;
	if (!ad.dry_run && !ad.commands && !ad.yes && isatty(STDIN_FILENO) == 0) {
		log_err("adopt: there is no terminal to ask on; pass --dry-run, or --yes");
		return OUTPUT_USAGE;
	}
	return OUTPUT_OK;
}

/* "KEY=VALUE" or 'KEY="VALUE"' of os-release. */
static void release_value(const char *text, const char *key, char *out, size_t size)
{
	const char *at = text;

	for (; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, strlen(key)) != 0)
			continue;
		at += strlen(key);
		at += *at == '"';
		snprintf(out, size, "%.*s", (int)strcspn(at, "\"\n"), at);
		return;
	}
}

/* "debian-12" */
static void name_device(void)
{
	char path[DEVICE_PATH_MAX], text[4096], id[16] = "linux", version[12] = "0";

	if (ad.compatible[0] != '\0')
		return;
	adopt_path(&ad, path, "/etc/os-release");
	if (os_read_file(path, text, sizeof(text), NULL) == KB_OK) {
		release_value(text, "ID=", id, sizeof(id));
		release_value(text, "VERSION_ID=", version, sizeof(version));
	}
	snprintf(ad.compatible, sizeof(ad.compatible), "%s-%s", id, version);
}

/* What a run before this one has done. The record of another installation counts for nothing: its
 * slot b has an old system. */
static void look_at_state(struct device_options *o)
{
	struct device_options mine = *o;
	char path[DEVICE_PATH_MAX];

	if (ad.role[ADOPT_STATE] == NULL)
		return;
	adopt_path(&ad, path, ad.role[ADOPT_STATE]->dev);
	mine.state = path;
	device_init(&d, &mine);
	if (device_open_to_read(&d) != KB_OK)
		return;
	ad.state_lost = d.finding == STORE_LOST;
	ad.state_foreign = d.finding == STORE_FOUND && !ad.configured;
	ad.has_state = d.finding == STORE_FOUND && ad.configured;
	ad.has_bundle = ad.has_state && d.state.nslots > 1 && state_is_whole(&d.state.slot[1]);
	device_close(&d);
}

static bool goes_on(void)
{
	char line[16];

	if (ad.yes)
		return true;
	printf("\nGo on? [y/N] ");
	return fflush(stdout) == 0 && fgets(line, sizeof(line), stdin) != NULL &&
	       (line[0] == 'y' || line[0] == 'Y');
}

/* The paths of this system, for the verbs that do the work. */
static struct device_options options_of_verbs(const struct device_options *o,
					      char state[DEVICE_PATH_MAX])
{
	struct device_options mine = *o;
	const enum adopt_role slots[] = { ADOPT_ROOT, ADOPT_SLOT_B };

	adopt_path(&ad, state, ad.role[ADOPT_STATE]->dev);
	mine.state = state;
	mine.conf_root = ad.sys_root;
	mine.nparts = 0;
	for (size_t i = 0; i < KB_ARRAY_LEN(slots); i++) {
		struct device_part *p = &mine.part[mine.nparts++];

		p->slot = (int8_t)i;
		snprintf(p->cls, sizeof(p->cls), "root");
		adopt_path(&ad, p->path, ad.role[slots[i]]->dev);
	}
	return mine;
}

static int write_state(const struct device_options *o)
{
	char state[DEVICE_PATH_MAX];
	struct device_options mine = options_of_verbs(o, state);
	static const char *const argv[] = { "init",	    "--slots",	  "2",
					    "--good",	    "a",	  "--version",
					    "as installed", "--sequence", "0" };
	struct args a = { .argc = KB_ARRAY_LEN(argv), .argv = (char **)argv };

	return state_cmd(&a, &mine);
}

static int install_bundle(const struct device_options *o)
{
	char state[DEVICE_PATH_MAX], file[DEVICE_PATH_MAX];
	struct device_options mine = options_of_verbs(o, state);
	char *argv[] = { file, NULL };
	struct args a = { .argc = 1, .argv = argv };

	adopt_bundle_path(&ad, file);
	return install_cmd(&a, &mine);
}

/* Each line is out before its step begins. */
static void say_step(const char *what)
{
	printf("%s ...\n", what);
	(void)fflush(stdout);
}

/* The initramfs last: it decides how the next boot goes. */
static int do_all(const struct device_options *o)
{
	enum kb_err err;
	int code = OUTPUT_OK;

	say_step("configuration");
	err = adopt_hold_initramfs(&ad);
	if (err == KB_OK)
		err = adopt_write_conf(&ad);
	if (err == KB_OK && !ad.has_bundle) {
		say_step("bundle");
		err = adopt_make_bundle(&ad);
	}
	if (err != KB_OK)
		return output_exit_code(err);
	if (!ad.has_state) {
		say_step("state");
		code = write_state(o);
	}
	if (code == OUTPUT_OK && !ad.has_bundle) {
		say_step("install");
		code = install_bundle(o);
	}
	if (code != OUTPUT_OK)
		return code;
	say_step("initramfs");
	err = adopt_make_initramfs(&ad);
	if (err == KB_OK)
		puts("Done. The next boot tries slot b; when it works, keelboot-mark-good.service marks it good (without systemd: run `keelboot health`).\n"
		     "The system as it was stays in slot a; keelboot.enable=0 on the kernel's command line boots it as before.");
	return output_exit_code(err);
}

static int decide(struct device_options *o)
{
	if (ad.configured && ad.has_state && ad.has_bundle && ad.in_initramfs) {
		puts("This system is adopted already; `keelboot status` and `keelboot doctor` say how it is.");
		return OUTPUT_NOTHING;
	}
	if (ad.commands)
		return adopt_print_commands(&ad) ? OUTPUT_OK : OUTPUT_FAILURE;
	adopt_print(&ad);
	if (ad.n > 0)
		return OUTPUT_FAILURE;
	if (ad.dry_run) {
		puts("\nNothing was written.");
		return OUTPUT_OK;
	}
	if (!goes_on()) {
		puts("Nothing was written.");
		return OUTPUT_FAILURE;
	}
	return do_all(o);
}

int adopt_cmd(struct args *a, struct device_options *o)
{
	int code;

	ad = (struct adopt){ .opts = o, .sys_root = "", .version = "1.0", .sequence = "1" };
	code = read_adopt_args(a, o);
	if (code != OUTPUT_OK)
		return code;
	device_init(&d, o);
	if (d.run_found) {
		puts("Keelboot booted this system: it is adopted already; see `keelboot status`.");
		return OUTPUT_NOTHING;
	}
	adopt_look_at_initramfs(&ad);
	adopt_look(&ad);
	adopt_look_at_conf(&ad);
	name_device();
	look_at_state(o);
	adopt_check(&ad);
	code = decide(o);
	return output_flush() == KB_OK ? code : OUTPUT_FAILURE;
}
