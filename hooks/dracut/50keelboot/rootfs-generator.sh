#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut with systemd: only without Keelboot there is a device of root= to wait for.
# shellcheck disable=SC1091 # what the distribution brings

type getargbool >/dev/null 2>&1 || . /lib/dracut-lib.sh
[ -e /etc/keelboot/enable-ignored ] || getargbool 1 keelboot.enable || keelboot_off=yes
if [ -e /run/keelboot/aside ] || [ "${keelboot_off-}" = yes ]; then
	exec /usr/lib/keelboot/rootfs-generator "$@"
fi
