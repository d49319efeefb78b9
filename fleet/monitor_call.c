/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/monitor_call.h"

#include "lib/os_file.h"
#include "libkeelboot/keelboot_program.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_S 600
#define SLOWEST	   (512u << 10) /* bytes in a second, of a card */
#define BEAT_TICKS 30		/* about as many seconds */

struct taken {
	const struct monitor *m;
	unsigned ticks;
	/* the last document that it prints */
	json_object *last;
};

static int take_document(void *data, json_object *document)
{
	struct taken *t = data;

	if (document != NULL) {
		json_object_put(t->last);
		t->last = json_object_get(document);
	} else if (++t->ticks % BEAT_TICKS == 0 && t->m->beat != NULL) {
		t->m->beat(t->m->waits);
	}
	return 0;
}

static void take_error(struct monitor_result *r, struct keelboot *kb)
{
	const char *text = keelboot_error(kb);

	if (strncmp(text, "keelboot: ", 10) == 0)
		text += 10;
	snprintf(r->why, sizeof(r->why), "%.*s", (int)strcspn(text, "\n"), text);
	if (r->why[0] == '\0')
		snprintf(r->why, sizeof(r->why), "keelboot does not say why");
}

static void run_program(struct monitor *m, struct keelboot_program p, struct monitor_result *r,
			json_object **document)
{
	struct taken taken = { .m = m };

	p.take = document != NULL ? take_document : NULL;
	p.data = &taken;
	(void)keelboot_program_run(m->kb, &p, &r->code);
	if (r->code != 0)
		take_error(r, m->kb);
	if (document != NULL)
		*document = taken.last;
}

void monitor_call(struct monitor *m, const char *const *words, int timeout_s,
		  struct monitor_result *r, json_object **document)
{
	struct keelboot_program p = { .words = words, .timeout_s = timeout_s };

	run_program(m, p, r, document);
}

int monitor_patience(uint64_t size)
{
	uint64_t s = PATIENCE_S + size / SLOWEST;

	return s < INT_MAX ? (int)s : INT_MAX;
}

void monitor_call_long(struct monitor *m, const char *const *words, int bundle,
		       struct monitor_result *r, json_object **document)
{
	struct keelboot_program p = { .words = words };
	uint64_t size;

	p.idle_s = monitor_patience(os_file_size(bundle, &size) == KB_OK ? size : 0);
	run_program(m, p, r, document);
}

void monitor_call_inspect(struct monitor *m, const char *const *words, struct monitor_result *r,
			  json_object **document)
{
	struct keelboot_program p = { .words = words, .bare = true, .timeout_s = MONITOR_ASK_S };

	run_program(m, p, r, document);
}
