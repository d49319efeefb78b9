#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dracut: an image for this host opens the slots that do not run, too. Behind the module crypt, which keeps the lines of
# crypttab that the running slot needs.
# shellcheck disable=SC1091,SC2046,SC2154 # what the distribution brings

. /usr/lib/keelboot/pack.sh

# called by dracut
check() {
	local -
	set +o pipefail
	[ -n "$(keelboot_missing)" ] || [ -z "$(keelboot_mapped)" ] || return 0
	return 255
}

# called by dracut: what opens them, whatever the running slot is
depends() {
	local -
	set +o pipefail
	echo keelboot $(keelboot_slots_need "$dracutsysrootdir/etc/crypttab")
}

# called by dracut
installkernel() {
	case " $(depends) " in
	*" crypt "*) hostonly='' instmods dm_crypt =crypto ;;
	esac
}

# called by dracut
install() {
	local - name rest
	set +o pipefail
	[ -n "$hostonly" ] && [ -f "$dracutsysrootdir/etc/crypttab" ] || return 0
	while read -r name rest; do
		grep -qs "^${name}[[:space:]]" "$initdir/etc/crypttab" || echo "$name $rest" >>"$initdir/etc/crypttab"
	done < <(keelboot_crypttab "$dracutsysrootdir/etc/crypttab")
}
