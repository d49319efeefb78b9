#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: nothing waits for the device of root=, and none is needed. It is kept for mount.sh.

# Without Keelboot, dracut waits for its root as ever, and opens it.
[ -e /etc/keelboot/enable-ignored ] || getargbool 1 keelboot.enable || return 0

# A root from the network, or of a live medium, is no slot: it is left to dracut.
case ${netroot:-${root-}} in
nfs* | /dev/nfs | cifs* | iscsi* | nbd* | fcoe* | dhcp* | http* | live* | virtiofs*) ;;
*)
	keelboot_root=${root-}
	export keelboot_root
	root=keelboot
	# shellcheck disable=SC2034 # dracut's
	rootok=1
	;;
esac
