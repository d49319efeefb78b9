/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/text.h"

#include <string.h>

size_t text_decimal(char *buf, uint64_t v)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	for (size_t i = 0; i < n; i++)
		buf[i] = digits[n - 1 - i];
	buf[n] = '\0';
	return n;
}

void text_put(struct text_out *o, const char *key, const char *val)
{
	size_t k = strlen(key), v = strlen(val);
	char *p = o->buf + o->len;

	if (k + v + 2 > o->size - o->len) {
		o->full = true;
		return;
	}
	memcpy(p, key, k);
	p[k] = '=';
	memcpy(p + k + 1, val, v);
	p[k + 1 + v] = '\n';
	o->len += k + v + 2;
}

void text_put_number(struct text_out *o, const char *key, uint64_t v)
{
	char digits[21];

	text_decimal(digits, v);
	text_put(o, key, digits);
}

void text_put_raw(struct text_out *o, const char *line, size_t len)
{
	if (len > o->size - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->len, line, len);
	o->len += len;
}

bool text_next(const char **pos, const char *end, struct text_line *l)
{
	const char *nl, *eq, *stop;

	if (*pos >= end)
		return false;
	nl = memchr(*pos, '\n', (size_t)(end - *pos));
	stop = nl != NULL ? nl : end;
	eq = memchr(*pos, '=', (size_t)(stop - *pos));
	l->line = *pos;
	l->line_len = (size_t)(stop - *pos) + (nl != NULL);
	l->key_len = eq != NULL ? (size_t)(eq - *pos) : 0;
	l->val = eq != NULL ? eq + 1 : stop;
	l->val_len = (size_t)(stop - l->val);
	*pos += l->line_len;
	return true;
}

bool text_equals(const char *text, size_t len, const char *name)
{
	/* By its length: a line may hold a NUL, behind which strncmp() would not look. */
	return len == strlen(name) && memcmp(text, name, len) == 0;
}

bool text_is(const struct text_line *l, const char *key)
{
	return text_equals(l->line, l->key_len, key);
}

bool text_item(const char **val, const char *end, const char **item, size_t *len)
{
	const char *comma;

	if (*val > end)
		return false;
	comma = memchr(*val, ',', (size_t)(end - *val));
	*item = *val;
	*len = (size_t)((comma != NULL ? comma : end) - *val);
	*val += *len + 1;
	return true;
}

void text_number(uint64_t *out, const char *val, size_t len, uint64_t max, uint64_t bad)
{
	uint64_t v = 0;

	*out = bad;
	if (len == 0)
		return;
	for (size_t i = 0; i < len; i++) {
		if (val[i] < '0' || val[i] > '9')
			return;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(val[i] - '0'), &v))
			return;
	}
	*out = v > max ? max : v;
}

uint64_t text_value(const struct text_line *l, uint64_t max, uint64_t bad)
{
	uint64_t v;

	text_number(&v, l->val, l->val_len, max, bad);
	return v;
}

void text_copy(char *dst, size_t size, const char *val, size_t len)
{
	size_t n = len < size - 1 ? len : size - 1;

	for (size_t i = 0; i < n; i++)
		dst[i] = (char)(val[i] >= ' ' && val[i] <= '~' ? val[i] : '?');
	memset(dst + n, 0, size - n);
}
