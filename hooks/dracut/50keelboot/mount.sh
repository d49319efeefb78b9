#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: mounts what Keelboot chooses; docs/INTEGRATE.md has the contract.
# shellcheck disable=SC1091,SC2154 # what the distribution brings

keelboot_mount() {
	. /run/keelboot/root.env
	mount -t "$KEELBOOT_FSTYPE" -o "ro${KEELBOOT_OPTIONS:+,$KEELBOOT_OPTIONS}" "$KEELBOOT_ROOT" "$NEWROOT" && return
	keelboot_call fail "initramfs cannot mount it"
}

# dracut's own mount hook, which comes behind this one, mounts what root= names.
keelboot_step_aside() {
	root=$keelboot_root
	case $root in
	LABEL=* | UUID=* | PARTUUID=* | PARTLABEL=*) root=$(label_uuid_to_dev "$root") ;;
	esac
	keelboot_round=0
	while [ ! -b "$root" ] && [ "$keelboot_round" -lt 60 ]; do
		sleep 0.5
		keelboot_round=$((keelboot_round + 1))
	done
	root=block:$root
}

if [ "$root" = keelboot ]; then
	. /usr/lib/keelboot/call.sh
	keelboot_call choose
	case $? in
	0) keelboot_mount ;;
	1) keelboot_step_aside ;;
	*) emergency_shell "Keelboot cannot choose a root" ;;
	esac
fi
