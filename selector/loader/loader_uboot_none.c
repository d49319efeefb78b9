/* SPDX-License-Identifier: Apache-2.0 */
/* In place of loader_uboot.c, where there is no libubootenv to build with: see UBOOTENV in the
 * Makefile. What is not built is refused with its reason, as a store that cannot be read. */
#include "selector/loader/loader_uboot.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"

static enum kb_err refuse_uboot(struct loader *l)
{
	return loader_why(
		l, KB_EINVAL,
		"%s: this Keelboot cannot read U-Boot's environment: it was built with UBOOTENV=no",
		l->where);
}

enum kb_err loader_uboot_read(struct loader *l, struct loader_choice *c)
{
	*c = (struct loader_choice){ STATE_NONE, STATE_NONE, 0 };
	return refuse_uboot(l);
}

enum kb_err loader_uboot_write(struct loader *l, const struct loader_choice *c)
{
	(void)c;
	return refuse_uboot(l);
}

enum kb_err loader_uboot_each(struct loader *l, loader_uboot_visit visit, void *ctx)
{
	(void)visit, (void)ctx;
	return refuse_uboot(l);
}

enum kb_err loader_uboot_count(struct loader *l, struct loader_uboot_count *count)
{
	*count = (struct loader_uboot_count){ .is_on = false };
	return refuse_uboot(l);
}

enum kb_err loader_uboot_reset_count(struct loader *l, bool *changed)
{
	*changed = false;
	return refuse_uboot(l);
}
