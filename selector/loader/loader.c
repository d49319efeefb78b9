/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader.h"

#include "lib/util.h"
#include "selector/loader/loader_barebox.h"
#include "selector/loader/loader_efibg.h"
#include "selector/loader/loader_grub.h"
#include "selector/loader/loader_systemd.h"
#include "selector/loader/loader_tryboot.h"
#include "selector/loader/loader_uboot.h"
#include "selector/loader/loader_uefi.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"

#include <string.h>

static const struct kind {
	enum kb_err (*read)(struct loader *l, struct loader_choice *c);
	enum kb_err (*write)(struct loader *l, const struct loader_choice *c);
} kinds[CONF_LOADERS] = {
	[CONF_LOADER_NONE] = { NULL, NULL },
	[CONF_LOADER_GRUB] = { loader_grub_read, loader_grub_write },
	[CONF_LOADER_UEFI] = { loader_uefi_read, loader_uefi_write },
	[CONF_LOADER_UBOOT] = { loader_uboot_read, loader_uboot_write },
	[CONF_LOADER_SYSTEMD] = { loader_systemd_read, loader_systemd_write },
	[CONF_LOADER_EFIBG] = { loader_efibg_read, loader_efibg_write },
	[CONF_LOADER_TRYBOOT] = { loader_tryboot_read, loader_tryboot_write },
	[CONF_LOADER_BAREBOX] = { loader_barebox_read, loader_barebox_write },
};

static enum kb_err has_store(struct loader *l)
{
	l->why[0] = '\0';
	if ((unsigned)l->kind >= CONF_LOADERS || kinds[l->kind].read == NULL)
		return loader_why(l, KB_EINVAL, "system.conf names no boot loader");
	if (l->where == NULL || l->where[0] == '\0')
		return loader_why(
			l, KB_EINVAL,
			"%s: no partition here is where system.conf says that its store is: [loader] environment=",
			conf_loader_word(l->kind));
	return KB_OK;
}

enum kb_err loader_read(struct loader *l, struct loader_choice *c)
{
	*c = (struct loader_choice){ STATE_NONE, STATE_NONE, 0 };
	TRY(has_store(l));
	return kinds[l->kind].read(l, c);
}

/* What tries its preset starts what it starts anyway: some stores have no word for that. */
static bool is_once_of(const struct loader_choice *is, const struct loader_choice *c)
{
	return is->once == c->once || (is->once == STATE_NONE && c->once == c->preset);
}

/* A loader that starts another pair than was asked for would cost a good slot its trust. */
static enum kb_err write_and_read_back(struct loader *l, const struct loader_choice *c)
{
	struct loader_choice is;

	TRY(kinds[l->kind].write(l, c));
	TRY(loader_read(l, &is));
	if (is.preset != c->preset || !is_once_of(&is, c))
		return loader_why(l, KB_EIO,
				  "%s: wrote default=%c once=%c, but reads back default=%c once=%c",
				  l->where, loader_why_letter(c->preset),
				  loader_why_letter(c->once), loader_why_letter(is.preset),
				  loader_why_letter(is.once));
	if (is.starts == c->starts)
		return KB_OK;
	return loader_why(l, KB_EIO, "%s: wrote that %u starts are counted, but reads back %u",
			  l->where, c->starts, is.starts);
}

static enum kb_err check_slot(struct loader *l, int slot)
{
	if (slot >= 0 && slot < STATE_SLOTS_MAX)
		return KB_OK;
	return loader_why(l, KB_EINVAL, "%d is no slot", slot);
}

enum kb_err loader_set_once(struct loader *l, int slot)
{
	struct loader_choice c;

	TRY(check_slot(l, slot));
	TRY(loader_read(l, &c));
	c.once = (int8_t)slot;
	return write_and_read_back(l, &c);
}

enum kb_err loader_set_preset(struct loader *l, int slot)
{
	struct loader_choice c = { (int8_t)slot, STATE_NONE, 0 };

	TRY(check_slot(l, slot));
	TRY(has_store(l));
	return write_and_read_back(l, &c);
}

enum kb_err loader_came_up(struct loader *l)
{
	struct loader_choice c;

	TRY(loader_read(l, &c));
	if (c.starts == 0)
		return KB_OK;
	c.starts = 0;
	return write_and_read_back(l, &c);
}

enum kb_err loader_booted(struct loader *l, int *slot)
{
	*slot = STATE_NONE;
	TRY(has_store(l));
	if (l->kind == CONF_LOADER_UEFI)
		return loader_uefi_booted(l, slot);
	if (l->kind == CONF_LOADER_SYSTEMD)
		return loader_systemd_booted(l, slot);
	if (l->kind == CONF_LOADER_EFIBG)
		return loader_efibg_booted(l, slot);
	if (l->kind == CONF_LOADER_TRYBOOT)
		return loader_tryboot_booted(l, slot);
	if (l->kind == CONF_LOADER_BAREBOX)
		return loader_barebox_booted(l, slot);
	return loader_why(l, KB_ENOENT, "%s says it by keelboot.pair= on the command line",
			  conf_loader_word(l->kind));
}

enum loader_start loader_started(struct loader *l, int slot)
{
	return l->kind == CONF_LOADER_BAREBOX ? loader_barebox_start(l, slot) : LOADER_START_PLAIN;
}
