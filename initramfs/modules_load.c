/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/modules_load.h"

#include "initramfs/alias_table.h"
#include "lib/log.h"
#include "lib/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define POLL_FAILED_MS 10u
#define BITS	       64u

/* ---------------------------------------------------------------- what each needs */

struct needing {
	struct modules *m;
	struct module *one;
};

/* What stands behind it in the list was to be loaded after it: the kernel has such needs, too. */
static void note_need(void *ctx, const char *name, size_t len)
{
	const struct needing *n = ctx;
	const struct module *needed = modules_find(n->m, name, len);
	size_t at = needed != NULL ? (size_t)(needed - n->m->module) : 0;

	if (needed != NULL && needed < n->one)
		n->one->needs[at / BITS] |= UINT64_C(1) << at % BITS;
}

static void note_needs(struct modules *m)
{
	char needs[96];

	for (unsigned i = 0; i < m->n; i++) {
		struct needing n = { m, &m->module[i] };
		size_t len;
		const char *name = modules_name(n.one->path, &len);

		if (!modules_is_due(n.one))
			continue;
		snprintf(needs, sizeof(needs), ALIAS_NEEDS "%.*s", (int)len, name);
		alias_table_ask(m->table, needs, note_need, &n);
	}
}

static bool needs_any(const struct module *one, const uint64_t open[MODULES_MAX / BITS])
{
	for (unsigned i = 0; i < MODULES_MAX / BITS; i++) {
		if (one->needs[i] & open[i])
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- one of them */

static void begin_run(struct modules_run *r)
{
	char params[MODULES_PARAMS_MAX];

	modules_compose(params, r->one, r->own);
	r->since_ms = os_now_ms();
	r->result = os_module_begin(r->one->path, params, &r->fd);
	r->errnum = errno;
}

static void report_run(const char *path, enum kb_err err)
{
	if (err == KB_ETIMEDOUT)
		log_warn("module %s: its init does not end; the boot goes on without it", path);
	else if (err != KB_OK && errno == ENODEV)
		log_info("module %s: its hardware is missing", path);
	else if (err != KB_OK)
		log_warn("module %s: unable to load: %m", path);
}

static void end_run(struct modules *m, struct modules_run *r)
{
	const char *path = r->one->path;
	enum kb_err err = r->result;

	errno = r->errnum;
	if (r->fd >= 0)
		err = os_module_end(&r->fd);
	/* A typing error must not cost the disk. */
	if (err != KB_OK && err != KB_ETIMEDOUT && r->own[0] != '\0') {
		log_warn(
			"module %s: unable to load with %s of the kernel command line: %m; loading it without",
			path, r->own);
		r->own[0] = '\0';
		begin_run(r);
		return;
	}
	report_run(path, err);
	m->loaded += err == KB_OK;
	r->one->is |= err != KB_OK ? MODULE_FAILED : 0;
	/* Its file is of no use any more, and an install wants the memory. */
	if (os_unlink(path) != KB_OK)
		log_debug("module %s: unable to delete its file: it takes up memory", path);
	r->one = NULL;
	if (m->after != NULL && m->after(m->ctx))
		m->enough = true;
}

/* ---------------------------------------------------------------- side by side */

static struct modules_run *free_place(struct modules *m)
{
	struct modules_run *place = NULL;
	unsigned busy = 0;

	for (unsigned i = 0; i < MODULES_SIDE_MAX; i++) {
		if (m->run[i].one != NULL)
			busy++;
		else if (place == NULL)
			place = &m->run[i];
	}
	return busy < m->side ? place : NULL;
}

static bool is_running(const struct modules *m, const struct module *one)
{
	for (unsigned i = 0; i < MODULES_SIDE_MAX; i++) {
		if (m->run[i].one == one)
			return true;
	}
	return false;
}

/* True: some wait for a place, or for what they need. Those that run stand before them in the list,
 * or began before: none waits for one that waits for it. */
static bool begin_ready(struct modules *m)
{
	uint64_t open[MODULES_MAX / BITS] = { 0 };
	bool waits = false;

	for (unsigned i = 0; i < m->n && !m->enough; i++) {
		struct module *one = &m->module[i];
		bool wanted = modules_is_due(one);
		struct modules_run *r = wanted ? free_place(m) : NULL;

		if (wanted && r == NULL)
			return true;
		if (wanted && !needs_any(one, open)) {
			one->is |= MODULE_TRIED;
			r->one = one;
			modules_own_params(m, one, r->own);
			begin_run(r);
		} else if (wanted) {
			waits = true;
		}
		if (wanted || is_running(m, one))
			open[i / BITS] |= UINT64_C(1) << i % BITS;
	}
	return waits;
}

static bool is_slow(const struct modules *m, const struct modules_run *r)
{
	return m->leaves_slow && m->side > 1 && os_now_ms() - r->since_ms >= MODULES_SLOW_MS;
}

/* How long nothing else can happen; false: nobody is waited for. */
static bool next_wait(const struct modules *m, unsigned *wait_ms)
{
	uint64_t now = os_now_ms(), end = UINT64_MAX;
	bool awaited = false;

	for (unsigned i = 0; i < MODULES_SIDE_MAX; i++) {
		const struct modules_run *r = &m->run[i];
		uint64_t own = OS_MODULE_MS;

		if (r->one == NULL)
			continue;
		if (!is_slow(m, r)) {
			awaited = true;
			if (m->leaves_slow && m->side > 1)
				own = MODULES_SLOW_MS;
		}
		if (r->since_ms + own < end)
			end = r->since_ms + own;
	}
	*wait_ms = end > now && end != UINT64_MAX ? (unsigned)(end - now) : 0;
	return awaited;
}

/* True: some still run. */
static bool await_runs(struct modules *m, unsigned wait_ms)
{
	bool ready[MODULES_SIDE_MAX] = { false }, runs = false;
	int fds[MODULES_SIDE_MAX];
	enum kb_err err;

	for (unsigned i = 0; i < MODULES_SIDE_MAX; i++) {
		fds[i] = m->run[i].one != NULL ? m->run[i].fd : -1;
		if (m->run[i].one != NULL && fds[i] < 0)
			wait_ms = 0;
	}
	err = os_poll(fds, ready, MODULES_SIDE_MAX, wait_ms);
	if (err != KB_OK && err != KB_ETIMEDOUT)
		os_sleep_ms(POLL_FAILED_MS);
	for (unsigned i = 0; i < MODULES_SIDE_MAX; i++) {
		struct modules_run *r = &m->run[i];

		if (r->one != NULL &&
		    (ready[i] || r->fd < 0 || os_now_ms() - r->since_ms >= OS_MODULE_MS))
			end_run(m, r);
		runs = runs || r->one != NULL;
	}
	return runs;
}

/* ---------------------------------------------------------------- interface */

unsigned modules_load_wanted(struct modules *m)
{
	unsigned processors = m->table != NULL ? os_processors() : 1;
	unsigned wait_ms;

	m->side = processors < MODULES_SIDE_MAX ? processors : MODULES_SIDE_MAX;
	m->loaded = 0;
	m->enough = false;
	if (m->side > 1)
		note_needs(m);
	for (;;) {
		bool waits = begin_ready(m);

		if (!next_wait(m, &wait_ms) && !waits)
			return m->loaded;
		await_runs(m, wait_ms);
	}
}

bool modules_load_goes_on(struct modules *m)
{
	for (unsigned i = 0; i < MODULES_SIDE_MAX; i++) {
		if (m->run[i].one != NULL)
			return await_runs(m, 0);
	}
	return false;
}
