/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_order.h"

#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define ONCE	"keelboot_once"
#define DEFAULT "keelboot_default"
#define STARTS	"keelboot_starts"

/* ---------------------------------------------------------------- what one step does */

static bool is_step(const struct doctor_step *step, const char *command, const char *word)
{
	return doctor_steps_is(step, command) && doctor_script_line_has(step->text, word);
}

/* Looks at its value. */
static bool reads(const struct doctor_step *step, const char *name)
{
	char value[32];

	snprintf(value, sizeof(value), "$%s", name);
	return !doctor_steps_prints(step) && doctor_script_line_has(step->text, value);
}

enum change { CHANGES_NOT, CLEARS, FILLS };

/* "NAME=value", or "NAME value"; what is empty clears it. */
static enum change change_of(const char *text, const char *name, char between)
{
	size_t len = strlen(name);

	if (strncmp(text, name, len) != 0)
		return CHANGES_NOT;
	if (text[len] == '\0')
		return between == ' ' ? CLEARS : CHANGES_NOT;
	if (text[len] != between)
		return CHANGES_NOT;
	return text[len + 1] == '\0' || text[len + 1] == ' ' ? CLEARS : FILLS;
}

static const char *behind(const char *text, const char *words)
{
	size_t len = strlen(words);

	return strncmp(text, words, len) == 0 ? text + len : "";
}

static enum change changes(const struct doctor_steps *s, const struct doctor_step *step,
			   const char *name)
{
	static const char *const clearing[] = { "unset ", "env delete ", "env delete -f " };
	enum change is = CHANGES_NOT;

	for (unsigned i = 0; i < KB_ARRAY_LEN(clearing); i++)
		if (strcmp(behind(step->text, clearing[i]), name) == 0)
			return CLEARS;
	if (s->language == DOCTOR_GRUB) {
		is = change_of(behind(step->text, "set "), name, '=');
		return is != CHANGES_NOT ? is : change_of(step->text, name, '=');
	}
	is = change_of(behind(step->text, "setenv "), name, ' ');
	return is != CHANGES_NOT ? is : change_of(behind(step->text, "env set "), name, ' ');
}

/* All words are options, or the file's name behind one. */
static bool names_no_variable(const char *text)
{
	const char *word = strchr(text, ' ');

	for (; word != NULL; word = strchr(word, ' ')) {
		word++;
		if (*word != '-')
			return false;
		if (strncmp(word, "-f ", 3) == 0 || strncmp(word, "--file ", 7) == 0)
			word = strchr(word, ' ') + 1;
	}
	return true;
}

/* U-Boot has loaded all before its script. */
static bool loads(const struct doctor_step *step, const char *name)
{
	return doctor_steps_is(step, "load_env") &&
	       (doctor_script_line_has(step->text, name) || names_no_variable(step->text));
}

static bool saves(const struct doctor_steps *s, const struct doctor_step *step, const char *name)
{
	if (s->language == DOCTOR_GRUB)
		return is_step(step, "save_env", name);
	return doctor_steps_is(step, "saveenv") || is_step(step, "env", "save") ||
	       is_step(step, "run", "keelboot_save");
}

/* ---------------------------------------------------------------- where it is done */

/* Number of a step; s->n: there is none. */
static unsigned first_load(const struct doctor_steps *s, const char *name)
{
	unsigned i = 0;

	while (s->language == DOCTOR_GRUB && i < s->n && !loads(&s->step[i], name))
		i++;
	return i;
}

static unsigned first_read(const struct doctor_steps *s, unsigned from, const char *name)
{
	while (from < s->n && !reads(&s->step[from], name))
		from++;
	return from;
}

static unsigned first_save(const struct doctor_steps *s, unsigned from, const char *name)
{
	while (from < s->n && !saves(s, &s->step[from], name))
		from++;
	return from;
}

/* One that comes, whatever is chosen. */
static unsigned first_start(const struct doctor_steps *s, bool doubtful)
{
	unsigned i = 0;

	while (i < s->n &&
	       (!s->step[i].starts || s->step[i].in_menu || (s->step[i].doubtful && !doubtful)))
		i++;
	return i;
}

static bool starts_behind(const struct doctor_steps *s, unsigned at)
{
	for (unsigned i = at; i < s->n; i++)
		if (s->step[i].starts)
			return true;
	return false;
}

/* A change that is saved as it is; one that surely comes goes first. */
struct saved {
	unsigned change, save;
};

static struct saved find_saved(const struct doctor_steps *s, const char *name, enum change wanted)
{
	struct saved is = { s->n, s->n };
	unsigned at = s->n;

	for (unsigned i = 0; i < s->n; i++) {
		enum change c = changes(s, &s->step[i], name);

		if (c == wanted)
			at = i;
		else if (c != CHANGES_NOT || loads(&s->step[i], name))
			at = s->n;
		if (at == s->n || !saves(s, &s->step[i], name))
			continue;
		if (is.save == s->n || (s->step[is.save].doubtful && !s->step[i].doubtful))
			is = (struct saved){ at, i };
	}
	return is;
}

/* ---------------------------------------------------------------- the rules */

static const struct doctor_fault right = { DOCTOR_ORDER_RIGHT, "", "" };

static bool looks_too_early(const struct doctor_steps *s, const char *name)
{
	return s->language == DOCTOR_GRUB && first_read(s, 0, name) < first_load(s, name);
}

/* A test may ask whether it is empty now. */
static bool is_used_when_cleared(const struct doctor_steps *s, unsigned clear)
{
	for (unsigned i = clear + 1; i < s->n; i++) {
		const struct doctor_step *step = &s->step[i];

		if (reads(step, ONCE) && !doctor_steps_is(step, "[") &&
		    !doctor_steps_is(step, "test"))
			return true;
		if (changes(s, step, ONCE) == FILLS || loads(step, ONCE))
			return false;
	}
	return false;
}

static bool is_looked_at_before(const struct doctor_steps *s, unsigned clear)
{
	unsigned from = s->language == DOCTOR_GRUB ? first_load(s, ONCE) : 0;

	return first_read(s, from, ONCE) < clear;
}

static bool names_pair_in_time(const struct doctor_steps *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!doctor_steps_prints(&s->step[i]) &&
		    doctor_script_line_has(s->step[i].text, "keelboot.pair="))
			return starts_behind(s, i);
	return false;
}

#define WRONG(says, fix)                      \
	(struct doctor_fault)                 \
	{                                     \
		DOCTOR_ORDER_WRONG, says, fix \
	}

#define CLEAR_FIX \
	"clear keelboot_once, and save that, before a kernel is started, as the script in kernel-cmdline/loaders does"

#define COUNT_FIX "save keelboot_starts before the kernel is started"

static struct doctor_fault judge_once(const struct doctor_steps *s)
{
	struct saved is = find_saved(s, ONCE, CLEARS);

	if (first_save(s, 0, ONCE) == s->n)
		return WRONG(
			"never saves keelboot_once: a kernel that was asked for once and hangs is started again and again",
			CLEAR_FIX);
	if (is.save == s->n)
		return WRONG(
			"does not clear keelboot_once before it saves it: a kernel that was asked for once and hangs is started again and again",
			CLEAR_FIX);
	if (first_start(s, false) < is.save)
		return WRONG(
			"starts a kernel before it has saved that keelboot_once is cleared: one that hangs is started again and again",
			CLEAR_FIX);
	if (!is_looked_at_before(s, is.change) || is_used_when_cleared(s, is.change))
		return WRONG(
			"uses keelboot_once when it is cleared already: no release with a kernel is ever tried",
			"keep its value in another variable before it is cleared, as the script in kernel-cmdline/loaders does");
	if (s->step[is.save].doubtful || first_start(s, true) < is.save)
		return (struct doctor_fault){
			DOCTOR_ORDER_UNCLEAR,
			"clears keelboot_once and saves that, if a condition holds or an entry of a menu is chosen",
			CLEAR_FIX
		};
	return right;
}

struct doctor_fault doctor_order_of_trial(const struct doctor_steps *s)
{
	if (looks_too_early(s, ONCE))
		return WRONG(
			"looks at keelboot_once before load_env: no release with a kernel is ever tried",
			"put load_env before the first line that has $keelboot_once");
	if (looks_too_early(s, DEFAULT))
		return WRONG(
			"looks at keelboot_default before load_env: GRUB does not fall back to the kernel that proved itself",
			"put load_env before the first line that has $keelboot_default");
	if (first_read(s, 0, DEFAULT) == s->n)
		return WRONG(
			"never uses the value of keelboot_default: the kernel that proved itself is not what is fallen back to",
			"start the pair of $keelboot_default, as the script in kernel-cmdline/loaders does");
	if (!names_pair_in_time(s))
		return WRONG(
			"has keelboot.pair= behind the start of the kernel: init does not know whose kernel runs",
			"put keelboot.pair= on the kernel's command line before it is started");
	return judge_once(s);
}

static bool starts_default_before(const struct doctor_steps *s, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (s->step[i].leads_to_start && reads(&s->step[i], DEFAULT))
			return true;
	return false;
}

/* What it is made from does not count. */
static unsigned find_look(const struct doctor_steps *s)
{
	unsigned i = first_read(s, 0, STARTS);

	while (i < s->n && changes(s, &s->step[i], STARTS) != CHANGES_NOT)
		i = first_read(s, i + 1, STARTS);
	return i;
}

struct doctor_fault doctor_order_of_count(const struct doctor_steps *s)
{
	struct saved is = find_saved(s, STARTS, FILLS);
	unsigned fill = 0;

	while (fill < s->n && changes(s, &s->step[fill], STARTS) != FILLS)
		fill++;
	if (fill == s->n)
		return right;
	if (is.save == s->n)
		return WRONG("counts starts, and never saves the count", COUNT_FIX);
	if (starts_default_before(s, is.save))
		return WRONG("starts the kernel of keelboot_default before its count is saved",
			     COUNT_FIX);
	if (!starts_behind(s, is.save))
		return WRONG("saves the count behind the start of the kernel", COUNT_FIX);
	if (!starts_behind(s, find_look(s)))
		return WRONG(
			"counts starts, and looks at the count behind the start of the kernel, or never",
			"compare keelboot_starts with a limit before the kernel is started, as the script in kernel-cmdline/loaders does");
	return right;
}

bool doctor_order_arms_watchdog(const struct doctor_steps *s)
{
	unsigned i = 0;

	while (i < s->n && (!is_step(&s->step[i], "wdt", "start") || s->step[i].doubtful))
		i++;
	return i < s->n && i < first_start(s, true);
}

/* ---------------------------------------------------------------- what is said of it */

static bool is_command_named(const struct doctor_step *step, const char *command)
{
	return doctor_steps_is(step, command) ||
	       (strcmp(command, "saveenv") == 0 && is_step(step, "env", "save"));
}

static bool has_either_word(const struct doctor_steps *s, const struct doctor_words *w)
{
	if (w->or_word != NULL && doctor_steps_have(s, w->or_word))
		return true;
	if (!w->is_command)
		return doctor_steps_have(s, w->word);
	for (unsigned i = 0; i < s->n; i++)
		if (is_command_named(&s->step[i], w->word))
			return true;
	return false;
}

#define UNCLEAR_FIX "compare it with the script in kernel-cmdline/loaders"

/* False: nothing more can be said. */
static bool want_words(struct doctor *doc, const struct doctor_steps *s,
		       const struct doctor_words *words, unsigned n)
{
	bool all = true;

	for (unsigned i = 0; i < n; i++) {
		if (has_either_word(s, &words[i]))
			continue;
		all = false;
		if (s->whole) {
			doctor_report(doc, DOCTOR_ERROR, "loader-script", words[i].fix,
				      "%.100s has no %s: %s", doc->facts.config, words[i].word,
				      words[i].lacks);
			continue;
		}
		doctor_report(
			doc, DOCTOR_NOTE, "loader-script-unclear", UNCLEAR_FIX,
			"%.100s has no %s, but cannot be searched whole: whether the boot loader falls back cannot be seen here",
			doc->facts.config, words[i].word);
		return false;
	}
	return all;
}

static void want_trial(struct doctor *doc, const struct doctor_steps *s)
{
	struct doctor_fault f = doctor_order_of_trial(s);

	if (f.is == DOCTOR_ORDER_WRONG && s->whole)
		doctor_report(doc, DOCTOR_ERROR, "loader-script", f.fix, "%.60s %s",
			      doc->facts.config, f.says);
	else if (f.is == DOCTOR_ORDER_WRONG)
		doctor_report(doc, DOCTOR_NOTE, "loader-script-unclear", UNCLEAR_FIX,
			      "what can be seen of %.60s %s", doc->facts.config, f.says);
	else if (f.is == DOCTOR_ORDER_UNCLEAR)
		doctor_report(doc, DOCTOR_NOTE, "loader-script-unclear", UNCLEAR_FIX,
			      "%.60s %s: whether the boot loader falls back cannot be seen here",
			      doc->facts.config, f.says);
}

void doctor_order_check(struct doctor *doc, const struct doctor_steps *s,
			const struct doctor_words *words, unsigned n)
{
	struct doctor_fault f;

	if (!want_words(doc, s, words, n))
		return;
	want_trial(doc, s);
	f = doctor_order_of_count(s);
	if (f.is == DOCTOR_ORDER_WRONG)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-uncounted", f.fix,
			"%.60s %s: a kernel that was marked good and stops starting is started again and again",
			doc->facts.config, f.says);
}
