/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the command, reads what it prints, and makes an error number of how it ends. */
#pragma once

#include "libkeelboot/keelboot_internal.h"

#include <stdbool.h>

/* Another result than 0 ends the command. */
typedef int (*keelboot_program_take)(void *data, json_object *document);

struct keelboot_program {
	/* behind the options; ends with NULL */
	const char *const *words;
	/* without these: a verb with verbs of its own refuses what stands in front of it */
	bool bare;
	/* Gets each JSON document that it prints, which is borrowed; NULL about once a second.
	 * Without it, the output is dropped. */
	keelboot_program_take take;
	void *data;
	/* after that it is ended; 0: never */
	int timeout_s;
	/* after so long in which it did nothing (keelboot_work.h); 0: never */
	int idle_s;
};

/*
 * 0, 1 (the command found nothing to do), or an error number; kb->error has the text. exit_code
 * (may be NULL): how it ended, -1 if it did not end by itself.
 */
int keelboot_program_run(struct keelboot *kb, const struct keelboot_program *p, int *exit_code);
