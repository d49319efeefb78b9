/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to each slot, as `where` of struct loader has it: "a=X,b=Y"; and before that, for
 * some loaders, what is all slots': "HEAD,a=X,b=Y". PURE.
 */
#pragma once

#include "selector/loader/loader.h"
#include "selector/state.h"

#define LOADER_LIST_TEXT (sizeof(conf_spec) + 64) /* bytes of a place, with its NUL */

struct loader_list {
	/* "": the list has none */
	char head[LOADER_LIST_TEXT];
	/* by slot; "": it has nothing */
	char of[STATE_SLOTS_MAX][LOADER_LIST_TEXT];
};

/* Reads text, whose first part is a head if has_head. False, for the caller to say what a right one
 * looks like: a slot is there twice or is none, a part is empty or too long, or no slot is named.
 */
bool loader_list_take(struct loader_list *list, const char *text, bool has_head);
