/* SPDX-License-Identifier: Apache-2.0 */
/* The story `reset`: the two halves of a reset, cut and failing wherever they can. The slot's root
 * is a folder of the same file system, which stays. */
#include "initramfs/data/anew.h"
#include "lib/os_tree.h"
#include "tests/sim/datacut.h"
#include "tests/sim/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 8192

enum half { WIPE, FILL };

static const char before[] =
	"app(db=x;sub(y=y;))etc(keys(k=k;)other=o;)ids=42;keelboot(kept(0=a;list=l;)"
	"kept.new(x=;)stage(b=b;))slot(tmpl(app(db=new;)ids=none;))vol{old=o;)";
static const char after[] = "app(db=new;)etc(keys(k=k;))ids=42;keelboot(stage(b=b;))"
			    "slot(tmpl(app(db=new;)ids=none;))vol{)";

struct image {
	struct image *next;
	enum half half;
	char text[];
};

static struct image *first, **last;
static struct set seen;
static struct report_line *line;
static enum half half_now;

static void keep_image(enum half half, const struct datacut_fs *fs)
{
	static char text[TEXT_MAX];
	size_t len;
	struct image *im;

	text[0] = (char)half;
	len = 1 + datacut_fs_print(fs, text + 1, sizeof(text) - 1);
	if (!set_add(&seen, set_key(text, len), 0))
		return;
	im = malloc(sizeof(*im) + len + 1);
	if (im == NULL)
		abort();
	im->next = NULL;
	im->half = half;
	memcpy(im->text, text + 1, len);
	*last = im;
	last = &im->next;
	line->number[0]++;
}

static void add_cut(const struct datacut_fs *fs)
{
	line->number[2]++;
	keep_image(half_now, fs);
}

static enum kb_err run_half(enum half half)
{
	struct conf c = { .data_stage = "keelboot/stage", .data_template = "/tmpl" };
	struct tree_job job = { .until_ms = 0 };
	int top = datacut_calls_top(), root;
	enum kb_err err;

	snprintf(c.data_keep, sizeof(c.data_keep), "ids,etc/keys,slot");
	if (half == WIPE)
		return anew_wipe(&job, top, &c);
	err = os_tree_open(top, "slot", &root);
	return err == KB_OK ? anew_fill(&job, top, root, &c) : err;
}

static void violated(const struct image *im, const char *why)
{
	(void)!report_violation(line, "", "%s: %s: %s", im->half == WIPE ? "wipe" : "fill", why,
				im->text);
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
	err = run_half(im->half);
	line->number[1]++;
	if (err != KB_OK && !(im->half == FILL && err == KB_ENOENT))
		violated(im, "fails though nothing does");
	fs = datacut_calls.now;
	if (im->half == WIPE)
		keep_image(FILL, &fs);
	else if (datacut_fs_print(&fs, text, sizeof(text)) == 0 || strcmp(text, after) != 0)
		violated(im, text);
	return datacut_calls.turn;
}

static void cut_at(const struct image *im, unsigned at)
{
	static struct datacut_fs fs;

	half_now = im->half;
	datacut_fs_read(&fs, im->text);
	datacut_calls_begin(&fs);
	datacut_calls.fail_at = 0;
	datacut_calls.cut_at = at;
	if (setjmp(datacut_calls.cut) == 0)
		(void)!run_half(im->half);
	else
		datacut_calls_images(add_cut);
	datacut_calls.cut_at = 0;
}

/* A half that fails says so; the first is begun again, the second is over with that. */
static void fail_at(const struct image *im, unsigned at, int error)
{
	static struct datacut_fs fs;

	datacut_fs_read(&fs, im->text);
	datacut_calls_begin(&fs);
	datacut_calls.fail_at = at;
	datacut_calls.fail_with = error;
	line->number[3]++;
	if (run_half(im->half) == KB_OK && im->half == FILL) {
		char text[TEXT_MAX];

		datacut_fs_print(&datacut_calls.now, text, sizeof(text));
		if (strcmp(text, after) != 0)
			violated(im, "says that all is there, and it is not");
	}
	datacut_calls.fail_at = 0;
	fs = datacut_calls.now;
	if (im->half == WIPE)
		keep_image(WIPE, &fs);
}

void datacut_anew_run(struct report_line *l)
{
	static struct datacut_fs fs;

	line = l;
	first = NULL;
	last = &first;
	datacut_fs_read(&fs, before);
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
