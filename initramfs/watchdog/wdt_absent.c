/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/watchdog/wdt_absent.h"

#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define PLATFORM    "/sys/bus/platform/devices"
#define DEVICES_MAX 256
#define DEVICE_LEN  64
#define LIST_MAX    2048

/* The kernel takes either for the other in a module's name: sp5100_tco's device is "sp5100-tco". */
static bool is_same_letter(char a, char b)
{
	return a == b || (strchr("-_", a) != NULL && strchr("-_", b) != NULL);
}

/* A device "iTCO_wdt.1.auto" of the driver iTCO_wdt that no driver has. */
static bool is_refused(const char *device, const char *driver)
{
	size_t len = 0;
	char path[160];

	while (driver[len] != '\0' && device[len] != '\0' &&
	       is_same_letter(device[len], driver[len]))
		len++;
	if (driver[len] != '\0' || (device[len] != '\0' && device[len] != '.'))
		return false;
	snprintf(path, sizeof(path), PLATFORM "/%s/driver", device);
	return !os_exists(path);
}

static bool has_refused(const char *driver)
{
	static char device[DEVICES_MAX][DEVICE_LEN]; /* too large for a stack of process 1 */
	unsigned n = 0;

	if (os_list(PLATFORM, device, DEVICES_MAX, &n) != KB_OK)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (is_refused(device[i], driver))
			return true;
	}
	return false;
}

void wdt_absent(char *out, size_t size)
{
	static char list[LIST_MAX];
	unsigned packed = 0;

	out[0] = '\0';
	if (os_read_file(WDT_ABSENT_LIST, list, sizeof(list), NULL) != KB_OK)
		return;
	for (char *name = list, *end; *name != '\0'; name = end) {
		end = name + strcspn(name, "\n");
		if (*end != '\0')
			*end++ = '\0';
		if (*name == '\0')
			continue;
		packed++;
		if (!has_refused(name))
			continue;
		snprintf(
			out, size,
			"watchdog: driver %.32s refused the hardware: the firmware may have disabled it; see dmesg",
			name);
		return;
	}
	if (packed > 0)
		snprintf(
			out, size,
			"watchdog: %u packed drivers found no hardware; pack the right one, or switch it on in the firmware",
			packed);
}
