/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Induced sorting (SA-IS; Nong, Zhang, Chan 2009), in linear time. A suffix is of type S if it
 * stands before the one that begins a letter later, else of type L. The leftmost S of each run is
 * sorted by a smaller text, whose letters are what lies between two of them; the order of these
 * gives that of all others.
 */
#include "cli/bundle/bundle_suffix.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 256

struct text {
	/* letters: bytes on the first level, int32_t on those below */
	const void *is;
	bool bytes;
	int32_t n;
	/* letters are below this */
	int32_t letters;
	int32_t *sorted;
	/* of each suffix whether it is of type S */
	bool *is_s;
	/* where in the order the L and S suffixes of a letter begin; and the next place of each */
	int32_t *begin_l, *begin_s, *place;
	/* where the leftmost S of each run are, and which of these a place is, or -1 */
	int32_t *leftmost, *number;
	int32_t nleftmost;
};

static inline int32_t letter(const struct text *t, int32_t i)
{
	return t->bytes ? ((const uint8_t *)t->is)[i] : ((const int32_t *)t->is)[i];
}

static void free_text(struct text *t)
{
	free(t->is_s);
	free(t->begin_l);
	free(t->begin_s);
	free(t->place);
	free(t->leftmost);
	free(t->number);
}

static enum kb_err alloc_text(struct text *t)
{
	size_t n = (size_t)t->n, letters = (size_t)t->letters + 1;

	/* bound: the region, at most BUNDLE_REGION_MAX; each level below has half of it */
	t->is_s = calloc(n, sizeof(*t->is_s));
	/* bound: a number for each letter, of which there are no more than suffixes, or 256 */
	t->begin_l = calloc(letters, sizeof(int32_t));
	/* bound: the same */
	t->begin_s = calloc(letters, sizeof(int32_t));
	/* bound: the same */
	t->place = calloc(letters, sizeof(int32_t));
	/* bound: no two of them are neighbours */
	t->leftmost = calloc(n / 2 + 1, sizeof(int32_t));
	/* bound: a number for each suffix */
	t->number = calloc(n, sizeof(int32_t));
	if (t->is_s != NULL && t->begin_l != NULL && t->begin_s != NULL && t->place != NULL &&
	    t->leftmost != NULL && t->number != NULL)
		return KB_OK;
	return KB_ENOMEM;
}

/* Types, the place of each letter, and the leftmost S. */
static void classify(struct text *t)
{
	for (int32_t i = t->n - 2; i >= 0; i--) {
		int32_t a = letter(t, i), b = letter(t, i + 1);

		t->is_s[i] = a < b || (a == b && t->is_s[i + 1]);
	}
	for (int32_t i = 0; i < t->n; i++) {
		if (t->is_s[i])
			t->begin_l[letter(t, i) + 1]++;
		else
			t->begin_s[letter(t, i)]++;
	}
	for (int32_t c = 0; c < t->letters; c++) {
		t->begin_s[c] += t->begin_l[c];
		t->begin_l[c + 1] += t->begin_s[c];
	}
	for (int32_t i = 0; i < t->n; i++) {
		bool leftmost = i > 0 && t->is_s[i] && !t->is_s[i - 1];

		t->number[i] = leftmost ? t->nleftmost : -1;
		if (leftmost)
			t->leftmost[t->nleftmost++] = i;
	}
}

static void begin_places(struct text *t, const int32_t *from)
{
	memcpy(t->place, from, (size_t)(t->letters + 1) * sizeof(*t->place));
}

static void put_suffix(struct text *t, int32_t i)
{
	t->sorted[t->place[letter(t, i)]++] = i;
}

/* The order of all, from that of the leftmost S. */
static inline void induce(struct text *t, const int32_t *leftmost)
{
	memset(t->sorted, -1, (size_t)t->n * sizeof(*t->sorted));
	begin_places(t, t->begin_s);
	for (int32_t i = 0; i < t->nleftmost; i++)
		put_suffix(t, leftmost[i]);
	begin_places(t, t->begin_l);
	put_suffix(t, t->n - 1);
	for (int32_t i = 0; i < t->n; i++) {
		int32_t v = t->sorted[i];

		if (v > 0 && !t->is_s[v - 1])
			put_suffix(t, v - 1);
	}
	begin_places(t, t->begin_l);
	for (int32_t i = t->n - 1; i >= 0; i--) {
		int32_t v = t->sorted[i];

		if (v > 0 && t->is_s[v - 1])
			t->sorted[--t->place[letter(t, v - 1) + 1]] = v - 1;
	}
}

/* Whether what lies from one leftmost S to the next is the same at two of them. */
static bool is_same_piece(const struct text *t, int32_t a, int32_t b)
{
	int32_t na = t->number[a] + 1, nb = t->number[b] + 1;
	int32_t end_a = na < t->nleftmost ? t->leftmost[na] : t->n;
	int32_t end_b = nb < t->nleftmost ? t->leftmost[nb] : t->n;

	if (end_a - a != end_b - b)
		return false;
	while (a < end_a && letter(t, a) == letter(t, b)) {
		a++;
		b++;
	}
	return a < t->n && b < t->n && letter(t, a) == letter(t, b);
}

/* The text whose letters are those pieces, in their order: below; how many letters it has. */
static int32_t name_pieces(const struct text *t, int32_t *below)
{
	int32_t before = -1, names = 0;

	for (int32_t i = 0; i < t->n; i++) {
		int32_t v = t->sorted[i];

		if (v < 0 || t->number[v] < 0)
			continue;
		if (before < 0 || !is_same_piece(t, before, v))
			names++;
		below[t->number[v]] = names - 1;
		before = v;
	}
	return names;
}

static enum kb_err sort_text(struct text *t);

/* The leftmost S in their order, instead of as they come. */
static enum kb_err sort_leftmost(struct text *t, int32_t *below, int32_t *order)
{
	struct text b = { .is = below, .n = t->nleftmost, .sorted = order };

	b.letters = name_pieces(t, below);
	if (b.letters == b.n) {
		for (int32_t i = 0; i < b.n; i++)
			order[below[i]] = i;
	} else {
		TRY(sort_text(&b));
	}
	for (int32_t i = 0; i < b.n; i++)
		order[i] = t->leftmost[order[i]];
	return KB_OK;
}

static enum kb_err sort_by_pieces(struct text *t)
{
	size_t n = (size_t)t->nleftmost;
	/* bound: half of the text, as above */
	int32_t *below = calloc(n, sizeof(*below)), *order = calloc(n, sizeof(*order));
	enum kb_err err = KB_ENOMEM;

	if (below != NULL && order != NULL)
		err = sort_leftmost(t, below, order);
	if (err == KB_OK)
		induce(t, order);
	free(below);
	free(order);
	return err;
}

/* Each level has at most half of the letters of the one above. */
static enum kb_err sort_text(struct text *t)
{
	enum kb_err err = alloc_text(t);

	if (err == KB_OK) {
		classify(t);
		induce(t, t->leftmost);
		if (t->nleftmost > 1)
			err = sort_by_pieces(t);
	}
	free_text(t);
	return err;
}

enum kb_err bundle_suffix_sort(const uint8_t *bytes, size_t n, int32_t *sorted)
{
	struct text t = {
		.is = bytes, .bytes = true, .n = (int32_t)n, .letters = BYTES, .sorted = sorted
	};

	return n == 0 ? KB_OK : sort_text(&t);
}
