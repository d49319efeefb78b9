#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut: the queue, which opens volumes, containers and arrays, is at work until the slots are open. Not forever: a boot
# with one slot is better than none. Each call is a shell of its own.
# shellcheck disable=SC1091 # what the initramfs has

# An array that lacks a disk is started without it: dracut's queue would do that much later.
keelboot_run_arrays() {
	[ ! -x /sbin/mdraid_start ] || [ -e /tmp/keelboot-arrays ] || {
		: >/tmp/keelboot-arrays
		/sbin/mdraid_start
	}
}

# The watchdog may count less than the queue waits. With systemd, `choose` waits for no queue.
keelboot_arm_again() {
	[ -z "${DRACUT_SYSTEMD-}" ] || return
	keelboot_armed=0
	[ ! -e /tmp/keelboot-armed ] || read -r keelboot_armed </tmp/keelboot-armed
	[ $((${keelboot_now%.*} - keelboot_armed)) -ge 5 ] || return
	echo "${keelboot_now%.*}" >/tmp/keelboot-armed
	. /usr/lib/keelboot/call.sh
	keelboot_call arm
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
	keelboot_arm_again
	[ "$keelboot_waited" -lt 15 ] || keelboot_run_arrays
	false
}
