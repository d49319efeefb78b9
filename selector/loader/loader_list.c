/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_list.h"

#include <string.h>

static bool keep_part(char out[LOADER_LIST_TEXT], const char *text, size_t len)
{
	if (len == 0 || len >= LOADER_LIST_TEXT || out[0] != '\0')
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* "a=X" */
static bool take_slot_part(struct loader_list *list, const char *text, size_t len)
{
	return len > 2 && text[0] >= 'a' && text[0] < 'a' + STATE_SLOTS_MAX && text[1] == '=' &&
	       keep_part(list->of[text[0] - 'a'], text + 2, len - 2);
}

bool loader_list_take(struct loader_list *list, const char *text, bool has_head)
{
	size_t len = strcspn(text, ",");

	memset(list, 0, sizeof(*list));
	if (has_head) {
		if (!keep_part(list->head, text, len) || text[len] == '\0')
			return false;
		text += len + 1;
		len = strcspn(text, ",");
	}
	while (take_slot_part(list, text, len)) {
		if (text[len] == '\0')
			return true;
		text += len + 1;
		len = strcspn(text, ",");
	}
	return false;
}
