/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_steps.h"

#include <string.h>

#define DEPTH_MAX  8u	      /* calls within calls */
#define FRAMES_MAX 32u	      /* conditions within conditions */
#define READ_MAX   (4u << 20) /* characters; a script may call itself again and again */

/* ---------------------------------------------------------------- words of the languages */

static const char *const starting[] = { "boot",	   "booti",  "bootz", "bootm", "bootefi",
					"bootelf", "bootvx", "zboot", "go",    NULL };
/* They end well, or nothing could be started. */
static const char *const loading[] = { "linux",	   "linux16",	"linuxefi",    "initrd",
				       "initrd16", "initrdefi", "chainloader", "load",
				       "ext4load", "ext2load",	"fatload",     "part",
				       "insmod",   "search",	"fdt",	       NULL };
/* What they start stands elsewhere. */
static const char *const leaving[] = { "source",   ".",	      "configfile", "normal",  "eval",
				       "blscfg",   "sysboot", "bootflow",   "bootdev", "bootstd",
				       "bootmenu", "pxe",     "exit",	    NULL };
static const char *const printing[] = { "echo",	   "printf",	      "menuentry",
					"submenu", "terminal_output", NULL };

static bool begins_with(const char *text, const char *command)
{
	size_t len = strlen(command);

	return strncmp(text, command, len) == 0 && (text[len] == ' ' || text[len] == '\0');
}

static bool is_one_of(const char *text, const char *const *commands)
{
	for (; *commands != NULL; commands++)
		if (begins_with(text, *commands))
			return true;
	return false;
}

/* "sysboot … /keelboot.conf": a pair of Keelboot's says itself what is loaded. */
static bool starts_described(const char *text)
{
	return begins_with(text, "sysboot") && strstr(text, "keelboot_") != NULL;
}

static const char *rest_of(const char *text)
{
	text += strcspn(text, " ");
	return text + (*text == ' ');
}

/* ---------------------------------------------------------------- conditions */

struct frame {
	/* its condition is being read; and has Keelboot's words */
	bool in_condition, ours;
};

struct walk {
	struct doctor_reader r;
	struct doctor_steps *s;
	unsigned depth;
	/* of the caller */
	bool doubtful, in_menu;
	unsigned nframes;
	struct frame frame[FRAMES_MAX];
	/* what stands before it in a chain of && and || */
	bool chained, chain_doubtful;
	bool starts;
};

static bool is_foreign(const char *text)
{
	return strstr(text, "keelboot_") == NULL && !is_one_of(text, loading);
}

static bool is_doubtful(const struct walk *w)
{
	bool is = w->doubtful || (w->chained && w->chain_doubtful);

	for (unsigned i = 0; i < w->nframes; i++)
		is = is || (!w->frame[i].in_condition && !w->frame[i].ours);
	return is;
}

static void push_frame(struct walk *w, bool ours)
{
	if (w->nframes < FRAMES_MAX)
		w->frame[w->nframes++] = (struct frame){ .in_condition = true, .ours = ours };
	else
		w->s->whole = false;
}

/* The word that begins a command belongs to the language. False: it does not. */
static bool take_keyword(struct walk *w, const char *text)
{
	struct frame *top = w->nframes > 0 ? &w->frame[w->nframes - 1] : NULL;

	if (begins_with(text, "if") || begins_with(text, "while") || begins_with(text, "until")) {
		push_frame(w, false);
	} else if (begins_with(text, "then") || begins_with(text, "do") ||
		   begins_with(text, "else")) {
		if (top != NULL)
			top->in_condition = false;
	} else if (begins_with(text, "elif")) {
		if (top != NULL)
			top->in_condition = true;
	} else if (begins_with(text, "fi") || begins_with(text, "done")) {
		w->nframes -= top != NULL;
	} else {
		return begins_with(text, "!");
	}
	w->chained = w->chain_doubtful = false;
	return true;
}

/* ---------------------------------------------------------------- what is called */

static void walk_text(struct walk *w, const char *text, size_t len);

static struct doctor_body *find_body(struct doctor_steps *s, const char *name, size_t len)
{
	for (unsigned i = s->nbodies; i > 0; i--)
		if (s->body[i - 1].name_len == len && memcmp(s->body[i - 1].name, name, len) == 0)
			return &s->body[i - 1];
	return NULL;
}

static void add_body(struct doctor_steps *s, const struct doctor_body *b)
{
	if (s->nbodies < DOCTOR_STEPS_BODIES)
		s->body[s->nbodies++] = *b;
	else
		s->whole = false;
}

/* True: it starts a kernel. */
static bool call(struct walk *w, const struct doctor_body *b, bool doubtful)
{
	struct walk inner = {
		.s = w->s, .depth = w->depth + 1, .in_menu = w->in_menu, .doubtful = doubtful
	};

	if (inner.depth > DEPTH_MAX)
		w->s->whole = false;
	else
		walk_text(&inner, b->text, b->len);
	return inner.starts;
}

/* Keelboot's own are a board's commands that keep its words. */
static bool run_variables(struct walk *w, const char *names)
{
	bool starts = false;

	for (size_t len; *names != '\0'; names += len + (names[len] == ' ')) {
		const struct doctor_body *b;

		len = strcspn(names, " ");
		b = len > 0 ? find_body(w->s, names, len) : NULL;
		if (b != NULL)
			starts = call(w, b, is_doubtful(w)) || starts;
		else if (strncmp(names, "keelboot_", 9) != 0)
			w->s->whole = false;
	}
	return starts;
}

/* It is there, whatever condition asks for it. Once is enough. */
static bool take_in(struct walk *w, const char *file)
{
	size_t len = strlen(file), known = strlen(DOCTOR_STEPS_INCLUDE);
	struct doctor_body *b = find_body(w->s, DOCTOR_STEPS_INCLUDE, known), is;

	if (len < known || strcmp(file + len - known, DOCTOR_STEPS_INCLUDE) != 0) {
		w->s->whole = false;
		return false;
	}
	if (b == NULL)
		return false;
	is = *b;
	b->len = 0;
	return call(w, &is, w->in_menu);
}

static bool call_what_it_names(struct walk *w, const char *text)
{
	struct doctor_steps *s = w->s;
	const struct doctor_body *b;

	if (s->language == DOCTOR_UBOOT && begins_with(text, "run"))
		return run_variables(w, rest_of(text));
	if (s->language == DOCTOR_GRUB && (begins_with(text, "source") || begins_with(text, ".")))
		return take_in(w, rest_of(text));
	if (is_one_of(text, leaving) && !starts_described(text))
		s->whole = false;
	b = s->language == DOCTOR_GRUB ? find_body(s, text, strcspn(text, " ")) : NULL;
	return b != NULL && call(w, b, is_doubtful(w));
}

/* "setenv x a; b": x may be run later. */
static void take_definition(struct doctor_steps *s, const char *text)
{
	const char *name = rest_of(text), *value = rest_of(name);
	size_t len = strcspn(name, " ");

	if (s->language == DOCTOR_UBOOT && begins_with(text, "setenv") && len > 0 && *value != '\0')
		add_body(s, &(struct doctor_body){ .name = name,
						   .name_len = len,
						   .text = value,
						   .len = strlen(value) });
}

/* ---------------------------------------------------------------- steps */

static bool add_step(struct walk *w, const char *text)
{
	struct doctor_steps *s = w->s;
	struct doctor_step *step;

	if (s->n == DOCTOR_STEPS_MAX) {
		s->room.left = 0;
		return false;
	}
	step = &s->step[s->n++];
	*step = (struct doctor_step){ .text = text,
				      .starts = is_one_of(text, starting) || starts_described(text),
				      .doubtful = is_doubtful(w),
				      .in_menu = w->in_menu };
	take_definition(s, text);
	step->leads_to_start = call_what_it_names(w, text) || step->starts;
	w->starts = w->starts || step->leads_to_start;
	return true;
}

/* What follows it in a chain depends on it. */
static void note_chain(struct walk *w, const char *text, enum doctor_ending how)
{
	bool is =
		how == DOCTOR_ENDS_CHAIN && ((w->chained && w->chain_doubtful) || is_foreign(text));

	w->chained = how == DOCTOR_ENDS_CHAIN;
	w->chain_doubtful = is;
}

/* Of GRUB: a function is kept until it is called, and an entry until its menu is shown. Other
 * braces hold commands together. */
static bool take_block(struct walk *w, const char *text)
{
	struct doctor_body b = { .name = rest_of(text) };

	if (begins_with(text, "function"))
		b.name_len = strcspn(b.name, " ");
	else if (!begins_with(text, "menuentry") && !begins_with(text, "submenu"))
		return false;
	doctor_command_block(&w->r, &b.text, &b.len);
	add_body(w->s, &b);
	return true;
}

/* False: nobody needs its words any more. */
static bool take_command(struct walk *w, const char *text, enum doctor_ending how)
{
	while (take_keyword(w, text))
		text = rest_of(text);
	if (how == DOCTOR_OPENS_BLOCK)
		return take_block(w, text);
	if (*text == '\0')
		return false;
	if (w->nframes > 0 && w->frame[w->nframes - 1].in_condition && !is_foreign(text))
		w->frame[w->nframes - 1].ours = true;
	if (begins_with(text, "for")) /* goes round at least once */
		push_frame(w, true);
	if (!add_step(w, text))
		return false;
	note_chain(w, text, how);
	return true;
}

static void walk_text(struct walk *w, const char *text, size_t len)
{
	struct doctor_room *room = &w->s->room;

	w->r = (struct doctor_reader){ .room = room,
				       .at = text,
				       .end = text + len,
				       .has_blocks = w->s->language == DOCTOR_GRUB };
	while (w->r.at < w->r.end && room->left > 0) {
		size_t used = room->used;
		const char *words;
		enum doctor_ending how = doctor_command_next(&w->r, &words);

		if (!take_command(w, words, how))
			room->used = used;
	}
}

/* Each of them ends in a start of what it has loaded. */
static void walk_entries(struct doctor_steps *s)
{
	for (; s->nentries < s->nbodies; s->nentries++) {
		struct walk w = { .s = s, .in_menu = true, .doubtful = true };
		struct doctor_body b = s->body[s->nentries];

		if (b.name_len > 0)
			continue;
		walk_text(&w, b.text, b.len);
		(void)add_step(&w, "boot");
	}
}

/* ---------------------------------------------------------------- for others */

void doctor_steps_begin(struct doctor_steps *s, enum doctor_language language)
{
	s->language = language;
	s->nnamed = 0;
	s->named_used = 0;
	doctor_steps_again(s);
}

void doctor_steps_again(struct doctor_steps *s)
{
	s->whole = true;
	s->n = 0;
	s->nbodies = s->nentries = s->nnamed;
	s->room.used = s->named_used;
	s->room.left = READ_MAX;
	s->room.torn = false;
}

void doctor_steps_name(struct doctor_steps *s, const char *name, const char *text, size_t len)
{
	struct doctor_body b = { .name = s->room.text + s->room.used,
				 .name_len = strlen(name),
				 .text = text,
				 .len = len };

	if (s->room.used + b.name_len >= DOCTOR_ROOM_MAX || b.name_len == 0) {
		s->whole = false;
		return;
	}
	memcpy(s->room.text + s->room.used, name, b.name_len + 1);
	s->room.used += b.name_len + 1;
	add_body(s, &b);
	s->nnamed = s->nentries = s->nbodies;
	s->named_used = s->room.used;
}

bool doctor_steps_run(struct doctor_steps *s, const char *name)
{
	const struct doctor_body *b = find_body(s, name, strlen(name));

	if (b != NULL)
		doctor_steps_add(s, b->text, b->len);
	return b != NULL;
}

void doctor_steps_add(struct doctor_steps *s, const char *text, size_t len)
{
	struct walk w = { .s = s };

	walk_text(&w, text, len);
	walk_entries(s);
	if (s->room.left == 0 || s->room.torn)
		s->whole = false;
}

bool doctor_steps_is(const struct doctor_step *step, const char *command)
{
	return begins_with(step->text, command);
}

bool doctor_steps_prints(const struct doctor_step *step)
{
	return is_one_of(step->text, printing);
}

bool doctor_steps_have(const struct doctor_steps *s, const char *word)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!doctor_steps_prints(&s->step[i]) &&
		    doctor_script_line_has(s->step[i].text, word))
			return true;
	return false;
}
