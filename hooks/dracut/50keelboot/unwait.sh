#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut with systemd: only without Keelboot has root= to be something that dracut knows. The queue of 106 would wait
# for its device, too.
# shellcheck disable=SC2034,SC2154 # dracut's

if [ -e /etc/keelboot/enable-ignored ] || getargbool 1 keelboot.enable; then
	[ -n "${root-}${root_unset-}" ] || root=keelboot
	rootok=1
	# No other hook came before: these waits are for root=.
	for keelboot_wait in "$hookdir"/initqueue/finished/devexists-*.sh; do
		[ -e "$keelboot_wait" ] || continue
		{
			echo 'if [ -e /run/keelboot/aside ]; then'
			while IFS= read -r keelboot_line; do
				printf '%s\n' "$keelboot_line"
			done <"$keelboot_wait"
			echo 'fi'
		} >"$keelboot_wait.new" && mv "$keelboot_wait.new" "$keelboot_wait"
	done
fi
