/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_efibg.h"

#include "lib/bytes.h"
#include "selector/loader/loader_bgpart.h"
#include "selector/loader/loader_list.h"
#include "selector/loader/loader_var.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COPIES LOADER_BGPLAN_COPIES

static struct loader_bgpart parts[COPIES];
static struct loader_bgplan plan;

/* ---------------------------------------------------------------- where they are */

/* "/dev/vda5:/EFI/Linux/x.efi" */
static bool take_place(struct loader_bgpart *part, int slot, const char *place)
{
	const char *path = conf_place_split(place, part->dev);

	part->slot = slot;
	if (path == NULL || !conf_place_is_image(path))
		return false;
	snprintf(part->path, sizeof(part->path), "%s", path);
	return true;
}

/* *n: of how many slots. */
static enum kb_err take_some(struct loader *l, unsigned *n)
{
	static struct loader_list list;
	bool is_right = loader_list_take(&list, l->where, false);

	memset(parts, 0, sizeof(parts));
	*n = 0;
	for (int i = 0; i < STATE_SLOTS_MAX && is_right; i++)
		if (list.of[i][0] != '\0')
			is_right = *n < COPIES && take_place(&parts[(*n)++], i, list.of[i]);
	return is_right && strcmp(parts[0].dev, parts[1].dev) != 0 ? KB_OK : KB_EINVAL;
}

static enum kb_err take_where(struct loader *l)
{
	unsigned n;

	if (take_some(l, &n) == KB_OK && n == COPIES)
		return KB_OK;
	return loader_why(
		l, KB_EINVAL,
		"%s: EFI Boot Guard has two environments: expected the files of two slots in two partitions",
		l->where);
}

/* ---------------------------------------------------------------- what is there */

/* The loader takes the first partition whose label begins so. */
static enum kb_err check_labels(struct loader *l)
{
	for (unsigned i = 0; i < COPIES; i++) {
		const char *label = parts[i].label, *other = parts[1 - i].label;

		if (label[0] == '\0')
			return loader_why(
				l, KB_EFORMAT,
				"%s has no label: put its name into the file EFILABEL, in UTF-16",
				parts[i].dev);
		if (strncmp(label, other, strlen(label)) == 0)
			return loader_why(
				l, KB_EFORMAT,
				"the labels %s and %s are one for EFI Boot Guard, which compares their beginning: change EFILABEL and BGENV.DAT of one",
				label, other);
	}
	return KB_OK;
}

/* The loader's name of a pair's file. */
static void full_name(const struct loader_bgpart *part, char name[LOADER_BGENV_TEXT])
{
	snprintf(name, LOADER_BGENV_TEXT, "C:%s:%s", part->label, part->path);
	for (char *p = name; *p != '\0'; p++)
		if (*p == '/')
			*p = '\\';
}

/* FAT knows no capitals, and the first backslash may be missing. */
static bool names_part(const struct loader_bgenv *env, const struct loader_bgpart *part)
{
	char name[LOADER_BGENV_TEXT];
	size_t len = strlen(part->label) + 3;
	const char *rest;

	full_name(part, name);
	if (strncmp(env->file, name, len) != 0)
		return false;
	rest = env->file + len;
	return strcasecmp(rest + (rest[0] == '\\'), name + len + 1) == 0;
}

/* Words that say another slot's letter would make its kernel count as that one. */
static int8_t slot_named(const struct loader_bgenv *env)
{
	for (unsigned i = 0; i < COPIES && env->sound; i++)
		if (names_part(env, &parts[i]) &&
		    (env->pair == '\0' || env->pair == 'a' + parts[i].slot))
			return (int8_t)parts[i].slot;
	return STATE_NONE;
}

static void parse_all(void)
{
	for (unsigned i = 0; i < COPIES; i++) {
		loader_bgenv_parse(&plan.env[i], parts[i].env, parts[i].len);
		plan.slot[i] = slot_named(&plan.env[i]);
	}
}

/* One whose file system or medium is damaged is no reason against the other. */
static enum kb_err read_all(struct loader *l)
{
	unsigned dead = 0;

	for (unsigned i = 0; i < COPIES; i++) {
		enum kb_err err = loader_bgpart_read(l, &parts[i]);

		plan.is_dead[i] = err == KB_EMOUNT || err == KB_EIO;
		if (plan.is_dead[i])
			parts[i].len = 0;
		dead += plan.is_dead[i];
		if (err != KB_OK && (!plan.is_dead[i] || dead == COPIES))
			return err;
	}
	return dead > 0 ? KB_OK : check_labels(l);
}

static enum kb_err look_at_all(struct loader *l)
{
	TRY(take_where(l));
	TRY(read_all(l));
	parse_all();
	return KB_OK;
}

static const char *why_of(enum loader_bgplan_is is)
{
	switch (is) {
	case LOADER_BGPLAN_KNOWN:
		break;
	case LOADER_BGPLAN_DAMAGED:
		return "both environments are damaged: write them by bg_setenv, as docs/KERNEL.md has it";
	case LOADER_BGPLAN_NONE:
		return "no environment has a revision: keelboot mark good gives it one";
	case LOADER_BGPLAN_EQUAL:
		return "both environments have the same revision, so either may start: keelboot mark good tells them apart";
	case LOADER_BGPLAN_ALONE:
		return "one environment is on trial, and the other one is damaged, so nothing is there to fall back to: keelboot mark good mends it";
	case LOADER_BGPLAN_UNSETTLED:
		return "both environments are on trial, so nothing is there to fall back to: keelboot mark good mends it";
	}
	return "";
}

enum kb_err loader_efibg_read(struct loader *l, struct loader_choice *c)
{
	enum loader_bgplan_is is;
	int carrier, pending;

	TRY(look_at_all(l));
	is = loader_bgplan_look(&plan, &carrier, &pending);
	if (is != LOADER_BGPLAN_KNOWN)
		return loader_why(l, KB_EFORMAT, "%s (%s, %s)", why_of(is), parts[0].dev,
				  parts[1].dev);
	c->preset = plan.slot[carrier];
	c->once = pending < 0 ? STATE_NONE : plan.slot[pending];
	return KB_OK;
}

/* ---------------------------------------------------------------- writing */

static const struct loader_bgpart *part_of(int slot)
{
	for (unsigned i = 0; i < COPIES; i++)
		if (parts[i].slot == slot)
			return &parts[i];
	return NULL;
}

/* The kernel's words and the watchdog of the new environment are those of the slot's old one; or,
 * if there is none, of the other slot's. */
static const uint8_t *template_for(int copy, int slot)
{
	int other = 1 - copy;

	if (plan.slot[copy] == slot)
		return parts[copy].env;
	if (plan.slot[other] != STATE_NONE)
		return parts[other].env;
	return plan.slot[copy] != STATE_NONE ? parts[copy].env : NULL;
}

static enum kb_err make_content(struct loader *l, const struct loader_bgplan_step *s)
{
	struct loader_bgpart *part = &parts[s->copy];
	const struct loader_bgpart *pair = part_of(s->slot);
	const uint8_t *from = template_for(s->copy, s->slot);
	char name[LOADER_BGENV_TEXT];

	if (s->slot != STATE_NONE && pair == NULL)
		return loader_why(l, KB_EINVAL, "slot %c has no pair: %s",
				  loader_why_letter(s->slot), l->where);
	if (s->slot != plan.slot[s->copy] && from == NULL)
		return loader_why(
			l, KB_EFORMAT,
			"%s and %s: no environment starts a slot's kernel: write them by bg_setenv, as docs/KERNEL.md has it",
			parts[0].dev, parts[1].dev);
	if (s->slot != plan.slot[s->copy]) {
		memmove(part->env, from, sizeof(part->env));
		full_name(pair, name);
		TRY(loader_bgenv_rename(part->env, name, loader_why_letter(s->slot)));
	}
	loader_bgenv_seal(part->env, s->ustate, s->revision);
	return KB_OK;
}

/* Each write leaves what was the preset, or what becomes it, should the power fail in it. */
enum kb_err loader_efibg_write(struct loader *l, const struct loader_choice *c)
{
	struct loader_bgplan_step s;

	TRY(look_at_all(l));
	for (unsigned i = 0; i <= LOADER_BGPLAN_STEPS; i++) {
		enum kb_err err = loader_bgplan_next(&plan, c, &s);

		if (err == KB_OK && s.copy < 0)
			return KB_OK;
		if (err != KB_OK)
			return loader_why(
				l, err,
				"%s and %s: they cannot be changed without a moment in which nothing starts: write them by bg_setenv, as docs/KERNEL.md has it",
				parts[0].dev, parts[1].dev);
		TRY(make_content(l, &s));
		TRY(loader_bgpart_write(l, &parts[s.copy]));
		parse_all();
	}
	return loader_why(l, KB_EFORMAT,
			  "%s and %s: the environments do not become what was written",
			  parts[0].dev, parts[1].dev);
}

/* ---------------------------------------------------------------- what was started */

/* The path in a variable of the stub: "\EFI\Linux\keelboot-a.efi". KB_ENOENT. */
static enum kb_err read_path(struct loader *l, const char *name, char path[LOADER_BGENV_TEXT])
{
	static uint8_t value[LOADER_VAR_MAX];
	size_t len, n = 0;

	TRY(loader_var_read(l, name, LOADER_VAR_SYSTEMD, value, &len));
	for (; n < len / 2 && n < LOADER_BGENV_TEXT - 1; n++) {
		uint16_t c = bytes_get16(value + 2 * n);

		if (c == 0)
			break;
		path[n] = c == '\\' ? '/' : c > 0x20 && c < 0x7f ? (char)c : '?';
	}
	path[n] = '\0';
	return KB_OK;
}

enum kb_err loader_efibg_booted(struct loader *l, int *slot)
{
	char path[LOADER_BGENV_TEXT] = "";
	enum kb_err err;
	unsigned n;

	/* Whose kernel runs is known also where the other slot's partition is missing. */
	if (take_some(l, &n) != KB_OK)
		TRY(take_where(l));
	TRY(loader_var_open(l));
	err = read_path(l, "StubImageIdentifier", path);
	if (err == KB_ENOENT)
		err = read_path(l, "LoaderImageIdentifier", path);
	if (err != KB_OK)
		return err;
	for (unsigned i = 0; i < n; i++)
		if (strcasecmp(path + (path[0] == '/'), parts[i].path + 1) == 0) {
			*slot = parts[i].slot;
			return KB_OK;
		}
	return loader_why(l, KB_ENOENT, "%s was started, which is no pair's file: %s", path,
			  l->where);
}

enum kb_err loader_efibg_look(struct loader *l, struct loader_efibg_is *is)
{
	int carrier;

	TRY(look_at_all(l));
	is->plan = plan;
	for (unsigned i = 0; i < COPIES; i++)
		is->lies[i] = (int8_t)parts[i].slot;
	(void)!loader_bgplan_look(&plan, &carrier, &is->pending);
	return KB_OK;
}
