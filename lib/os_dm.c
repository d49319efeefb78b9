/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: device mapper, by its ioctls. */
#include "lib/os.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CONTROL "/dev/mapper/control"

/* What the ioctl reads and writes: the head, one target, its parameters. */
union request {
	struct dm_ioctl head;
	struct {
		struct dm_ioctl head;
		struct dm_target_spec spec;
		char params[OS_DM_PARAMS];
	} table;
};

static bool fill_request(union request *r, const char *name, uint32_t flags)
{
	memset(r, 0, sizeof(*r));
	if (strlen(name) >= sizeof(r->head.name))
		return false;
	/* Version 4.0 is all that is used here: every kernel since 2.6 has it. */
	r->head.version[0] = 4;
	r->head.data_size = sizeof(*r);
	r->head.data_start = sizeof(struct dm_ioctl);
	r->head.flags = flags;
	memcpy(r->head.name, name, strlen(name) + 1);
	return true;
}

static enum kb_err call_dm(int fd, unsigned long request, union request *r)
{
	return ioctl(fd, request, r) == 0 ? KB_OK : err_errno(errno);
}

static enum kb_err load_table(int fd, const struct os_dm *dm)
{
	union request r;

	if (!fill_request(&r, dm->name, DM_READONLY_FLAG) || strlen(dm->params) >= OS_DM_PARAMS ||
	    strlen(dm->type) >= sizeof(r.table.spec.target_type)) {
		errno = EINVAL;
		return KB_EINVAL;
	}
	r.head.target_count = 1;
	r.table.spec.length = dm->sectors;
	memcpy(r.table.spec.target_type, dm->type, strlen(dm->type) + 1);
	memcpy(r.table.params, dm->params, strlen(dm->params) + 1);
	return call_dm(fd, DM_TABLE_LOAD, &r);
}

static enum kb_err resume_device(int fd, const char *name, char node[OS_DM_NODE])
{
	union request r;

	if (!fill_request(&r, name, DM_READONLY_FLAG))
		return KB_EINVAL;
	TRY(call_dm(fd, DM_DEV_SUSPEND, &r)); /* without DM_SUSPEND_FLAG it means: go */
	snprintf(node, OS_DM_NODE, "/dev/dm-%u", minor(r.head.dev));
	return KB_OK;
}

enum kb_err os_dm_open(const struct os_dm *dm, char node[OS_DM_NODE])
{
	KB_CLEANUP_FD int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	union request r;
	enum kb_err err;
	int saved;

	node[0] = '\0';
	if (fd < 0)
		return err_errno(errno);
	if (!fill_request(&r, dm->name, DM_READONLY_FLAG))
		return KB_EINVAL;
	TRY(call_dm(fd, DM_DEV_CREATE, &r));
	err = load_table(fd, dm);
	if (err == KB_OK)
		err = resume_device(fd, dm->name, node);
	if (err == KB_OK)
		return KB_OK;
	saved = errno;
	if (os_dm_close(dm->name) != KB_OK)
		node[0] = '\0';
	errno = saved;
	return err;
}

enum kb_err os_dm_close(const char *name)
{
	KB_CLEANUP_FD int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	union request r;

	if (fd < 0)
		return err_errno(errno);
	/* Deferred: somebody who still looks at it does not keep it forever. */
	if (!fill_request(&r, name, DM_DEFERRED_REMOVE))
		return KB_EINVAL;
	return call_dm(fd, DM_DEV_REMOVE, &r);
}
