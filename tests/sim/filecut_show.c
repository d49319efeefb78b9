/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

void filecut_show_op(unsigned number, const struct filecut_rec_op *op)
{
	static const char *const name[] = { "open",  "create", "mkdir", "fallocate",
					    "write", "fsync",  "cut",	"rename",
					    "swap",  "unlink", "state", "flush" };

	if (op->kind == FILECUT_REC_OPEN)
		return;
	printf("  %3u %-9s %s%s%s", number, name[op->kind], op->path,
	       op->to[0] != '\0' ? " -> " : "", op->to);
	if (op->len > 0)
		printf(" %zu bytes at %" PRIu64, op->len, op->off);
	printf("%s%s\n", op->failed != 0 ? ": " : "", op->failed != 0 ? strerror(op->failed) : "");
}
