/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_label.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

#define LABEL	  "security.selinux"
#define LABEL_MAX 256

/* user:role:type: what a kernel before 5.6 tells without a policy is one word that means nothing
 * later. */
static bool is_label(const char *value, ssize_t len)
{
	return len > 0 && memchr(value, ':', (size_t)len) != NULL;
}

enum kb_err os_label_copy(const char *from, const char *to)
{
	char label[LABEL_MAX], old[LABEL_MAX];
	ssize_t len = lgetxattr(from, LABEL, label, sizeof(label));

	if (len < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return err_errno(errno);
	if (!is_label(label, len) || is_label(old, lgetxattr(to, LABEL, old, sizeof(old))))
		return KB_OK;
	return lsetxattr(to, LABEL, label, (size_t)len, 0) == 0 ? KB_OK : err_errno(errno);
}
