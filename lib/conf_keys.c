/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"

#include "lib/bytes.h"

#include <string.h>

#define MS_MAX	    60000
#define SECONDS_MAX 86400

/* kind, member, min, max of a number, what a bad value is taken for; or of a text, whose max is its
 * array. */
#define STRICT(kind, member, min, max, bad) \
	CONF_KIND_##kind, offsetof(struct conf, member), min, max, bad
#define NUMBER(kind, member, min, max) STRICT(kind, member, min, max, NULL)
#define TEXT(kind, member)	       STRICT_TEXT(kind, member, NULL)
#define STRICT_TEXT(kind, member, bad) \
	STRICT(kind, member, 0, sizeof(((struct conf *)0)->member) - 1, bad)

const struct conf_key conf_keys[] = {
	{ "system", "compatible", "NAME", "",
	  "What this device is: only bundles that are for it are installed; without it, none.",
	  TEXT(NAME, compatible) },
	{ "system", "disk", "GLOB", "",
	  "Pins the disk with slots and state: by its path in sysfs, which is the board's word, or "
	  "by its CID, WWID or serial number, which any disk can claim. A USB disk needs "
	  "usb-disk=yes too, unless the path names its port (/usb). Without it disks are ranked, "
	  "and a card or a USB disk waits 5 s for a fixed one.",
	  TEXT(TEXT, disk) },
	{ "system", "usb-disk", "yes|no", "no",
	  "Whether slots and state may be on a USB disk, for devices that have no other.",
	  NUMBER(BOOL, usb_disk, 0, 0) },
	{ "system", "count", "auto|always|never", "auto",
	  "Whether boots of good slots are counted too: auto, unless hangs and panics are both "
	  "told.",
	  NUMBER(COUNT, count, 0, 0) },
	{ "system", "cookie", "auto|off|/dev/NAME", "auto",
	  "Memory that outlives a reset but no power cut, to tell them apart: an mtd of the type "
	  "ram; auto: ramoops.",
	  TEXT(DEVICE, cookie) },
	{ "system", "timeout", "SECONDS (1..3600)", "30", "How long a boot waits for its devices.",
	  NUMBER(SECONDS, timeout_s, 1, 3600) },
	{ "system", "commit-deadline", "SECONDS (10..86400)", "300",
	  "A trial that has not been marked good after this time is given up.",
	  NUMBER(SECONDS, commit_deadline_s, 10, SECONDS_MAX) },
	{ "system", "shutdown-deadline", "SECONDS (30..86400)", "300",
	  "An orderly shutdown that takes longer is forced: by the guardian, and by the watchdog "
	  "that systemd feeds (RebootWatchdogSec=).",
	  NUMBER(SECONDS, shutdown_deadline_s, 30, SECONDS_MAX) },
	{ "system", "tries", "NUMBER (1..9)", "3",
	  "How often a newly installed slot is started before it is given up.",
	  NUMBER(NUMBER, tries, 1, 9) },
	{ "system", "verify-slot", "never|boot|always", "never",
	  "boot: the manifest of a slot on trial is verified again before each of its boots. "
	  "always: "
	  "nothing is booted, not even as a last resort, but what dm-verity checks against a root "
	  "hash that a trusted key signed.",
	  NUMBER(VERIFY, verify_slot, 0, 0) },
	{ "system", "slots", "readonly|writable", "readonly",
	  "readonly: the slot that runs is write-protected, and stays what was signed.",
	  NUMBER(SLOTS, slots, 0, 0) },
	{ "system", "init", "PATH", "/sbin/init",
	  "Program that is started from the root; init= of the kernel command line goes before it.",
	  TEXT(PATH, init) },
	{ "system", "root-filesystem", "NAME", "",
	  "File system of the slots; without it the one that is found.", TEXT(NAME, fstype) },
	{ "system", "mount-options", "OPTIONS", "",
	  "Options to mount the root with; rootflags= of the kernel command line goes before it.",
	  TEXT(TEXT, mount_options) },
	{ "system", "command-line", "all|none|LIST of keys", "all",
	  "Keys of the kernel command line that are heeded, for a device that does not trust it; "
	  "the others are ignored with a warning. A parameter of a module that init loads is the "
	  "key MODULE.PARAMETER.",
	  STRICT_TEXT(NAME, command_line, "none") },
	{ "state", "partition", "PARTITION", "PARTLABEL=keelboot-state",
	  "Partition that holds the state.", TEXT(SPEC, state) },
	{ "source.data", "enabled", "yes|no", "yes",
	  "Whether an update may come from the data partition.", NUMBER(BOOL, data_enabled, 0, 0) },
	{ "source.data", "partition", "PARTITION", "PARTLABEL=data", "The data partition.",
	  TEXT(SPEC, data_part) },
	{ "source.data", "filesystem", "NAME", "ext4", "File system of the data partition.",
	  TEXT(NAME, data_fstype) },
	{ "source.data", "stage", "FOLDER", "keelboot/stage",
	  "Folder inside the data partition where bundles are staged.", TEXT(SUBPATH, data_stage) },
	{ "source.data", "mount", "PATH", "/data",
	  "Where the running system has the data partition mounted.", TEXT(PATH, data_mount) },
	{ "source.data", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write: a staged file that decayed then "
	  "costs no slot.",
	  NUMBER(BOOL, data_verify_first, 0, 0) },
	{ "source.raw", "enabled", "yes|no", "yes",
	  "Whether an update may lie, as it is, on a partition of the device's own disk.",
	  NUMBER(BOOL, raw_enabled, 0, 0) },
	{ "source.raw", "partition", "PARTITION", "PARTLABEL=keelboot-stage",
	  "The partition on which a bundle may lie from the first byte on; a bundle that is done "
	  "with is erased there.",
	  TEXT(SPEC, raw_part) },
	{ "source.raw", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write: one that decayed then costs no "
	  "slot.",
	  NUMBER(BOOL, raw_verify_first, 0, 0) },
	{ "source.sd", "enabled", "yes|no", "yes",
	  "Whether an update may come from an SD card that is not the device's own disk.",
	  NUMBER(BOOL, sd_enabled, 0, 0) },
	{ "source.sd", "settle", "TIME (0..60, or 500ms)", "500ms",
	  "How long a boot waits for a card to show up, if there is a slot for one.",
	  NUMBER(MS, sd_settle_ms, 0, MS_MAX) },
	{ "source.sd", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write, so that a bad card costs nothing.",
	  NUMBER(BOOL, sd_verify_first, 0, 0) },
	{ "source.sd", "filesystems", "none|LIST of vfat,exfat", "vfat,exfat",
	  "File systems with which cards are mounted; whatever has another is ignored. none: no "
	  "file "
	  "system is ever mounted, only a bundle that lies raw on the medium is taken.",
	  STRICT(FS, sd_filesystems, 0, 0, "none") },
	{ "source.usb", "enabled", "yes|no", "yes", "Whether an update may come from a USB stick.",
	  NUMBER(BOOL, usb_enabled, 0, 0) },
	{ "source.usb", "settle", "TIME (0..60, or 500ms)", "500ms",
	  "How long a boot waits for a stick to show up.", NUMBER(MS, usb_settle_ms, 0, MS_MAX) },
	{ "source.usb", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write, so that a bad stick costs nothing.",
	  NUMBER(BOOL, usb_verify_first, 0, 0) },
	{ "source.usb", "filesystems", "none|LIST of vfat,exfat", "vfat,exfat",
	  "File systems with which sticks are mounted; whatever has another is ignored. none: no "
	  "file "
	  "system is ever mounted, only a bundle that lies raw on the medium is taken.",
	  STRICT(FS, usb_filesystems, 0, 0, "none") },
	{ "install", "progress-deadline", "SECONDS (5..3600)", "60",
	  "An install at boot that makes no progress for this time is stopped, and the boot goes "
	  "on. It is never longer than two thirds of the watchdog's timeout: 40 s with the "
	  "defaults.",
	  NUMBER(SECONDS, progress_deadline_s, 5, 3600) },
	{ "install", "max-sequence-jump", "none|NUMBER (1..9223372036854775807)", "1000000000000",
	  "A bundle whose sequence is ahead of all that this device has by more than this is "
	  "refused: one with the highest there is would keep every later one out.",
	  NUMBER(JUMP, max_jump, 0, 0) },
	{ "install", "verify-first", "yes|no", "yes",
	  "The same for keelboot install; at boot the key of the source counts.",
	  NUMBER(BOOL, install_verify_first, 0, 0) },
	{ "rescue", "wait", "SECONDS (10..600)", "600",
	  "How long a device on which nothing can be booted waits for a medium before it restarts.",
	  NUMBER(SECONDS, rescue_wait_s, 10, 600) },
	{ "watchdog", "device", "auto|off|/dev/NAME", "auto",
	  "The watchdog to arm; auto: the first that is hardware. keelboot.watchdog= goes before "
	  "it.",
	  TEXT(DEVICE, watchdog) },
	{ "watchdog", "timeout", "SECONDS (1..65535)", "60",
	  "Time after which the watchdog resets a machine that hangs.",
	  NUMBER(SECONDS, watchdog_timeout_s, 1, 65535) },
	{ "watchdog", "handover", "system|keeper|release", "system",
	  "Who feeds the watchdog later: the system, Keelboot's guardian, or nobody once the slot "
	  "is good.",
	  NUMBER(HANDOVER, handover, 0, 0) },
	{ "watchdog", "bootstatus", "trust|ignore", "trust",
	  "Whether the watchdog is believed when it says that it ended the boot before. ignore: "
	  "its "
	  "driver restarts the machine by the watchdog, so that every restart looks like a hang.",
	  NUMBER(BOOTSTATUS, bootstatus, 0, 0) },
	{ "hooks", "timeout", "SECONDS (1..600)", "10",
	  "A hook that runs longer is killed, and has failed.",
	  NUMBER(SECONDS, hook_timeout_s, 1, 600) },
	{ "keyring", "path", "PATH", "/etc/keelboot/keys",
	  "Folder with the public keys, *.pem, that bundles have to be signed with. All that is in "
	  "its subfolder retired.d is keys that are trusted no more; if one of them cannot be "
	  "read, none is trusted.",
	  TEXT(PATH, keyring) },
	{ "keyring", "signatures-required", "NUMBER (1..16)", "1",
	  "How many of these keys must have signed a bundle; one that signed twice counts once.",
	  STRICT(NUMBER, signatures_required, 1, 16, "16") },
	{ NULL, NULL, NULL, NULL, NULL, CONF_KIND_BOOL, 0, 0, 0, NULL },
};

/* ---------------------------------------------------------------- numbers */

static enum kb_err set_bool(bool *out, const char *value)
{
	static const char *const words[2][3] = { { "no", "0", "false" }, { "yes", "1", "true" } };

	for (unsigned i = 0; i < 6; i++) {
		if (strcmp(value, words[i / 3][i % 3]) == 0) {
			*out = i / 3 == 1;
			return KB_OK;
		}
	}
	return KB_EINVAL;
}

static enum kb_err set_filesystems(unsigned *out, const char *value)
{
	static const struct {
		const char *text;
		unsigned bits;
	} known[] = {
		{ "none", 0 },
		{ "vfat", CONF_FS_VFAT },
		{ "exfat", CONF_FS_EXFAT },
		{ "vfat,exfat", CONF_FS_VFAT | CONF_FS_EXFAT },
		{ "exfat,vfat", CONF_FS_VFAT | CONF_FS_EXFAT },
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].text, value) != 0)
			continue;
		*out = known[i].bits;
		return KB_OK;
	}
	return KB_EINVAL;
}

/* The words of the kinds that are an enum; the index is the value. */
static const char *const enum_words[][4] = {
	[CONF_KIND_COUNT] = { [CONF_COUNT_AUTO] = "auto",
			      [CONF_COUNT_ALWAYS] = "always",
			      [CONF_COUNT_NEVER] = "never" },
	[CONF_KIND_HANDOVER] = { [CONF_HANDOVER_SYSTEM] = "system",
				 [CONF_HANDOVER_KEEPER] = "keeper",
				 [CONF_HANDOVER_RELEASE] = "release" },
	[CONF_KIND_BOOTSTATUS] = { [CONF_BOOTSTATUS_TRUST] = "trust",
				   [CONF_BOOTSTATUS_IGNORE] = "ignore" },
	[CONF_KIND_VERIFY] = { [CONF_VERIFY_NEVER] = "never",
			       [CONF_VERIFY_BOOT] = "boot",
			       [CONF_VERIFY_ALWAYS] = "always" },
	[CONF_KIND_SLOTS] = { [CONF_SLOTS_READONLY] = "readonly",
			      [CONF_SLOTS_WRITABLE] = "writable" },
};

_Static_assert(sizeof(enum conf_count) == sizeof(unsigned) &&
		       sizeof(enum conf_handover) == sizeof(unsigned) &&
		       sizeof(enum conf_bootstatus) == sizeof(unsigned) &&
		       sizeof(enum conf_verify) == sizeof(unsigned) &&
		       sizeof(enum conf_slots) == sizeof(unsigned),
	       "set_word() writes enums as what they are: unsigned");

static enum kb_err set_word(unsigned *out, enum conf_kind kind, const char *value)
{
	for (unsigned i = 0; enum_words[kind][i] != NULL; i++) {
		if (strcmp(value, enum_words[kind][i]) != 0)
			continue;
		*out = i;
		return KB_OK;
	}
	return KB_EINVAL;
}

/* How many of the unit that is kept one of the value's unit is; 0 for a unit that does not exist.
 */
static uint32_t unit_factor(enum conf_kind kind, const char *unit)
{
	if (*unit == '\0')
		return kind == CONF_KIND_MS ? 1000 : 1;
	if (strcmp(unit, "s") == 0 && kind != CONF_KIND_NUMBER)
		return kind == CONF_KIND_MS ? 1000 : 1;
	if (strcmp(unit, "ms") == 0 && kind == CONF_KIND_MS)
		return 1;
	return 0;
}

static enum kb_err set_number(uint32_t *out, const struct conf_key *key, const char *value)
{
	char digits[11];
	size_t n = strspn(value, "0123456789");
	uint32_t factor = unit_factor(key->kind, value + n);
	uint64_t v;

	if (n >= sizeof(digits) || factor == 0)
		return KB_EINVAL;
	memcpy(digits, value, n);
	digits[n] = '\0';
	if (bytes_decimal(&v, digits, UINT32_MAX) != KB_OK)
		return KB_EINVAL;
	v *= factor;
	if (v < key->min || v > key->max)
		return KB_EINVAL;
	*out = (uint32_t)v;
	return KB_OK;
}

static enum kb_err set_jump(uint64_t *out, const char *value)
{
	uint64_t v = 0;

	if (strcmp(value, "none") != 0 && (bytes_decimal(&v, value, INT64_MAX) != KB_OK || v == 0))
		return KB_EINVAL;
	*out = v;
	return KB_OK;
}

/* ---------------------------------------------------------------- texts */

static bool is_printable(const char *value)
{
	for (; *value != '\0'; value++)
		if (*value < 0x20 || *value > 0x7e)
			return false;
	return true;
}

static bool is_name(const char *value)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+,";

	return *value != '\0' && value[strspn(value, ok)] == '\0';
}

static bool has_dotdot(const char *path)
{
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += n + (path[n] == '/' ? 1 : 0);
	}
	return false;
}

static bool has_prefix(const char *value, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(value, prefix, n) == 0 && value[n] != '\0';
}

static bool is_device(const char *value)
{
	return has_prefix(value, "/dev/") && !has_dotdot(value);
}

bool conf_keys_is_spec(const char *value)
{
	static const char *const tags[] = { "PARTLABEL=", "PARTUUID=", "LABEL=", "UUID=" };

	if (!is_printable(value) || strlen(value) > CONF_SPEC_MAX)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (has_prefix(value, tags[i]))
			return true;
	return is_device(value);
}

static bool text_fits(enum conf_kind kind, const char *value)
{
	switch (kind) {
	case CONF_KIND_TEXT:
		return true;
	case CONF_KIND_NAME:
		return is_name(value);
	case CONF_KIND_PATH:
		return has_prefix(value, "/") && !has_dotdot(value);
	case CONF_KIND_SUBPATH:
		return *value != '\0' && *value != '/' && !has_dotdot(value);
	case CONF_KIND_SPEC:
		return conf_keys_is_spec(value);
	case CONF_KIND_DEVICE:
		return strcmp(value, "auto") == 0 || strcmp(value, "off") == 0 || is_device(value);
	case CONF_KIND_BOOL:
	case CONF_KIND_FS:
	case CONF_KIND_COUNT:
	case CONF_KIND_HANDOVER:
	case CONF_KIND_BOOTSTATUS:
	case CONF_KIND_VERIFY:
	case CONF_KIND_SLOTS:
	case CONF_KIND_NUMBER:
	case CONF_KIND_JUMP:
	case CONF_KIND_SECONDS:
	case CONF_KIND_MS:
		break;
	}
	return false;
}

static enum kb_err set_text(char *out, const struct conf_key *key, const char *value)
{
	if (!is_printable(value) || strlen(value) > key->max || !text_fits(key->kind, value))
		return KB_EINVAL;
	memcpy(out, value, strlen(value) + 1);
	return KB_OK;
}

enum kb_err conf_keys_set(struct conf *c, const struct conf_key *key, const char *value)
{
	void *out = (char *)c + key->offset;

	switch (key->kind) {
	case CONF_KIND_BOOL:
		return set_bool(out, value);
	case CONF_KIND_FS:
		return set_filesystems(out, value);
	case CONF_KIND_COUNT:
	case CONF_KIND_HANDOVER:
	case CONF_KIND_BOOTSTATUS:
	case CONF_KIND_VERIFY:
	case CONF_KIND_SLOTS:
		return set_word(out, key->kind, value);
	case CONF_KIND_JUMP:
		return set_jump(out, value);
	case CONF_KIND_NUMBER:
	case CONF_KIND_SECONDS:
	case CONF_KIND_MS:
		return set_number(out, key, value);
	case CONF_KIND_TEXT:
	case CONF_KIND_NAME:
	case CONF_KIND_PATH:
	case CONF_KIND_SUBPATH:
	case CONF_KIND_SPEC:
	case CONF_KIND_DEVICE:
		return set_text(out, key, value);
	}
	return KB_EINVAL;
}
