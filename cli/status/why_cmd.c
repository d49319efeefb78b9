/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/failure/failure.h"
#include "cli/guard/guard.h"
#include "cli/verbs.h"

#include "lib/bytes.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

enum { JSON = 1 };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ .name = NULL },
};

static const char *const heads[WORDS_KIND_COUNT] = {
	[WORDS_KERNEL] = "The kernel's log of this trial",
	[WORDS_PANIC] = "The kernel's last lines at its panic",
	[WORDS_CONSOLE] = "The console's last lines before the reset",
	[WORDS_CHECK] = "The check that failed",
	[WORDS_SYSTEM] = "Failed units, and warnings of the system",
	[WORDS_BOOT] = "Why a boot did not enter it",
};

static void print_lines(const struct tail *t)
{
	const char *text = t->text, *end = t->text + t->len;

	if (t->cut)
		puts("  [earlier lines are not kept]");
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		int len = (int)((stop != NULL ? stop : end) - text);

		printf("  %.*s\n", len, text);
		text += len + 1;
	}
}

static void print_when(const char *head, uint64_t time)
{
	char when[OUTPUT_TIME_LEN];

	output_time(when, time, false);
	printf("%s%s%s%s%s", output_colour(stdout, OUTPUT_BOLD), head,
	       output_colour(stdout, OUTPUT_PLAIN), when[0] != '\0' ? ", " : "", when);
}

static void print_failure(const struct failure *f)
{
	char sentence[OUTPUT_LINE_LEN];

	failure_sentence(sentence, sizeof(sentence), f);
	print_when(sentence, f->e.time);
	puts(".");
	for (unsigned i = 0; i < f->nwords; i++) {
		puts("");
		print_when(heads[f->word[i]->kind], f->word[i]->time);
		puts(":");
		print_lines(&f->word[i]->tail);
	}
	if (f->nwords == 0)
		puts("No last words of it are kept.");
}

static json_object *failure_json(const struct failure *f)
{
	json_object *o = output_event_json(&f->e);
	char sentence[OUTPUT_LINE_LEN];

	failure_sentence(sentence, sizeof(sentence), f);
	output_json_text(o, "sentence", sentence);
	output_json_add(o, "words", failure_words_json(f));
	return o;
}

static int print_json(const struct failure_list *l, uint64_t number)
{
	json_object *o = output_json_new(), *list = output_json_list();

	for (unsigned i = 0; i < l->n; i++)
		if (number == 0 || number == i + 1)
			output_json_append(list, failure_json(&l->failure[i]));
	output_json_add(o, "failures", list);
	return output_json_print(o, false) == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

static int print_text(const struct failure_list *l, uint64_t number)
{
	if (l->n == 0) {
		puts("Nothing has failed.");
		return output_flush() == KB_OK ? OUTPUT_NOTHING : OUTPUT_FAILURE;
	}
	print_failure(&l->failure[number - 1]);
	if (number < l->n)
		printf("\nEarlier failures: %u; the next one: keelboot why %u\n",
		       l->n - (unsigned)number, (unsigned)number + 1);
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

static int print_why(const struct failure_list *l, uint64_t number, bool json)
{
	if (number > l->n && l->n > 0) {
		log_err("why %u: there %s %u failure%s", (unsigned)number, l->n == 1 ? "is" : "are",
			l->n, l->n == 1 ? "" : "s");
		return OUTPUT_NOTHING;
	}
	return json ? print_json(l, number) : print_text(l, number != 0 ? number : 1);
}

/* Where no slots are: only of the last one. */
static int why_guarded(const struct device_options *o, uint64_t number, bool json)
{
	if (number <= 1)
		return guard_why(o, json);
	log_err("why %u: this system has no slots, and of what is guarded only the last failure is kept",
		(unsigned)number);
	return OUTPUT_NOTHING;
}

int why_cmd(struct args *a, struct device_options *o)
{
	static struct failure_list list;
	static struct device d;
	uint64_t number = 0;
	bool json = false;
	enum kb_err err;
	int id, code;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == JSON) {
			json = true;
		} else if (id != ARGS_OPERAND || number != 0) {
			return args_wrong(a, id, "why");
		} else if (bytes_decimal(&number, a->value, FAILURE_MAX) != KB_OK || number == 0) {
			log_err("why %s: expected a number from 1 to %u; 1 is the newest failure",
				a->value, FAILURE_MAX);
			return OUTPUT_USAGE;
		}
	}
	device_init(&d, o);
	if (o->state == NULL && guard_nothing(&d) == NULL)
		return why_guarded(o, number, json);
	err = device_open_to_read(&d);
	if (err != KB_OK)
		return output_exit_code(err);
	/* One that is lost may have last words all the same. */
	failure_collect(&list, &d);
	if (list.n == 0 && d.finding != STORE_FOUND)
		code = output_exit_code(device_need_state(&d));
	else
		code = print_why(&list, number, json);
	device_close(&d);
	return code;
}
