#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: its init starts what getarg prints for init=, or before 104 for real_init=. Nothing in
# /etc/cmdline.d comes before the command line, whose init= Keelboot has read.
# shellcheck disable=SC1091 # what the initramfs has

# dracut's own.
keelboot_getarg() (
	. /lib/dracut-lib.sh && getarg "$@"
)

keelboot_starts() {
	. /run/keelboot/root.env
	# As ever, it ends as the command line has init=: then words behind that are for the program.
	getarg() {
		case $1 in
		real_init= | init=)
			printf '%s\n' "$KEELBOOT_INIT"
			keelboot_getarg init= >/dev/null
			;;
		*) keelboot_getarg "$@" ;;
		esac
	}
}

[ ! -e /run/keelboot/root.env ] || keelboot_starts
