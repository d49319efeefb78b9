#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut: the queue, which opens volumes, containers and arrays, is at work until the slots are open. Not forever: a boot
# with one slot is better than none, and the watchdog does not wait. Each call is a shell of its own.

# An array that lacks a disk is started without it: dracut's queue would do that much later.
keelboot_run_arrays() {
	[ ! -x /sbin/mdraid_start ] || [ -e /tmp/keelboot-arrays ] || {
		: >/tmp/keelboot-arrays
		/sbin/mdraid_start
	}
}

[ -e /run/keelboot/root.env ] || [ -e /run/keelboot/aside ] || {
	read -r keelboot_now _ </proc/uptime
	[ -e /tmp/keelboot-waits ] || echo "${keelboot_now%.*}" >/tmp/keelboot-waits
	read -r keelboot_since </tmp/keelboot-waits
	keelboot_waited=$((${keelboot_now%.*} - keelboot_since))
	[ "$keelboot_waited" -gt 20 ]
} || {
	/usr/lib/keelboot/keelboot-select missing >/dev/null
	[ $? -ne 2 ]
} || {
	[ "$keelboot_waited" -lt 15 ] || keelboot_run_arrays
	false
}
