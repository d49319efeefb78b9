/* SPDX-License-Identifier: Apache-2.0 */
/* What the text behind a key of system.conf means. */
#include "lib/conf_keys.h"

#include "lib/bytes.h"
#include "lib/conf_paths.h"

#include <string.h>

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

/* The words of the kinds that are a set. */
static const struct set_word {
	enum conf_kind kind;
	const char *text;
	unsigned bits;
} set_words[] = {
	{ CONF_KIND_FS, "none", 0 },
	{ CONF_KIND_FS, "vfat", CONF_FS_VFAT },
	{ CONF_KIND_FS, "exfat", CONF_FS_EXFAT },
	{ CONF_KIND_FS, "vfat,exfat", CONF_FS_VFAT | CONF_FS_EXFAT },
	{ CONF_KIND_FS, "exfat,vfat", CONF_FS_VFAT | CONF_FS_EXFAT },
	{ CONF_KIND_MEDIA, "usb", CONF_MEDIA_USB },
	{ CONF_KIND_MEDIA, "sd", CONF_MEDIA_SD },
	{ CONF_KIND_MEDIA, "usb,sd", CONF_MEDIA_USB | CONF_MEDIA_SD },
	{ CONF_KIND_MEDIA, "sd,usb", CONF_MEDIA_USB | CONF_MEDIA_SD },
};

static enum kb_err set_bits(unsigned *out, enum conf_kind kind, const char *value)
{
	bool all;

	if (kind == CONF_KIND_MEDIA && set_bool(&all, value) == KB_OK) {
		*out = all ? CONF_MEDIA_USB | CONF_MEDIA_SD : 0;
		return KB_OK;
	}
	for (unsigned i = 0; i < sizeof(set_words) / sizeof(set_words[0]); i++) {
		if (set_words[i].kind != kind || strcmp(set_words[i].text, value) != 0)
			continue;
		*out = set_words[i].bits;
		return KB_OK;
	}
	return KB_EINVAL;
}

/* The words of the kinds that are an enum; the index is the value. */
static const char *const enum_words[][CONF_LOADERS + 1] = {
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
	[CONF_KIND_DATA] = { [CONF_DATA_AUTO] = "auto",
			     [CONF_DATA_BTRFS] = "btrfs",
			     [CONF_DATA_REFLINK] = "reflink",
			     [CONF_DATA_COPY] = "copy",
			     [CONF_DATA_LVM] = "lvm" },
	[CONF_KIND_LOADER] = { [CONF_LOADER_NONE] = "none",
			       [CONF_LOADER_GRUB] = "grub",
			       [CONF_LOADER_UEFI] = "uefi",
			       [CONF_LOADER_UBOOT] = "u-boot",
			       [CONF_LOADER_KEXEC] = "kexec",
			       [CONF_LOADER_SYSTEMD] = "systemd-boot",
			       [CONF_LOADER_EFIBG] = "efibootguard",
			       [CONF_LOADER_TRYBOOT] = "tryboot",
			       [CONF_LOADER_BAREBOX] = "barebox" },
	[CONF_KIND_COUNTER] = { [CONF_COUNTER_NONE] = "none", [CONF_COUNTER_UBOOT] = "u-boot" },
	[CONF_KIND_PARTIAL] = { [CONF_PARTIAL_NO] = "no",
				[CONF_PARTIAL_AUTO] = "auto",
				[CONF_PARTIAL_REQUIRE] = "require" },
	[CONF_KIND_SLOTS] = { [CONF_SLOTS_READONLY] = "readonly",
			      [CONF_SLOTS_WRITABLE] = "writable" },
};

_Static_assert(sizeof(enum conf_count) == sizeof(unsigned) &&
		       sizeof(enum conf_handover) == sizeof(unsigned) &&
		       sizeof(enum conf_bootstatus) == sizeof(unsigned) &&
		       sizeof(enum conf_verify) == sizeof(unsigned) &&
		       sizeof(enum conf_slots) == sizeof(unsigned) &&
		       sizeof(enum conf_data) == sizeof(unsigned) &&
		       sizeof(enum conf_loader) == sizeof(unsigned) &&
		       sizeof(enum conf_counter) == sizeof(unsigned) &&
		       sizeof(enum conf_partial) == sizeof(unsigned),
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

const char *conf_loader_word(enum conf_loader loader)
{
	return enum_words[CONF_KIND_LOADER][loader];
}

enum conf_loader conf_loader_of(const char *word)
{
	unsigned loader;

	return set_word(&loader, CONF_KIND_LOADER, word) == KB_OK ? (enum conf_loader)loader
								  : CONF_LOADERS;
}

/* How many of the unit that is kept one of the value's unit is; 0 for a unit that does not exist.
 */
static uint32_t unit_factor(enum conf_kind kind, const char *unit)
{
	if (*unit == '\0')
		return kind == CONF_KIND_MS ? 1000 : 1;
	if (strcmp(unit, "s") == 0 && kind != CONF_KIND_NUMBER && kind != CONF_KIND_PCR)
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

static enum kb_err set_pcr(uint32_t *out, const struct conf_key *key, const char *value)
{
	if (strcmp(value, "none") != 0)
		return set_number(out, key, value);
	*out = 0;
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

/* With the units of root-overlay-size=, and no more digits than INT64_MAX has; 0: no limit. */
static enum kb_err set_bytes(uint64_t *out, const struct conf_key *key, const char *value)
{
	uint64_t v;

	if (strspn(value, "0123456789") > 19 || strchr(value, 'T') != NULL)
		return KB_EINVAL;
	if (bytes_size(&v, value, INT64_MAX) != KB_OK || (v != 0 && v < key->min))
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

static bool is_name(const char *value, const char *ok)
{
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

/* A part of it that leads nowhere else: "//", "/./", or a '/' at its end. */
static bool has_idle_part(const char *path)
{
	for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/'))
		if (at[1] == '/' || at[1] == '\0' ||
		    (at[1] == '.' && (at[2] == '/' || at[2] == '\0')))
			return true;
	return false;
}

/* By one spelling: two of them would be two devices to whoever compares. */
static bool is_device(const char *value)
{
	return has_prefix(value, "/dev/") && !has_dotdot(value) && !has_idle_part(value);
}

bool conf_value_is_spec(const char *value)
{
	static const char *const tags[] = { "PARTLABEL=", "PARTUUID=", "LABEL=", "UUID=" };

	if (!is_printable(value) || strlen(value) > CONF_SPEC_MAX)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (has_prefix(value, tags[i]))
			return true;
	return is_device(value);
}

static bool is_overlay(const char *value)
{
	return strcmp(value, "off") == 0 || strcmp(value, "tmpfs") == 0 ||
	       conf_value_is_spec(value);
}

/* tmpfs takes what is larger than the memory, and then there is no bound. */
static bool is_size(const char *value)
{
	char digits[CONF_SIZE_MAX + 1];
	size_t n = strspn(value, "0123456789");
	uint64_t v;

	if (n >= sizeof(digits) || value[n] == '\0' || value[n + 1] != '\0')
		return false;
	memcpy(digits, value, n);
	digits[n] = '\0';
	if (bytes_decimal(&v, digits, UINT32_MAX) != KB_OK || v == 0)
		return false;
	return value[n] == '%' ? v <= 90 : strchr("KMG", value[n]) != NULL;
}

/* Where a token may be sent: what stands before an '@' would not be the host. */
static bool is_url(const char *value)
{
	const char *host = has_prefix(value, "https://")  ? value + 8
			   : has_prefix(value, "http://") ? value + 7
							  : NULL;

	return host != NULL && *host != '/' && *host != ':' &&
	       host[strcspn(host, " @?#\\")] == '\0' && !has_dotdot(host);
}

static bool text_fits(enum conf_kind kind, const char *value)
{
	switch (kind) {
	case CONF_KIND_TEXT:
		return true;
	case CONF_KIND_NAME:
		return is_name(value, CONF_COMPATIBLE_CHARS ",");
	case CONF_KIND_COMPATIBLE:
		return is_name(value, CONF_COMPATIBLE_CHARS);
	case CONF_KIND_PATH:
		return has_prefix(value, "/") && !has_dotdot(value);
	case CONF_KIND_PATH_OR_NOT:
		return *value == '\0' || (has_prefix(value, "/") && !has_dotdot(value));
	case CONF_KIND_KEY:
		return *value == '\0' || has_prefix(value, "pkcs11:") ||
		       (has_prefix(value, "/") && !has_dotdot(value));
	case CONF_KIND_SUBPATH:
		return *value != '\0' && *value != '/' && !has_dotdot(value);
	case CONF_KIND_SUBPATHS:
		return conf_paths_are_valid(value);
	case CONF_KIND_SPEC:
		return conf_value_is_spec(value);
	case CONF_KIND_STORE:
		return *value == '\0' || conf_value_is_spec(value) ||
		       (has_prefix(value, "/") && !has_dotdot(value));
	case CONF_KIND_URL:
		return *value == '\0' || is_url(value);
	case CONF_KIND_OVERLAY:
		return is_overlay(value);
	case CONF_KIND_SIZE:
		return is_size(value);
	case CONF_KIND_DEVICE:
		return strcmp(value, "auto") == 0 || strcmp(value, "off") == 0 || is_device(value);
	case CONF_KIND_BOOL:
	case CONF_KIND_FS:
	case CONF_KIND_MEDIA:
	case CONF_KIND_COUNT:
	case CONF_KIND_HANDOVER:
	case CONF_KIND_BOOTSTATUS:
	case CONF_KIND_VERIFY:
	case CONF_KIND_SLOTS:
	case CONF_KIND_DATA:
	case CONF_KIND_LOADER:
	case CONF_KIND_COUNTER:
	case CONF_KIND_PARTIAL:
	case CONF_KIND_NUMBER:
	case CONF_KIND_PCR:
	case CONF_KIND_JUMP:
	case CONF_KIND_SECONDS:
	case CONF_KIND_MS:
	case CONF_KIND_BYTES:
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

enum kb_err conf_value_set(struct conf *c, const struct conf_key *key, const char *value)
{
	void *out = (char *)c + key->offset;

	switch (key->kind) {
	case CONF_KIND_BOOL:
		return set_bool(out, value);
	case CONF_KIND_FS:
	case CONF_KIND_MEDIA:
		return set_bits(out, key->kind, value);
	case CONF_KIND_COUNT:
	case CONF_KIND_HANDOVER:
	case CONF_KIND_BOOTSTATUS:
	case CONF_KIND_VERIFY:
	case CONF_KIND_SLOTS:
	case CONF_KIND_DATA:
	case CONF_KIND_LOADER:
	case CONF_KIND_COUNTER:
	case CONF_KIND_PARTIAL:
		return set_word(out, key->kind, value);
	case CONF_KIND_PCR:
		return set_pcr(out, key, value);
	case CONF_KIND_JUMP:
		return set_jump(out, value);
	case CONF_KIND_BYTES:
		return set_bytes(out, key, value);
	case CONF_KIND_NUMBER:
	case CONF_KIND_SECONDS:
	case CONF_KIND_MS:
		return set_number(out, key, value);
	case CONF_KIND_TEXT:
	case CONF_KIND_NAME:
	case CONF_KIND_COMPATIBLE:
	case CONF_KIND_PATH:
	case CONF_KIND_SUBPATH:
	case CONF_KIND_SUBPATHS:
	case CONF_KIND_PATH_OR_NOT:
	case CONF_KIND_KEY:
	case CONF_KIND_SPEC:
	case CONF_KIND_STORE:
	case CONF_KIND_URL:
	case CONF_KIND_OVERLAY:
	case CONF_KIND_SIZE:
	case CONF_KIND_DEVICE:
		return set_text(out, key, value);
	}
	return KB_EINVAL;
}
