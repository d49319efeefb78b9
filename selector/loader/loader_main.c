/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_main.h"

#include "lib/log.h"
#include "lib/os_file.h"
#include "selector/loader/loader.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"
#include "selector/loader_end.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT 1

static int usage(void)
{
	log_err("usage: keelboot-loader none|grub|uefi|u-boot|systemd-boot|efibootguard|tryboot|barebox WHERE get|booted|came-up|once SLOT|default SLOT");
	return LOADER_USAGE;
}

static enum kb_err print_line(struct loader *l, const char *line)
{
	enum kb_err err = os_file_write(OUTPUT, line, strlen(line));

	return err == KB_OK ? KB_OK : loader_why(l, err, "standard output: %m");
}

static enum kb_err print_with(struct loader *l, const char *more)
{
	struct loader_choice c;
	char line[64], starts[16] = "";

	TRY(loader_read(l, &c));
	if (c.starts > 0)
		snprintf(starts, sizeof(starts), " starts=%u", c.starts);
	snprintf(line, sizeof(line), "default=%c once=%c%s%s\n", loader_why_letter(c.preset),
		 loader_why_letter(c.once), starts, more);
	return print_line(l, line);
}

static enum kb_err print_choice(struct loader *l)
{
	return print_with(l, "");
}

static enum kb_err print_booted(struct loader *l)
{
	/* as behind keelboot.pair= */
	static const char *const how[] = {
		[LOADER_START_PLAIN] = "",	     [LOADER_START_COUNTED] = ",counted",
		[LOADER_START_INSTEAD] = ",instead", [LOADER_START_ONCE] = ",once",
		[LOADER_START_UNSAVED] = ",unsaved",
	};
	char line[24 + LOADER_WHY];
	enum loader_start start;
	int slot;

	TRY(loader_booted(l, &slot));
	l->why[0] = '\0'; /* of where it is not said */
	start = loader_started(l, slot);
	snprintf(line, sizeof(line), "booted=%c%s%s%s\n", loader_why_letter(slot), how[start],
		 l->why[0] != '\0' ? " " : "", l->why);
	return print_line(l, line);
}

/* STATE_NONE: no slot. */
static int slot_of_word(const char *word)
{
	int8_t slot = STATE_NONE;

	return word != NULL && loader_why_slot(word, &slot) == KB_OK ? slot : STATE_NONE;
}

static enum kb_err set_and_print(struct loader *l, enum kb_err (*set)(struct loader *, int),
				 int slot)
{
	TRY(set(l, slot));
	return print_choice(l);
}

/* Says as well that no start was counted here: a loader that counted one has another store. */
static enum kb_err came_up_and_print(struct loader *l)
{
	struct loader_choice was;

	TRY(loader_read(l, &was));
	TRY(loader_came_up(l));
	return print_with(l, was.starts == 0 ? " uncounted" : "");
}

static int run_verb(struct loader *l, const char *verb, const char *word)
{
	int slot = slot_of_word(word);
	enum kb_err err;

	if (strcmp(verb, "get") == 0 && word == NULL)
		err = print_choice(l);
	else if (strcmp(verb, "booted") == 0 && word == NULL)
		err = print_booted(l);
	else if (strcmp(verb, "came-up") == 0 && word == NULL)
		err = came_up_and_print(l);
	else if (strcmp(verb, "once") == 0 && slot != STATE_NONE)
		err = set_and_print(l, loader_set_once, slot);
	else if (strcmp(verb, "default") == 0 && slot != STATE_NONE)
		err = set_and_print(l, loader_set_preset, slot);
	else
		return usage();
	if (err == KB_OK)
		return LOADER_DONE;
	log_err("boot loader: %s", l->why);
	return err == KB_ENODEV && l->kind == CONF_LOADER_UBOOT ? LOADER_ABSENT : LOADER_FAILED;
}

int loader_main(int argc, char **argv)
{
	struct loader l = { .kind = CONF_LOADERS, .root = "", .mends = true };

	log_set_name("keelboot-loader");
	if (argc < 4 || argc > 5)
		return usage();
	l.kind = conf_loader_of(argv[1]);
	l.where = argv[2];
	return l.kind == CONF_LOADERS ? usage() : run_verb(&l, argv[3], argc == 5 ? argv[4] : NULL);
}
