/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs the rights of root, and nothing else does: Keelboot's command, the folder on the data
 * partition, the reboot. Either this process does it, or the one that it came from (split.h), which
 * takes no word of ours but these orders.
 */
#pragma once

#include "fleet/action.h"
#include "fleet/folder.h"
#include "fleet/last_contact.h"
#include "fleet/wait_note.h"
#include "libkeelboot/keelboot.h"

#include <json-c/json.h>
#include <stdbool.h>

#define MONITOR_WHY_MAX	       255
#define MONITOR_GONE	       (-2) /* a code: the process that does the work has ended */
#define MONITOR_OTHERS	       8    /* a code: it stays staged, since others staged it */
#define MONITOR_ATTRIBUTES_MAX 4095
#define MONITOR_TEXT_MAX       (4u << 20) /* bytes of a document of the command */

enum monitor_work {
	MONITOR_STATUS,
	MONITOR_INSPECT,    /* the bundle that is here */
	MONITOR_STAGE,	    /* the same */
	MONITOR_RANGES,	    /* the same, of which only the index is here: what is to be fetched */
	MONITOR_CHANNEL,    /* what is in the file that comes with the order */
	MONITOR_ATTRIBUTES, /* {"text": …} of [fleet] attributes-file= */
	MONITOR_UNSTAGE,
	MONITOR_WHY,
	MONITOR_HISTORY,
	MONITOR_FOLDER,	 /* flag: it is made if it is missing */
	MONITOR_PERMIT,	 /* flag: the action is forced */
	MONITOR_CONFIRM, /* by [fleet] confirm= */
	MONITOR_WAIT,	 /* notes when a timer may ask next */
	MONITOR_REBOOT,	 /* returns only if it cannot */
	MONITOR_INDEX, /* of the bundle that is here, of which the rest may still come: would it be
			  staged? */
	MONITOR_CONTACT, /* notes how a contact went; with `reached` and `why` */
	MONITOR_WORKS,
};

struct monitor {
	const struct conf *conf;
	struct keelboot *kb;
	/* what the boot left: /run/keelboot */
	const char *run_dir;
	/* of the public keys */
	char keys[FOLDER_PATH_MAX + 1];
	struct folder folder;
	/* whose folder it is to be, if not ours; 0: ours */
	unsigned user, group;
	/* to the process that does the work; -1: this one does it */
	int link;
	/* while that lasts, who waits for it hears so; NULL: nobody waits */
	void (*beat)(int link);
	int waits;
};

struct monitor_order {
	enum monitor_work work;
	bool flag;
	/* of what a reboot installs */
	char version[ACTION_VERSION_MAX + 1];
	/* of a bundle that is to be confirmed */
	char name[OFFER_NAME_MAX + 1];
	struct wait_note wait;
	/* the uptime at which a contact reached the server, 0: it did not; why it failed, or "" */
	uint64_t reached;
	char why[LAST_CONTACT_WHY_MAX + 1];
};

struct monitor_result {
	/* an exit code of keelboot(1), or -1; of a folder or a wait an enum kb_err; of a permission
	 * 0 or 1, of a confirmation an enum permit */
	int code;
	/* where the code is no 0, for a person; of a confirmation always */
	char why[MONITOR_WHY_MAX + 1];
};

/* Does it. *fd, if it is not -1, came with the order. *document: the last one that the command
 * printed, to be released, or as it was; *fd: an open folder, or as it was. */
void monitor_work(struct monitor *m, const struct monitor_order *order,
		  struct monitor_result *result, json_object **document, int *fd);
