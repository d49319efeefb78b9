#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: arms the watchdog before anything can hang.

while read -r keelboot_module; do
	modprobe -q "$keelboot_module" || :
done </etc/keelboot/watchdog-modules
/usr/lib/keelboot/keelboot-select arm || :
