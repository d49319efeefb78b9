/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/token.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODULE	      "module-path="
#define PIN	      "pin-source=file:"
#define PIN_MAX	      255
/* The errors of a module, as libp11 passes them on: CKR_PIN_INCORRECT to CKR_PIN_LOCKED. */
#define MODULE_ERRORS "PKCS#11 module"
#define PIN_INCORRECT 0xa0u
#define PIN_LOCKED    0xa4u
#define REASON_MASK   0x7fffffu

bool token_is_uri(const char *key)
{
	return strncmp(key, "pkcs11:", 7) == 0;
}

static enum kb_err take_module(const char *attribute, size_t len)
{
	char path[CONF_PATH_MAX + 1];
	size_t skip = strlen(MODULE);

	snprintf(path, sizeof(path), "%.*s", (int)(len - skip), attribute + skip);
	if (path[0] == '/' && strchr(path, '%') == NULL &&
	    setenv("PKCS11_MODULE_PATH", path, 1) == 0)
		return KB_OK;
	log_err("[fleet] private-key=: module-path=%s: expected an absolute path without %%", path);
	return KB_EINVAL;
}

/* Whoever provisions the device has yet to write it. */
static bool is_empty_pin(const char *pin, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strchr(" \t\r\n", pin[i]) == NULL || pin[i] == '\0')
			return false;
	return true;
}

/* The engine takes a newline for a part of the PIN; and a few wrong ones lock a token. */
static enum kb_err check_pin(const char *attribute, size_t len)
{
	char path[CONF_PATH_MAX + 1], pin[PIN_MAX + 1];
	KB_CLEANUP_FD int fd = -1;
	size_t skip = strlen(PIN), n = 0;

	snprintf(path, sizeof(path), "%.*s", (int)(len - skip), attribute + skip);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || os_file_read(fd, 0, pin, sizeof(pin), &n) != KB_OK) {
		log_err("[fleet] private-key=: pin-source=file:%s: %s", path, strerror(errno));
		return KB_ENOENT;
	}
	if (is_empty_pin(pin, n)) {
		log_err("[fleet] private-key=: pin-source=file:%s: it is empty", path);
		return KB_ENOENT;
	}
	if (n <= PIN_MAX && memchr(pin, '\n', n) == NULL)
		return KB_OK;
	log_err("[fleet] private-key=: %s: expected a PIN and no newline, as printf %%s writes it",
		path);
	return KB_EINVAL;
}

/* What stands in the URI behind its '?'. taken: it is not for the engine. */
static enum kb_err take_attribute(const char *attribute, size_t len, bool *taken)
{
	*taken = strncmp(attribute, MODULE, strlen(MODULE)) == 0;
	if (*taken)
		return take_module(attribute, len);
	return strncmp(attribute, PIN, strlen(PIN)) == 0 ? check_pin(attribute, len) : KB_OK;
}

enum kb_err token_take(char uri[CONF_PATH_MAX + 1], const char *key)
{
	size_t used = strcspn(key, "?");
	const char *attribute = key + used;

	if (strstr(key, "pin-value") != NULL) {
		log_err("[fleet] private-key=: a PIN in system.conf is no secret; put it into a "
			"file, and name that: ?pin-source=file:/data/keelboot/pin");
		return KB_EINVAL;
	}
	snprintf(uri, CONF_PATH_MAX + 1, "%.*s", (int)used, key);
	/* Each has what stands before it: '?' or '&'. */
	while (*attribute != '\0') {
		size_t len = 1 + strcspn(attribute + 1, "&");
		bool taken;

		TRY(take_attribute(attribute + 1, len - 1, &taken));
		if (!taken) {
			snprintf(uri + used, CONF_PATH_MAX + 1 - used, "%c%.*s",
				 strchr(uri, '?') == NULL ? '?' : '&', (int)len - 1, attribute + 1);
			used += len;
		}
		attribute += len;
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- a PIN that was refused */

static uint64_t hash_file(uint64_t hash, const char *path)
{
	struct stat st;
	uint64_t facts[4] = { 0 };

	if (stat(path, &st) == 0) {
		facts[0] = (uint64_t)st.st_ino;
		facts[1] = (uint64_t)st.st_size;
		facts[2] = (uint64_t)st.st_mtim.tv_sec;
		facts[3] = (uint64_t)st.st_mtim.tv_nsec;
	}
	return bytes_hash(hash, facts, sizeof(facts));
}

uint64_t token_mark(const char *key)
{
	const char *pin = token_is_uri(key) ? strstr(key, PIN) : NULL;
	char path[CONF_PATH_MAX + 1];
	uint64_t hash;

	if (pin == NULL)
		return 0;
	pin += strlen(PIN);
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(pin, "&"), pin);
	hash = hash_file(bytes_hash(BYTES_HASH_START, key, strlen(key)), path);
	return (hash & INT64_MAX) | 1;
}

/* libcurl brings OpenSSL, which this program is not linked with. */
bool token_refused_pin(void)
{
	unsigned long (*take)(void) = (unsigned long (*)(void))dlsym(RTLD_DEFAULT, "ERR_get_error");
	const char *(*name)(unsigned long) =
		(const char *(*)(unsigned long))dlsym(RTLD_DEFAULT, "ERR_lib_error_string");
	bool refused = false;
	unsigned long error;

	while (take != NULL && name != NULL && (error = take()) != 0) {
		const char *of = name(error);
		unsigned long reason = error & REASON_MASK;

		refused = refused || (of != NULL && strcmp(of, MODULE_ERRORS) == 0 &&
				      reason >= PIN_INCORRECT && reason <= PIN_LOCKED);
	}
	return refused;
}
