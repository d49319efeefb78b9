/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_loader.h"

#include "lib/log.h"
#include "selector/loader/loader.h"
#include "selector/loader/loader_uboot.h"
#include "selector/pair.h"

#include <stdio.h>
#include <string.h>

struct asked {
	struct loader l;
	char where[DEVICE_PATH_MAX];
	struct loader_choice is;
};

static bool has_pairs(const struct device *d)
{
	return d->loader[0] != '\0' && d->pair != STATE_NONE;
}

/* The file that names U-Boot's environment is where this system has it, and not where the initramfs
 * did. */
static void set_store(struct asked *a, const struct device *d, const char *root)
{
	size_t len = strcspn(d->loader, " ");
	char word[16];

	snprintf(word, sizeof(word), "%.*s", (int)(len < sizeof(word) ? len : sizeof(word) - 1),
		 d->loader);
	a->l = (struct loader){ .kind = conf_loader_of(word), .root = root };
	snprintf(a->where, sizeof(a->where), "%s%s", a->l.kind == CONF_LOADER_UBOOT ? root : "",
		 a->l.kind == CONF_LOADER_UBOOT ? conf_loader_environment(&d->conf)
		 : d->loader[len] == ' '	? d->loader + len + 1
						: "");
	a->l.where = a->where;
}

static enum kb_err read_store(struct asked *a, const struct device *d)
{
	enum kb_err err;

	set_store(a, d, "");
	a->l.mends = true;
	err = loader_read(&a->l, &a->is);
	/* What stands there names no pair: it can be written over. */
	if (err == KB_EFORMAT) {
		a->is = (struct loader_choice){ STATE_NONE, STATE_NONE, 0 };
		return KB_OK;
	}
	if (err != KB_OK)
		log_err("boot loader: %s", a->l.why);
	return err;
}

bool device_loader_is_kexec(const struct device *d)
{
	const char *word = conf_loader_word(CONF_LOADER_KEXEC);

	return strncmp(d->loader, word, strlen(word)) == 0;
}

/* By kexec: what the boot says of it, or "". */
static const char *words_of(const struct device *d)
{
	const char *field = strchr(d->loader, ' ');

	return device_loader_is_kexec(d) && field != NULL ? field + 1 : "";
}

bool device_loader_is_unnamed(const struct device *d)
{
	return pair_has_word(words_of(d), PAIR_UNNAMED);
}

bool device_loader_is_first(const struct device *d)
{
	return device_loader_is_kexec(d) && d->pair == STATE_NONE && !device_loader_is_unnamed(d);
}

bool device_loader_has_pairs(const struct conf *c)
{
	for (unsigned i = 0; i < c->nslots; i++)
		if (conf_slot_part(c, i, PAIR_CLASS) != NULL)
			return true;
	return false;
}

/* Init's system.conf was lost: slots have kernels, and nobody says what starts them. */
static bool is_loader_unknown(const struct device *d)
{
	const char *word = conf_loader_word(CONF_LOADER_NONE);
	size_t len = strcspn(d->loader, " ");

	return len == strlen(word) && strncmp(d->loader, word, len) == 0;
}

const char *device_loader_why_untried(const struct device *d)
{
	if (d->loader[0] == '\0' || device_loader_is_kexec(d))
		return pair_why_untried(words_of(d));
	if (is_loader_unknown(d))
		return "the initramfs does not know its boot loader";
	/* Without pairs, any kernel boots any slot. */
	if (d->pair == STATE_NONE)
		return device_loader_has_pairs(&d->conf) ? "nobody says whose kernel runs" : NULL;
	return pair_why_untried(d->pair_word);
}

/* Of barebox, what Linux writes counts for a good slot, whether it notes its starts or not. */
static bool is_started_anyway(const struct device *d, int slot)
{
	bool good = d->state.slot[slot].st == STATE_GOOD;

	if (device_loader_is_kexec(d))
		return good;
	return good && d->conf.loader == CONF_LOADER_BAREBOX && d->pair != STATE_NONE &&
	       strcmp(d->pair_word, PAIR_UNHEARD) != 0;
}

const char *device_loader_why_unstarted(const struct device *d, int slot)
{
	if (slot == d->pair || (d->pair == STATE_NONE && slot == d->booted) ||
	    is_started_anyway(d, slot))
		return NULL;
	return device_loader_why_untried(d);
}

enum kb_err device_loader_read(const struct device *d, const char *root,
			       struct device_loader_is *is)
{
	struct asked a;
	enum kb_err err = KB_ENOENT;

	*is = (struct device_loader_is){ .preset = STATE_NONE, .once = STATE_NONE };
	if (has_pairs(d)) {
		set_store(&a, d, root);
		err = loader_read(&a.l, &a.is);
		is->preset = a.is.preset;
		is->once = a.is.once;
		is->starts = a.is.starts;
		snprintf(is->why, sizeof(is->why), "%s", a.l.why);
	}
	return err;
}

static enum kb_err set_preset(struct asked *a, int slot)
{
	enum kb_err err = loader_set_preset(&a->l, slot);

	if (err != KB_OK)
		log_err("boot loader: %s; it may start another kernel than that of slot %c",
			a->l.why, state_slot_letter(slot));
	return err;
}

bool device_loader_has_other_store(const struct device *d)
{
	return strcmp(d->pair_word, PAIR_OTHER_STORE) == 0;
}

enum kb_err device_loader_confirm(const struct device *d, bool *changed)
{
	struct asked a;

	*changed = false;
	if (d->loader[0] == '\0' || (d->pair != STATE_NONE && d->pair != d->booted) ||
	    device_loader_is_kexec(d))
		return KB_OK;
	if (!has_pairs(d)) {
		log_err("boot loader: whose kernel runs is not known, so it may start another one: keelboot doctor says why");
		return KB_ENODEV;
	}
	TRY(read_store(&a, d));
	if (a.is.preset == d->pair && a.is.once == STATE_NONE && a.is.starts == 0)
		return KB_OK;
	if (device_loader_has_other_store(d)) {
		log_err("boot loader: it counted this start in another store than %s, or kexec started this kernel: it is not made the one that starts from now on (keelboot doctor)",
			d->loader);
		return KB_ENODEV;
	}
	*changed = true;
	return set_preset(&a, d->pair);
}

enum kb_err device_loader_reset_count(const struct device *d, bool *changed)
{
	struct loader l = {
		.kind = CONF_LOADER_UBOOT,
		.where = conf_loader_counter(&d->conf),
		.root = "",
	};
	enum kb_err err;

	*changed = false;
	if (d->conf.loader_counter == CONF_COUNTER_NONE)
		return KB_OK;
	err = loader_uboot_reset_count(&l, changed);
	if (err != KB_OK)
		log_err("boot loader: its count of starts stays: %s; after some more, it falls back, though this one is fine",
			l.why);
	return err;
}

/* What runs is in memory, and the first kernel in no slot. */
static enum kb_err secure_kexec(const struct device *d)
{
	const char *why = device_loader_why_untried(d);

	if (why == NULL && device_loader_is_unnamed(d))
		log_warn(
			"install: kexec started this kernel, and nobody says whose it is: the new release waits until a reset starts the first kernel");
	if (why == NULL)
		return KB_OK;
	log_err("install: %s, so the new one might never be tried: keelboot doctor says why", why);
	return KB_ENODEV;
}

enum kb_err device_loader_secure(const struct device *d)
{
	const char *why = device_loader_why_untried(d);
	struct asked a;
	int preset;

	if (device_loader_is_kexec(d))
		return secure_kexec(d);
	if (!has_pairs(d)) {
		if (d->loader[0] == '\0' &&
		    (d->conf.loader == CONF_LOADER_NONE || d->opts->state != NULL))
			return KB_OK;
		log_err("install: whose kernel runs is not known, and it might be overwritten: keelboot doctor says why");
		return KB_ENODEV;
	}
	if (why != NULL) {
		bool other = device_loader_has_other_store(d);

		log_err("install: %s%s%s, so it would start no other kernel: mend that, and restart (keelboot doctor)",
			why, other ? " than " : "", other ? d->loader : "");
		return KB_EIO;
	}
	TRY(read_store(&a, d));
	preset = pair_safe_preset(&d->state, device_whole(&d->state), PLAN_COMMAND, a.is.preset,
				  d->pair);
	if (preset == a.is.preset && a.is.once == STATE_NONE)
		return KB_OK;
	return set_preset(&a, preset);
}
