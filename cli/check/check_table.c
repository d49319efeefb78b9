/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check/check_table.h"

#include <stdio.h>

static void print_one(const struct check_found *c, const struct check_run_result *r)
{
	const char *word = c->off != NULL ? "-" : r->ok ? "ok" : c->required ? "FAILED" : "failed";
	enum output_colour colour = c->off != NULL || (!r->ok && !c->required) ? OUTPUT_YELLOW
				    : r->ok				       ? OUTPUT_GREEN
									       : OUTPUT_RED;

	printf("%s%-6s%s  %-32s", output_colour(stdout, colour), word,
	       output_colour(stdout, OUTPUT_PLAIN), c->name);
	if (c->off != NULL)
		printf("  %8s  %s\n", "-", c->off);
	else
		printf("  %6.1f s%s%s%s\n", (double)r->ms / 1000, r->ok ? "" : "  ",
		       r->ok ? "" : r->what, r->ok || c->required ? "" : "; wanted only");
	if (c->off == NULL && !r->ok && r->said[0] != '\0')
		printf("        output: %s\n", r->said);
}

static json_object *print_one_json(const struct check_found *c, const struct check_run_result *r)
{
	json_object *o = json_object_new_object();

	output_json_text(o, "name", c->name);
	output_json_text(o, "path", c->path);
	output_json_bool(o, "required", c->required);
	output_json_bool(o, "disabled", c->off != NULL);
	output_json_bool(o, "ok", c->off != NULL || r->ok);
	output_json_text(o, "result", r->what);
	output_json_text(o, "said", r->said);
	output_json_number(o, "ms", r->ms);
	return o;
}

static void count_one(struct check_table *t, const struct check_found *c,
		      const struct check_run_result *r)
{
	t->ran++;
	t->warned += !r->ok && !c->required;
	if (r->ok || !c->required)
		return;
	t->failed++;
	if (t->first != NULL)
		return;
	t->first = c;
	t->why = *r;
}

void check_table_run(struct check_table *t, const struct check_list *l,
		     const struct check_run_env *env, const struct check_table_mode *mode)
{
	*t = (struct check_table){ .ran = 0 };
	for (unsigned i = 0; i < l->n && (t->failed == 0 || !mode->stop); i++) {
		const struct check_found *c = &l->check[i];
		struct check_run_result r = { .ok = false };

		if (c->off == NULL) {
			if (mode->begins != NULL)
				mode->begins(mode->ctx, c->name);
			check_run(c->path, c->bash, env, &r);
			count_one(t, c, &r);
		}
		if (mode->list != NULL)
			output_json_append(mode->list, print_one_json(c, &r));
		else
			print_one(c, &r);
	}
}

void check_table_sum(const struct check_table *t)
{
	if (t->failed != 0)
		printf("%u of %u checks failed.\n", t->failed, t->ran);
	else if (t->warned != 0)
		printf("All required checks passed; %u of those that are only wanted failed.\n",
		       t->warned);
	else if (t->ran == 0)
		puts("No check ran: all of them are off.");
	else if (t->ran == 1)
		puts("The check passed.");
	else
		printf("All %u checks passed.\n", t->ran);
}
