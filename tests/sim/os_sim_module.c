/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's modules: each is loaded by a child, which may take its time. */
#include "tests/sim/os_sim_int.h"

#define SLOW_MAX 16

static struct {
	char path[96];
	unsigned ms;
} slow[SLOW_MAX];
static unsigned nslow;
static struct {
	const char *path;
	void (*fn)(void);
} brings;
static unsigned nprocessors;

void os_sim_modules_reset(void)
{
	nslow = 0;
	nprocessors = 1;
	brings.path = NULL;
}

void os_sim_processors(unsigned n)
{
	nprocessors = n;
}

void os_sim_module_takes(const char *path, unsigned ms)
{
	if (nslow == SLOW_MAX)
		abort();
	snprintf(slow[nslow].path, sizeof(slow[nslow].path), "%s", path);
	slow[nslow++].ms = ms;
}

void os_sim_module_brings(const char *path, void (*fn)(void))
{
	brings.path = path;
	brings.fn = fn;
}

unsigned os_processors(void)
{
	return nprocessors;
}

static enum kb_err trace_module(const char *path, const char *params)
{
	return OS_SIM_CALL("finit_module", os_exists(path) ? KB_OK : KB_ENOENT,
			   "finit_module %s%s%s", path, params[0] != '\0' ? " " : "", params);
}

enum kb_err os_finit_module(const char *path, const char *params)
{
	return trace_module(path, params);
}

enum kb_err os_module_begin(const char *path, const char *params, int *fd)
{
	enum kb_err result = trace_module(path, params);
	struct os_sim_fd *f;

	*fd = -1;
	if (os_sim_over())
		return result;
	*fd = os_sim_fd_new(OS_SIM_FD_MODULE);
	f = os_sim_fd_get(*fd);
	f->result = result;
	f->errnum = errno;
	f->due = result == KB_ETIMEDOUT ? UINT64_MAX : os_sim_now();
	snprintf(f->what, sizeof(f->what), "%s", path);
	for (unsigned i = 0; i < nslow; i++) {
		if (strcmp(slow[i].path, path) == 0)
			f->due = slow[i].ms == 0 ? UINT64_MAX : os_sim_now() + slow[i].ms;
	}
	return KB_OK;
}

enum kb_err os_module_end(int *fd)
{
	struct os_sim_fd *f = os_sim_fd_get(*fd);
	enum kb_err result = f->due <= os_sim_now() ? f->result : KB_ETIMEDOUT;

	errno = result == f->result ? f->errnum : ETIMEDOUT;
	/* Nothing to say of those that take no time. */
	for (unsigned i = 0; i < nslow; i++) {
		if (strcmp(slow[i].path, f->what) == 0 &&
		    os_sim_call(KB_OK, "%s %s", result == KB_ETIMEDOUT ? "left" : "loaded",
				f->what) != KB_OK)
			result = KB_EIO;
	}
	if (result == KB_OK && brings.path != NULL && strcmp(brings.path, f->what) == 0)
		brings.fn();
	f->kind = OS_SIM_FD_FREE;
	*fd = -1;
	return result;
}
