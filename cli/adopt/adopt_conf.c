/* SPDX-License-Identifier: Apache-2.0 */
/* system.conf of an adopted system. */
#include "cli/adopt/adopt.h"

#include "cli/bundle/bundle_output.h"
#include "lib/conf.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define CONF_FILE "/etc/keelboot/system.conf"
#define FIRST	  "# Made by `keelboot adopt`."

/* Which partition a key names, of those that are an installation's own. */
struct named {
	const char *key, *found;
	enum adopt_role role;
};

/* Whether system.conf means this partition, as the boot finds it: a person may have changed what
 * adopt wrote. */
static bool is_named(const struct prober_part *p, const char *found)
{
	static const char uuid[] = "PARTUUID=", label[] = "PARTLABEL=";

	if (strncmp(found, uuid, strlen(uuid)) == 0)
		return strcasecmp(found + strlen(uuid), p->partuuid) == 0;
	return p->partlabel[0] != '\0' && strncmp(found, label, strlen(label)) == 0 &&
	       strcmp(found + strlen(label), p->partlabel) == 0;
}

/* The first one that is not this disk's, in words behind the path of the file; false: all are. */
static bool names_others(const struct adopt *ad, const struct conf *c, char words[ADOPT_TEXT_LEN])
{
	const struct named named[] = {
		{ "[slot.a] root", conf_slot_part(c, 0, "root"), ADOPT_ROOT },
		{ "[state] partition", c->state, ADOPT_STATE },
		{ "[slot.b] root", conf_slot_part(c, 1, "root"), ADOPT_SLOT_B },
		{ "[source.data] partition", c->data_part, ADOPT_DATA },
	};

	for (size_t i = 0; i < KB_ARRAY_LEN(named); i++) {
		const struct prober_part *p = ad->role[named[i].role];
		const char *found = named[i].found != NULL ? named[i].found : "";
		char here[64] = "missing";

		if (p != NULL && is_named(p, found))
			continue;
		if (p != NULL)
			snprintf(here, sizeof(here), "PARTUUID=%s", p->partuuid);
		snprintf(words, ADOPT_TEXT_LEN, "has %s=%.60s, but here that partition is %s",
			 named[i].key, found, here);
		return true;
	}
	return false;
}

/* What a run before this one wrote, and this one would write otherwise. */
static void check_same(struct adopt *ad, const struct conf *c, const char *path)
{
	const struct prober_part *over = ad->role[ADOPT_OVERLAY], *data = ad->role[ADOPT_DATA];
	char overlay[64] = "tmpfs", fix[ADOPT_FIX_LEN];
	const struct {
		const char *key, *found, *wanted;
	} same[] = {
		{ "[system] compatible", c->compatible,
		  ad->compatible[0] != '\0' ? ad->compatible : c->compatible },
		{ "[system] root-overlay", c->overlay,
		  over != NULL && is_named(over, c->overlay) ? c->overlay : overlay },
		{ "[source.data] filesystem", c->data_fstype, data->fstype },
		{ "[source.data] mount", c->data_mount,
		  ad->data_mount[0] != '\0' ? ad->data_mount : c->data_mount },
	};

	if (over != NULL)
		snprintf(overlay, sizeof(overlay), "PARTUUID=%s", over->partuuid);
	for (size_t i = 0; i < KB_ARRAY_LEN(same); i++) {
		if (strcmp(same[i].found, same[i].wanted) == 0)
			continue;
		snprintf(fix, sizeof(fix), "set it to %s there, or have it fit again",
			 same[i].wanted);
		adopt_problem(ad, fix, "%s of a run before has %s=%s; this run would write %s",
			      path, same[i].key, same[i].found, same[i].wanted);
	}
}

/* The leftover of another installation would have its slots booted, in place of this system. */
void adopt_look_at_conf(struct adopt *ad)
{
	static char text[CONF_FILE_MAX];
	static struct conf c;
	char path[DEVICE_PATH_MAX], fix[ADOPT_FIX_LEN], words[ADOPT_TEXT_LEN];

	adopt_path(ad, path, CONF_FILE);
	if (!os_exists(path) || ad->role[ADOPT_ROOT] == NULL)
		return;
	ad->conf_unfit = true;
	snprintf(fix, sizeof(fix), "mv %.400s %.400s.old; or go on by hand with docs/INTEGRATE.md",
		 path, path);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK ||
	    strncmp(text, FIRST, strlen(FIRST)) != 0) {
		adopt_problem(ad, fix, "%s is there, and adopt did not make it", path);
		return;
	}
	conf_defaults(&c);
	conf_parse(&c, text, path, NULL, NULL);
	if (names_others(ad, &c, words)) {
		snprintf(
			fix, sizeof(fix),
			"if another installation left it: mv %.400s %.400s.old; else name the partition that it has: --state, --slot b:root=, --data; or write there what is here",
			path, path);
		adopt_problem(ad, fix, "%.128s %s", path, words);
		return;
	}
	ad->conf_unfit = false;
	ad->configured = true;
	check_same(ad, &c, path);
	snprintf(ad->compatible, sizeof(ad->compatible), "%s", c.compatible);
}

static int print_conf(const struct adopt *ad, char *text, size_t size)
{
	const struct prober_part *const *r = ad->role;
	char overlay[64] = "tmpfs";

	if (r[ADOPT_OVERLAY] != NULL)
		snprintf(overlay, sizeof(overlay), "PARTUUID=%s", r[ADOPT_OVERLAY]->partuuid);
	return snprintf(text, size,
			FIRST " man system.conf explains each key.\n"
			      "[system]\ncompatible=%s\nroot-overlay=%s\n"
			      "[state]\npartition=PARTUUID=%s\n"
			      "[slot.a]\nroot=PARTUUID=%s\n"
			      "[slot.b]\nroot=PARTUUID=%s\n"
			      "[source.data]\npartition=PARTUUID=%s\nfilesystem=%s\nmount=%s\n"
			      "# root= of the boot loader names slot a, which updates overwrite.\n"
			      "[initramfs]\nrequired=yes\n",
			ad->compatible, overlay, r[ADOPT_STATE]->partuuid, r[ADOPT_ROOT]->partuuid,
			r[ADOPT_SLOT_B]->partuuid, r[ADOPT_DATA]->partuuid, r[ADOPT_DATA]->fstype,
			ad->data_mount);
}

enum kb_err adopt_write_conf(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX], text[2048];
	enum kb_err err;

	adopt_path(ad, path, "/etc/keelboot");
	err = os_mkdir(path, 0755);
	if (err == KB_OK)
		err = adopt_write_key(ad);
	if (err != KB_OK || ad->configured)
		return err;
	adopt_path(ad, path, CONF_FILE);
	return bundle_output_whole(path, text, (size_t)print_conf(ad, text, sizeof(text)));
}
