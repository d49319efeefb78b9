/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_bbvars.h"

#include "lib/bytes.h"
#include "selector/loader/loader_bbcopy.h"
#include "selector/loader/loader_list.h"
#include "selector/loader/loader_why.h"

#include <string.h>

#define SECTOR	   512u
#define STRIDE_MAX (16u << 20)
#define VALUE	   4u /* bytes of a variable */

enum priority { OTHER = 10, PRESET = 20, ONCE = 30 };

/* ---------------------------------------------------------------- where they are */

static unsigned digit_of(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* Up to the next colon, or the end; in decimal, or as 0x... */
static bool take_field(const char **at, uint32_t max, uint32_t *value)
{
	const char *text = *at;
	bool is_hex = strncmp(text, "0x", 2) == 0;
	size_t n = strspn(text += is_hex ? 2 : 0, is_hex ? "0123456789abcdefABCDEF" : "0123456789");
	uint64_t all = 0;

	if (n == 0 || n > 10 || (text[n] != ':' && text[n] != '\0'))
		return false;
	for (size_t i = 0; i < n; i++)
		all = all * (is_hex ? 16 : 10) + digit_of(text[i]);
	*value = (uint32_t)all;
	*at = text + n + (text[n] == ':' ? 1 : 0);
	return all <= max;
}

/* What stands before the first colon. */
static bool take_word(const char **at, const char *chars, char *out, size_t size)
{
	size_t n = strcspn(*at, ":");

	if (n == 0 || n >= size || (*at)[n] == '\0' || strspn(*at, chars) < n)
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at += n + 1;
	return true;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* "system0:0:4" */
static bool take_target(struct loader_bbvars_target *t, const char *text)
{
	return take_word(&text, LETTERS, t->name, sizeof(t->name)) &&
	       take_field(&text, LOADER_BBCOPY_MAX, &t->attempts) && text[-1] == ':' &&
	       take_field(&text, LOADER_BBCOPY_MAX, &t->priority) && text[0] == '\0' &&
	       text[-1] != ':';
}

/* "/dev/mmcblk0p4:0x27031977:1024" */
static bool take_head(struct loader_bbvars *v, const char *text)
{
	return take_word(&text, LETTERS "/.", v->dev, sizeof(v->dev)) &&
	       take_field(&text, UINT32_MAX, &v->magic) && text[-1] == ':' &&
	       take_field(&text, STRIDE_MAX, &v->stride) && text[0] == '\0' && text[-1] != ':';
}

static bool are_one_place(uint32_t x, uint32_t y)
{
	return (x < y ? y - x : x - y) < VALUE;
}

/* Two variables at one place, or two slots of one target, are a slip. */
static bool are_apart(const struct loader_bbvars *v)
{
	uint32_t at[2 * STATE_SLOTS_MAX];
	unsigned n = 0;

	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		const struct loader_bbvars_target *t = &v->of[i];

		if (t->name[0] == '\0')
			continue;
		if (loader_bbvars_slot(v, t->name, strlen(t->name)) != i)
			return false;
		at[n++] = t->attempts;
		at[n++] = t->priority;
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			if (are_one_place(at[i], at[j]))
				return false;
	return true;
}

enum kb_err loader_bbvars_take(struct loader *l, struct loader_bbvars *v)
{
	static struct loader_list list;
	bool is_right = loader_list_take(&list, l->where, true);

	memset(v, 0, sizeof(*v));
	is_right = is_right && take_head(v, list.head);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		is_right =
			is_right && (list.of[i][0] == '\0' || take_target(&v->of[i], list.of[i]));
	if (!is_right || !are_apart(v))
		return loader_why(
			l, KB_EINVAL,
			"%s: expected the state and its variables, as /dev/x:0x27031977:1024,a=system0:0:4,b=system1:8:12",
			l->where);
	if (v->stride >= SECTOR && v->stride % SECTOR == 0)
		return KB_OK;
	return loader_why(
		l, KB_EINVAL,
		"%s: a stride of %u is no multiple of 512, so that a power cut may damage two copies at once: change backend-stridesize",
		v->dev, v->stride);
}

int loader_bbvars_slot(const struct loader_bbvars *v, const char *name, size_t len)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (len > 0 && strlen(v->of[i].name) == len &&
		    memcmp(v->of[i].name, name, len) == 0)
			return i;
	return STATE_NONE;
}

/* ---------------------------------------------------------------- what they say */

struct values {
	uint32_t attempts, priority;
};

static struct values values_of(const struct loader_bbvars *v, const uint8_t *data, int slot)
{
	return (struct values){ loader_bbcopy_get(data + v->of[slot].attempts),
				loader_bbcopy_get(data + v->of[slot].priority) };
}

/* Started once, or to be: more attempts would not be Keelboot's. */
static bool is_tried(struct values is)
{
	return is.priority == ONCE && is.attempts <= 1;
}

/* The highest of the others, whatever attempts it has; of two that are equal, nobody knows. */
static int highest_of(const struct loader_bbvars *v, const uint8_t *data)
{
	uint32_t highest = 0;
	int preset = STATE_NONE;

	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		struct values is;

		if (v->of[i].name[0] == '\0')
			continue;
		is = values_of(v, data, i);
		if (is_tried(is) || is.priority < highest || is.priority == 0)
			continue;
		preset = is.priority > highest ? i : STATE_NONE;
		highest = is.priority;
	}
	return preset;
}

static enum kb_err check_len(struct loader *l, const struct loader_bbvars *v, size_t len)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		const struct loader_bbvars_target *t = &v->of[i];

		if (t->name[0] != '\0' && (t->attempts + VALUE > len || t->priority + VALUE > len))
			return loader_why(
				l, KB_EFORMAT,
				"%s: barebox's state has %zu bytes, and the variables of %s lie behind: [loader] layout= is that of another state",
				v->dev, len, t->name);
	}
	return KB_OK;
}

enum kb_err loader_bbvars_read(struct loader *l, const struct loader_bbvars *v, const uint8_t *data,
			       size_t len, struct loader_choice *c)
{
	uint32_t attempts;

	TRY(check_len(l, v, len));
	*c = (struct loader_choice){ (int8_t)highest_of(v, data), STATE_NONE, 0 };
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		if (v->of[i].name[0] == '\0' || !is_tried(values_of(v, data, i)) ||
		    values_of(v, data, i).attempts == 0)
			continue;
		if (c->once != STATE_NONE)
			return loader_why(
				l, KB_EFORMAT,
				"%s: %s and %s have the same priority, so either may start: keelboot mark good tells them apart",
				v->dev, v->of[c->once].name, v->of[i].name);
		c->once = (int8_t)i;
	}
	if (c->preset == STATE_NONE)
		return KB_OK;
	attempts = values_of(v, data, c->preset).attempts;
	if (attempts < LOADER_BBVARS_ATTEMPTS)
		c->starts = (uint8_t)(LOADER_BBVARS_ATTEMPTS - attempts);
	/* what is higher goes first */
	if (values_of(v, data, c->preset).priority > ONCE && attempts > 0)
		c->once = STATE_NONE;
	return KB_OK;
}

enum loader_start loader_bbvars_start(const struct loader_bbvars *v, const uint8_t *data,
				      const struct loader_choice *c, int slot)
{
	struct values is = values_of(v, data, slot);

	if (is_tried(is))
		return is.attempts == 0 ? LOADER_START_ONCE : LOADER_START_UNSAVED;
	if (slot == c->preset && is.attempts == LOADER_BBVARS_ATTEMPTS)
		return LOADER_START_UNSAVED;
	if (slot == c->preset)
		return c->starts > 0 ? LOADER_START_COUNTED : LOADER_START_PLAIN;
	return c->preset != STATE_NONE && c->starts == LOADER_BBVARS_ATTEMPTS ? LOADER_START_INSTEAD
									      : LOADER_START_PLAIN;
}

/* ---------------------------------------------------------------- writing */

static struct values values_for(const struct loader_choice *c, int slot)
{
	uint32_t starts = c->starts < LOADER_BBVARS_ATTEMPTS ? c->starts : LOADER_BBVARS_ATTEMPTS;

	if (slot == c->preset)
		return (struct values){ LOADER_BBVARS_ATTEMPTS - starts, PRESET };
	if (slot == c->once)
		return (struct values){ 1, ONCE };
	return (struct values){ LOADER_BBVARS_ATTEMPTS, OTHER };
}

static enum kb_err check_target(struct loader *l, const struct loader_bbvars *v, int slot)
{
	if (slot == STATE_NONE || v->of[slot].name[0] != '\0')
		return KB_OK;
	return loader_why(l, KB_EINVAL, "slot %c has no target: %s", loader_why_letter(slot),
			  l->where);
}

enum kb_err loader_bbvars_set(struct loader *l, const struct loader_bbvars *v, uint8_t *data,
			      size_t len, const struct loader_choice *c)
{
	TRY(check_len(l, v, len));
	TRY(check_target(l, v, c->preset));
	TRY(check_target(l, v, c->once));
	if (c->preset == STATE_NONE)
		return loader_why(
			l, KB_EFORMAT,
			"%s: no target has the highest priority, so nothing is there to fall back to: keelboot mark good mends it",
			v->dev);
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		struct values want = values_for(c, i);

		if (v->of[i].name[0] == '\0')
			continue;
		loader_bbcopy_put(data + v->of[i].attempts, want.attempts);
		loader_bbcopy_put(data + v->of[i].priority, want.priority);
	}
	return KB_OK;
}
