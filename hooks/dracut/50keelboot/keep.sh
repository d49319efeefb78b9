#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut: rd.hostonly=0 removes what the image has for its host alone, and these two with it. No other hook came before.
# shellcheck disable=SC2154 # dracut's

# A system that sleeps remembers its disks as they were before Keelboot looked at them.
[ -e /etc/cmdline.d/50-keelboot.conf ] || echo noresume >/etc/cmdline.d/50-keelboot.conf
# Of 059, the folder, too.
[ -e "$hookdir/initqueue/finished/10-finished.sh" ] || {
	mkdir -p "$hookdir/initqueue/finished"
	echo ". /usr/lib/keelboot/finished.sh" >"$hookdir/initqueue/finished/10-finished.sh"
}
