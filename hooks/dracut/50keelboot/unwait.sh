#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut 106 with systemd: its queue waits for the device of root=, which must be there only without Keelboot.
# shellcheck disable=SC2154 # dracut's

if getargbool 1 keelboot.enable; then
	# No other hook came before: these waits are for root=.
	for keelboot_wait in "$hookdir"/initqueue/finished/devexists-*.sh; do
		[ -e "$keelboot_wait" ] || continue
		{
			echo 'if [ -e /run/keelboot/aside ]; then'
			cat "$keelboot_wait"
			echo 'fi'
		} >"$keelboot_wait.new" && mv "$keelboot_wait.new" "$keelboot_wait"
	done
fi
