/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says of one action. */
#pragma once

#include "fleet/contact.h"

/* CLIENT_OK: it is in o, which has this id; else what went wrong was reported. */
enum client_end deployment_get(struct contact *c, const char *id, struct offer *o);
