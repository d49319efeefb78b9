/* SPDX-License-Identifier: Apache-2.0 */
/* The key that signs the first bundle, and its public half, which the device is to trust. */
#include "cli/adopt/adopt.h"

#include "cli/bundle/bundle_output.h"
#include "cli/key/key_file.h"
#include "cli/key/key_token.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define KEYS "/etc/keelboot/keys"

/* Whether one of its file systems, which is mounted, has this number. */
static bool is_on_disk(const struct adopt *ad, dev_t dev)
{
	struct adopt_mount m;

	for (unsigned i = 0; i < ad->disk.n; i++)
		if (adopt_mount_of(ad, &ad->disk.part[i], &m) && makedev(m.major, m.minor) == dev)
			return true;
	return false;
}

/* A private key in the root would come into the bundle, and onto each device that takes it. */
static void check_place_of_key(struct adopt *ad, dev_t dev)
{
	char root[DEVICE_PATH_MAX];
	struct stat at;

	adopt_path(ad, root, "/");
	if (ad->sys_root[0] == '\0' && stat(root, &at) == 0 && dev == at.st_dev)
		adopt_problem(ad, "move it onto a stick",
			      "%s lies on the root, and would become a part of the bundle",
			      ad->key);
	else if (is_on_disk(ad, dev))
		log_warn(
			"%s lies on the disk of this device: who gets hold of the device can sign releases; move it onto a stick",
			ad->key);
}

static enum kb_err find_pem(void *found, const char *name)
{
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, ".pem") == 0)
		*(bool *)found = true;
	return KB_OK;
}

/* Whether the device trusts keys already: none is added to them. */
static bool has_keys(const struct adopt *ad, char keys[DEVICE_PATH_MAX])
{
	bool found = false;

	adopt_path(ad, keys, KEYS);
	return os_exists(keys) && os_each(keys, find_pem, &found) == KB_OK && found;
}

/* `key generate` makes the public half beside the private one: vendor.key, vendor.pem. False: the
 * key has no such name. */
static bool public_path(const struct adopt *ad, char path[DEVICE_PATH_MAX])
{
	size_t len = ad->key != NULL ? strlen(ad->key) : 0;

	if (len <= 4 || len >= DEVICE_PATH_MAX || strcmp(ad->key + len - 4, ".key") != 0)
		return false;
	snprintf(path, DEVICE_PATH_MAX, "%.*s.pem", (int)len - 4, ad->key);
	return true;
}

/* What the device trusts must have the key, or it refuses the bundle. */
static void check_trusted(struct adopt *ad, const struct keyring_key *key)
{
	char keys[DEVICE_PATH_MAX], fix[ADOPT_FIX_LEN];
	struct keyring ring = { .n = 0 };

	adopt_path(ad, keys, KEYS);
	if (keyring_load(&ring, keys) != KB_OK || keyring_find(&ring, key->id) == NULL) {
		snprintf(
			fix, sizeof(fix),
			"pass the key that belongs to them; or add its public half: install -m 644 PUBLIC.pem %.400s",
			keys);
		adopt_problem(
			ad, fix,
			"%.128s has other keys alone: this device would refuse what --key %.128s signs",
			keys, key_token_shown(ad->key));
	}
	keyring_free(&ring);
}

/* The file that becomes the one key of the device. */
static void check_public_file(struct adopt *ad, const struct keyring_key *key)
{
	char path[DEVICE_PATH_MAX], keys[DEVICE_PATH_MAX], fix[ADOPT_FIX_LEN];
	struct keyring ring = { .n = 0 };

	adopt_path(ad, keys, KEYS);
	snprintf(fix, sizeof(fix),
		 "copy its public half: install -D -m 644 PUBLIC.pem %.400s/PUBLIC.pem", keys);
	if (!public_path(ad, path))
		adopt_problem(ad, fix, "%.128s is empty, and nothing lies beside --key %.128s",
			      keys, key_token_shown(ad->key));
	else if (!os_is_file(path))
		adopt_problem(ad, fix, "%.250s is missing, and %.64s is empty", path, keys);
	else if (keyring_add(&ring, path) != KB_OK || keyring_find(&ring, key->id) == NULL)
		adopt_problem(ad, fix, "--key %.128s: %.150s is not its public half", ad->key,
			      path);
	keyring_free(&ring);
}

/* As `bundle create` reads it: with a passphrase, it asks. */
static void check_signs(struct adopt *ad)
{
	char keys[DEVICE_PATH_MAX];
	struct key_file k;

	if (key_file_load(&k, ad->key) != KB_OK) {
		adopt_problem(
			ad,
			"it says above why; pass another private key, such as keelboot key generate makes",
			"--key %.250s: no bundle can be signed with it", key_token_shown(ad->key));
		return;
	}
	if (has_keys(ad, keys))
		check_trusted(ad, key_file_public(&k));
	else
		check_public_file(ad, key_file_public(&k));
	key_file_free(&k);
}

void adopt_check_key(struct adopt *ad)
{
	struct stat key;

	if (ad->key == NULL) {
		adopt_problem(
			ad,
			"mount a stick, and make a key on it: keelboot key generate -o /mnt/vendor; then pass --key /mnt/vendor.key",
			"no private key to sign the first bundle with");
		return;
	}
	if (!key_token_is_uri(ad->key)) {
		if (stat(ad->key, &key) != 0) {
			adopt_problem(
				ad,
				"mount the stick that has it, or make one there: keelboot key generate",
				"%s: cannot be read: %m", ad->key);
			return;
		}
		check_place_of_key(ad, key.st_dev);
	}
	check_signs(ad);
}

static enum kb_err copy_public_key(const struct adopt *ad, const char *keys)
{
	char from[DEVICE_PATH_MAX], to[2 * DEVICE_PATH_MAX + 2], text[4096];
	const char *name;
	size_t len;

	if (public_path(ad, from)) {
		name = strrchr(from, '/');
		snprintf(to, sizeof(to), "%s/%s", keys, name != NULL ? name + 1 : from);
		if (os_read_file(from, text, sizeof(text), &len) == KB_OK)
			return bundle_output_whole(to, text, len);
	}
	log_err("%s has no public key, and there is none beside %s; copy it: install -m 644 PUBLIC.pem %s",
		keys, ad->key != NULL ? key_token_shown(ad->key) : "--key", keys);
	return KB_ENOENT;
}

enum kb_err adopt_write_key(const struct adopt *ad)
{
	char keys[DEVICE_PATH_MAX];

	if (has_keys(ad, keys))
		return KB_OK;
	TRY(os_mkdir(keys, 0755));
	return copy_public_key(ad, keys);
}
