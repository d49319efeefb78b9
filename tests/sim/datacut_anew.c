/* SPDX-License-Identifier: Apache-2.0 */
/* The stories `reset` and `reset-left`: the steps of a reset, and of one in which a trial begins
 * that is left, cut and failing wherever they can. The slots' roots are folders of the same file
 * system, which stay. */
#include "initramfs/data/anew.h"
#include "initramfs/data/kept.h"
#include "lib/os_tree.h"
#include "tests/sim/datacut.h"
#include "tests/sim/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 8192

enum step { WIPE, KEEP, FILL_TRIAL, BACK, FILL };

static const char before[] =
	"app(db=x;sub(y=y;))etc(keys(k=k;)other=o;)ids=42;keelboot(kept(0=a;list=l;)"
	"kept.new(x=;)stage(b=b;))slot(tmpl(app(db=new;)ids=none;))vol{old=o;)";
static const char after[] = "app(db=new;)etc(keys(k=k;))ids=42;keelboot(stage(b=b;))"
			    "slot(tmpl(app(db=new;)ids=none;))vol{)";

#define SLOTS "slot(tmpl(app(db=a;)own=a;))trial(tmpl(app(db=b;)own=b;))"
static const char before_left[] = "app(db=x;)ids=42;keelboot()own=x;" SLOTS;

struct image {
	struct image *next;
	enum step step;
	char text[];
};

static struct image *first, **last;
static struct set seen;
static struct report_line *line;
static enum step step_now;
static bool left;

static void keep_image(enum step step, const struct datacut_fs *fs)
{
	static char text[TEXT_MAX];
	size_t len;
	struct image *im;

	text[0] = (char)step;
	len = 1 + datacut_fs_print(fs, text + 1, sizeof(text) - 1);
	if (!set_add(&seen, set_key(text, len), 0))
		return;
	im = malloc(sizeof(*im) + len + 1);
	if (im == NULL)
		abort();
	im->next = NULL;
	im->step = step;
	memcpy(im->text, text + 1, len);
	*last = im;
	last = &im->next;
	line->number[0]++;
}

static void add_cut(const struct datacut_fs *fs)
{
	line->number[2]++;
	keep_image(step_now, fs);
}

static enum kb_err fill(struct tree_job *job, int top, const struct conf *c, const char *slot)
{
	int root;
	enum kb_err err = os_tree_open(top, slot, &root);

	return err == KB_OK ? anew_fill(job, top, root, c) : err;
}

static enum kb_err run_step(enum step step)
{
	static const struct kept_owner owner = { .slot = 'b' };
	struct conf c = { .data_stage = "keelboot/stage", .data_template = "/tmpl" };
	struct tree_job job = { .until_ms = 0 };
	int top = datacut_calls_top();
	kept_method how;

	snprintf(c.data_keep, sizeof(c.data_keep), "ids,etc/keys,slot,trial");
	if (left)
		snprintf(c.data_paths, sizeof(c.data_paths), "app");
	switch (step) {
	case WIPE:
		return anew_wipe(&job, top, &c);
	case KEEP:
		return kept_make(&job, top, &c, &owner, how);
	case FILL_TRIAL:
		return fill(&job, top, &c, "trial");
	case BACK:
		return kept_put_back(&job, top, "ext4");
	case FILL:
		break;
	}
	return fill(&job, top, &c, "slot");
}

/* Of reset-left: what is named is the slot's own, nothing asks for more, and no snapshot is left.
 * What is not named is as the trial left it, whose part may have failed; and what lies in kept.gone
 * another boot deletes. */
static bool is_right(const char *text)
{
	static const char begins[] = "app(db=a;)ids=42;keelboot(";

	if (!left)
		return strcmp(text, after) == 0;
	return strncmp(text, begins, strlen(begins)) == 0 && strstr(text, "fill") == NULL &&
	       strstr(text, "kept(") == NULL;
}

/* What a later boot may go on with: the trial may be left before its part is done. */
static void go_on(enum step step, const struct datacut_fs *fs)
{
	if (step == WIPE)
		keep_image(left ? KEEP : FILL, fs);
	else if (step == KEEP)
		keep_image(FILL_TRIAL, fs);
	else if (step == BACK)
		keep_image(FILL, fs);
	if (step == FILL_TRIAL || step == KEEP)
		keep_image(BACK, fs);
}

static void violated(const struct image *im, const char *why)
{
	static const char *const names[] = { "wipe", "keep", "fill of the trial", "back", "fill" };

	(void)!report_violation(line, "", "%s: %s: %s", names[im->step], why, im->text);
}

/* Without a cut or a fault: then all is as it should be. */
static unsigned run_whole(const struct image *im)
{
	static struct datacut_fs fs;
	char text[TEXT_MAX];
	enum kb_err err;

	datacut_calls.cut_at = datacut_calls.fail_at = 0;
	datacut_fs_read(&fs, im->text);
	datacut_calls_begin(&fs);
	err = run_step(im->step);
	line->number[1]++;
	/* What a cut left of a step may be all of it. */
	if (err != KB_OK && !(im->step >= FILL_TRIAL && err == KB_ENOENT))
		violated(im, "fails though nothing does");
	fs = datacut_calls.now;
	if (im->step != FILL)
		go_on(im->step, &fs);
	else if (datacut_fs_print(&fs, text, sizeof(text)) == 0 || !is_right(text))
		violated(im, text);
	return datacut_calls.turn;
}

static void cut_at(const struct image *im, unsigned at)
{
	static struct datacut_fs fs;

	step_now = im->step;
	datacut_fs_read(&fs, im->text);
	datacut_calls_begin(&fs);
	datacut_calls.fail_at = 0;
	datacut_calls.cut_at = at;
	if (setjmp(datacut_calls.cut) == 0)
		(void)!run_step(im->step);
	else
		datacut_calls_images(add_cut);
	datacut_calls.cut_at = 0;
}

/* A step that fails says so, and is begun again; but what is filled is over with that. */
static void fail_at(const struct image *im, unsigned at, int error)
{
	static struct datacut_fs fs;
	char text[TEXT_MAX];
	enum kb_err err;

	datacut_fs_read(&fs, im->text);
	datacut_calls_begin(&fs);
	datacut_calls.fail_at = at;
	datacut_calls.fail_with = error;
	line->number[3]++;
	err = run_step(im->step);
	datacut_calls.fail_at = 0;
	fs = datacut_calls.now;
	if (im->step == FILL && err == KB_OK &&
	    (datacut_fs_print(&fs, text, sizeof(text)) == 0 || !is_right(text)))
		violated(im, "says that all is there, and it is not");
	if (im->step == FILL_TRIAL)
		keep_image(BACK, &fs);
	else if (im->step != FILL)
		keep_image(im->step, &fs);
}

void datacut_anew_run(struct report_line *l, bool trial)
{
	static struct datacut_fs fs;

	line = l;
	left = trial;
	first = NULL;
	last = &first;
	datacut_fs_read(&fs, left ? before_left : before);
	keep_image(WIPE, &fs);
	for (struct image *im = first; im != NULL && l->violations <= 20; im = im->next) {
		unsigned turns = run_whole(im);

		for (unsigned at = 1; at <= turns; at++) {
			cut_at(im, at);
			fail_at(im, at, EIO);
			fail_at(im, at, ENOSPC);
		}
	}
}
