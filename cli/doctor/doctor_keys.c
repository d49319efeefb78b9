/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the running system, and whether the initramfs has the same. */
#include "cli/doctor/doctor_checks.h"

#include "cli/device/device_loader.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/keys/keyring.h"
#include "update/wire/keyring_survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const development[] = { "dev",  "devel",   "development", "demo",
					   "test", "testing", "example",     "sample" };

/* As a word of its own: "dev", "acme-dev-2026", "test1", but neither "device" nor "contest". */
static bool is_development(const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, "-_.0123456789");

		for (size_t i = 0; i < KB_ARRAY_LEN(development); i++)
			if (strlen(development[i]) == len &&
			    strncasecmp(name, development[i], len) == 0)
				return true;
		name += name[len] != '\0' ? len + 1 : len;
	}
	return false;
}

static void check_folder(struct doctor *doc, const char *dir)
{
	struct os_file_at at;

	if (os_file_look(dir, &at) == KB_OK && at.others_write)
		doctor_report(doc, DOCTOR_ERROR, "keys-writable", "chown root, chmod go-w",
			      "users other than root can add keys to %s", dir);
}

static void check_key(struct doctor *doc, const char *dir, const struct keyring_key *key)
{
	if (key->published != NULL)
		doctor_report(
			doc, DOCTOR_ERROR, "key-published",
			"make your own key: keelboot key generate; then remove this one here and from the initramfs",
			"%.100s/%.63s.pem is %s, which is published: %s", dir, key->name,
			key->published,
			keyring_pem_published_means(doc->d->conf.signatures_required));
	else if (is_development(key->name))
		doctor_report(doc, DOCTOR_WARNING, "key-development",
			      "remove it before you ship the device",
			      "%s/%s.pem is named like a development key", dir, key->name);
}

/* ---------------------------------------------------------------- those of an initramfs */

/* What an initramfs trusts, as it says itself: marks of keys. */
struct packed {
	/* whose it is, for the messages */
	const char *of;
	const char *id, *fix;
	unsigned n;
	/* there may be more */
	uint32_t mark[KEYRING_SURVEY_MAX];
};

static void add_mark(struct packed *p, const char *text)
{
	if (p->n < KEYRING_SURVEY_MAX)
		p->mark[p->n++] = (uint32_t)strtoul(text, NULL, 16);
}

static bool has_mark(const struct packed *p, uint32_t mark)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->mark[i] == mark)
			return true;
	return false;
}

static void compare_keys(struct doctor *doc, const char *dir, const struct packed *p)
{
	static struct keyring_survey here;
	unsigned known = 0;

	keyring_survey_read(&here, dir);
	for (unsigned i = 0; i < here.ntrusted; i++) {
		if (has_mark(p, here.trusted[i].mark))
			known++;
		else
			doctor_report(doc, DOCTOR_WARNING, p->id, p->fix,
				      "%s does not trust %.150s/%.63s: boots reject what it signed",
				      p->of, dir, here.trusted[i].name);
	}
	for (unsigned i = 0; i < here.nretired; i++) {
		if (!has_mark(p, here.retired[i].mark))
			continue;
		known++;
		doctor_report(doc, DOCTOR_ERROR, "keys-retired", p->fix,
			      "%s still trusts %.63s, which is retired", p->of,
			      here.retired[i].name);
	}
	if (known < p->n)
		doctor_report(doc, DOCTOR_WARNING, p->id, p->fix,
			      "%s trusts %u key(s) that %.150s does not have", p->of, p->n - known,
			      dir);
}

static void compare_initramfs(struct doctor *doc, const char *dir, json_object *keys)
{
	struct packed p = {
		.of = "the initramfs",
		.id = "keys-initramfs",
		.fix = "build the initramfs again with this folder (keelboot image build --keys), and install it",
	};
	json_object *list;

	if (!json_object_object_get_ex(keys, "trusted", &list) ||
	    !json_object_is_type(list, json_type_array))
		list = NULL;
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		const char *one = json_object_get_string(json_object_array_get_idx(list, i));

		if (one != NULL)
			add_mark(&p, one);
	}
	compare_keys(doc, dir, &p);
}

/* What boot.json says of them: see initramfs/export.c. dir: NULL if it has nothing to compare. */
static void check_initramfs(struct doctor *doc, const char *dir)
{
	json_object *keys, *published;

	if (doc->st.boot == NULL || !doc->d->run_found)
		return;
	if (!json_object_object_get_ex(doc->st.boot, "keys", &keys)) {
		doctor_report(doc, DOCTOR_ERROR, "keys-initramfs-none",
			      "make it with keelboot image build --keys, and install it",
			      "the initramfs has no key: no boot installs any update");
		return;
	}
	if (json_object_object_get_ex(keys, "published", &published))
		doctor_report(
			doc, DOCTOR_ERROR, "key-published",
			"build the initramfs again with a key of your own: keelboot image build --keys",
			"the initramfs trusts %.100s, which is published: %s",
			json_object_get_string(published),
			keyring_pem_published_means(doc->d->conf.signatures_required));
	if (dir != NULL)
		compare_initramfs(doc, dir, keys);
}

/* By kexec: what the first kernel, which installs, said of its own on the line of the slot's. Where
 * it runs the slot itself, its initramfs is the one of boot.json. */
static void check_base(struct doctor *doc, const char *dir)
{
	struct packed p = {
		.of = "the first kernel's initramfs",
		.id = "keys-base",
		.fix = "build the first kernel's initramfs again with this folder (keelboot image build --keys), and put it in place by hand: no update brings it",
	};
	const char *text = doc->cmd.base_keys;

	if (!device_loader_is_kexec(doc->d) || doc->d->pair == STATE_NONE || text[0] == '\0')
		return;
	if (strcmp(text, "none") == 0) {
		doctor_report(doc, DOCTOR_ERROR, "keys-initramfs-none", p.fix,
			      "%s has no key: no boot installs any update", p.of);
		return;
	}
	for (; text[0] != '\0'; text += CMDLINE_MARK_LEN + (text[CMDLINE_MARK_LEN] == ',' ? 1 : 0))
		add_mark(&p, text);
	if (dir != NULL)
		compare_keys(doc, dir, &p);
}

void doctor_keys(struct doctor *doc)
{
	static struct keyring keys;
	char dir[DEVICE_PATH_MAX];
	unsigned required = doc->d->conf.signatures_required;
	const char *fix =
		"put the public key (*.pem) of `keelboot key generate` there, and into the initramfs";
	enum kb_err err;

	snprintf(dir, sizeof(dir), "%s%s", doc->d->opts->conf_root, doc->d->conf.keyring);
	check_folder(doc, dir);
	err = keyring_load(&keys, dir);
	if (err != KB_OK) {
		if (err == KB_EFORMAT)
			fix = "remove from its " KEYRING_RETIRED_DIR
			      " each file that is not a public key, and put each key into a file of its own";
		doctor_report(doc, DOCTOR_ERROR, "keys-none", fix,
			      "%s: no usable key: no bundle is trusted", dir);
		check_initramfs(doc, NULL); /* it has keys of its own, and boots by them */
		check_base(doc, NULL);
		return;
	}
	if (keys.n < required)
		doctor_report(
			doc, DOCTOR_ERROR, "keys-too-few",
			"put the other public keys there, or lower [keyring] signatures-required=",
			"%.150s has %u keys, but %u must sign: no bundle is trusted", dir, keys.n,
			required);
	for (unsigned i = 0; i < keys.n; i++)
		check_key(doc, dir, &keys.key[i]);
	check_initramfs(doc, dir);
	check_base(doc, dir);
	keyring_free(&keys);
}
