/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/kexec/kexec_line.h"

#include "kernel-cmdline/cmdline.h"
#include "kernel-cmdline/cmdline_word.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAIR "keelboot.pair"

/* One word as it stands there, quotes and all. */
struct word {
	const char *text;
	size_t len;
};

/* False at the end. *at is behind the word then. */
static bool next_word(const char **at, struct word *w)
{
	w->text = *at + cmdline_word_spaces(*at);
	w->len = cmdline_word_len(w->text);
	*at = w->text + w->len;
	return w->len > 0;
}

static bool is_text(const char *text)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' && !cmdline_word_space(*text))
			return false;
		quoted = quoted != (*text == '"');
	}
	return !quoted;
}

/* Without its value, and the quote before it. */
static struct word name_of(const struct word *w)
{
	size_t quote = w->text[0] == '"' ? 1 : 0, len = strcspn(w->text + quote, "=\"");

	return (struct word){ w->text + quote, len < w->len - quote ? len : w->len - quote };
}

static bool is_named(const struct word *w, const char *name)
{
	struct word n = name_of(w);

	return cmdline_word_equal(n.text, n.len, name, strlen(name));
}

static bool is_keelboots(const struct word *w)
{
	static const char prefix[] = "keelboot.";
	struct word n = name_of(w);
	size_t len = sizeof(prefix) - 1;

	return n.len >= len && cmdline_word_equal(n.text, len, prefix, len);
}

static bool is_end(const struct word *w)
{
	return w->len == 2 && memcmp(w->text, "--", 2) == 0;
}

static bool is_of_base(const struct word *w)
{
	return !is_named(w, PAIR) && !is_named(w, CMDLINE_BASE_KEYS) &&
	       !is_named(w, "BOOT_IMAGE") && !is_named(w, "initrd");
}

static bool is_of_slot(const struct word *w)
{
	return !is_keelboots(w) && !is_named(w, "panic");
}

static enum kb_err add(char *out, const char *text, size_t len)
{
	size_t used = strlen(out);

	if (used + 1 + len > KEXEC_LINE_MAX)
		return KB_ENOSPC;
	out[used] = ' ';
	memcpy(out + used + 1, text, len);
	out[used + 1 + len] = '\0';
	return KB_OK;
}

/* Up to the end, or to "--", whose place comes back. */
static enum kb_err add_words(char *out, const char *text, bool (*is_wanted)(const struct word *w),
			     const char **rest)
{
	struct word w;

	*rest = NULL;
	while (next_word(&text, &w)) {
		if (is_end(&w)) {
			*rest = w.text;
			return KB_OK;
		}
		if (is_wanted(&w))
			TRY(add(out, w.text, w.len));
	}
	return KB_OK;
}

static enum kb_err join_words(char *out, const char *base, const char *words, char slot,
			      const char *keys)
{
	const char *args, *ignored;

	if (!is_text(base) || !is_text(words))
		return KB_EFORMAT;
	snprintf(out, KEXEC_LINE_MAX + 1, PAIR "=%c%s%s", slot,
		 keys[0] != '\0' ? " " CMDLINE_BASE_KEYS "=" : "", keys);
	TRY(add_words(out, base, is_of_base, &args));
	TRY(add_words(out, words, is_of_slot, &ignored));
	return args == NULL ? KB_OK : add(out, args, strcspn(args, "\n"));
}

enum kb_err kexec_line_make(char *out, const char *base, const char *words, char slot,
			    const char *keys)
{
	enum kb_err err = join_words(out, base, words, slot, keys);

	return err == KB_ENOSPC && keys[0] != '\0' ? join_words(out, base, words, slot, "") : err;
}
