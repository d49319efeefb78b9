/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_command.h"

#include <string.h>

static void put_char(struct doctor_reader *r, char c)
{
	if (r->room->used < DOCTOR_ROOM_MAX)
		r->room->text[r->room->used++] = c;
	else
		r->room->left = 0;
}

static void put_variable(struct doctor_reader *r)
{
	put_char(r, *r->at++);
	if (r->at == r->end || *r->at != '{')
		return;
	for (r->at++; r->at < r->end && *r->at != '}' && *r->at != '\n'; r->at++)
		put_char(r, *r->at);
	if (r->at < r->end && *r->at == '}')
		r->at++;
}

/* What a backslash stands before is itself. */
static void put_plain(struct doctor_reader *r)
{
	if (*r->at == '\\' && r->at + 1 < r->end)
		r->at++;
	put_char(r, *r->at++);
}

static void put_quoted(struct doctor_reader *r)
{
	char quote = *r->at++;

	while (r->at < r->end && *r->at != quote) {
		if (quote == '\'')
			put_char(r, *r->at++);
		else if (*r->at == '$')
			put_variable(r);
		else
			put_plain(r);
	}
	if (r->at < r->end)
		r->at++;
	else
		r->room->torn = true;
}

static bool ends_word(char c)
{
	return strchr(" \t\r\n;&|", c) != NULL;
}

static void put_one_word(struct doctor_reader *r)
{
	while (r->at < r->end && !ends_word(*r->at)) {
		if (*r->at == '\'' || *r->at == '"')
			put_quoted(r);
		else if (*r->at == '$')
			put_variable(r);
		else
			put_plain(r);
	}
}

static enum doctor_ending take_ending(struct doctor_reader *r)
{
	char c = *r->at++;

	if ((c != '&' && c != '|') || r->at == r->end || *r->at != c)
		return DOCTOR_ENDS;
	r->at++;
	return DOCTOR_ENDS_CHAIN;
}

static bool is_brace(const struct doctor_reader *r)
{
	return r->has_blocks && (*r->at == '{' || *r->at == '}') &&
	       (r->at + 1 == r->end || ends_word(r->at[1]));
}

static enum doctor_ending take_words(struct doctor_reader *r)
{
	size_t used = r->room->used;

	while (r->at < r->end) {
		if (strchr("\n;&|", *r->at) != NULL)
			return take_ending(r);
		if (is_brace(r))
			return *r->at++ == '{' ? DOCTOR_OPENS_BLOCK : DOCTOR_CLOSES_BLOCK;
		if (ends_word(*r->at)) {
			r->at++;
			continue;
		}
		if (r->room->used > used)
			put_char(r, ' ');
		put_one_word(r);
	}
	return DOCTOR_ENDS;
}

enum doctor_ending doctor_command_next(struct doctor_reader *r, const char **words)
{
	struct doctor_room *room = r->room;
	const char *from = r->at;
	size_t read;
	enum doctor_ending how;

	*words = room->text + room->used;
	how = take_words(r);
	room->text[room->used++] = '\0';
	read = (size_t)(r->at - from);
	room->left -= read < room->left ? read : room->left;
	return how;
}

void doctor_command_block(struct doctor_reader *r, const char **text, size_t *len)
{
	size_t used = r->room->used;
	unsigned open = 1;

	*text = r->at;
	while (open > 0 && r->at < r->end && r->room->left > 0) {
		const char *words;
		enum doctor_ending how = doctor_command_next(r, &words);

		r->room->used = used;
		open += how == DOCTOR_OPENS_BLOCK;
		open -= how == DOCTOR_CLOSES_BLOCK;
	}
	*len = (size_t)(r->at - *text) - (open == 0);
}
