/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/deployment.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

enum client_end deployment_get(struct contact *c, const char *id, struct offer *o)
{
	char path[URL_ID_MAX + 32];
	enum client_end end;
	const char *why;

	snprintf(path, sizeof(path), "deploymentBase/%s", id);
	end = contact_get(c, path);
	/* 404: it is being cancelled, or waits for a confirmation. */
	if (end != CLIENT_OK) {
		c->failed = c->failed || (end != CLIENT_MISSING && end != CLIENT_OVER);
		return end;
	}
	if (ddi_read_deployment(o, c->client.text, c->client.len, &why) == KB_OK &&
	    strcmp(o->id, id) == 0)
		return CLIENT_OK;
	contact_fail(c, "action %s: the server sends %s", id,
		     o->id[0] != '\0' ? "another action" : why);
	return CLIENT_LATER;
}
