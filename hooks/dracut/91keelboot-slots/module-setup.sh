#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dracut: an image for this host opens the slots that do not run, too. Behind the module crypt, which keeps the lines of
# crypttab that the running slot needs.
# shellcheck disable=SC1091,SC2046,SC2086,SC2154 # what the distribution brings

. /usr/lib/keelboot/pack.sh

# called by dracut
check() {
	local -
	set +o pipefail
	[ -n "$(keelboot_missing)" ] || [ -z "$(keelboot_mapped)" ] || return 0
	return 255
}

# Under systemd, that opens containers. Where no disk of this host is one, its module says 255: only if somebody asks. dracut's
# own module of systemd asks; but from 108 on it comes before this one, and sees no crypt.
want_systemd() {
	[ "$1" = "${1#*crypt}" ] || ! dracut_module_included systemd || {
		module_check systemd-cryptsetup >/dev/null 2>&1
		[ $? -ne 255 ] || echo systemd-cryptsetup
	}
}

# called by dracut: what opens them, whatever the running slot is
depends() {
	local - need
	set +o pipefail
	need=$(keelboot_slots_need "$dracutsysrootdir/etc/crypttab")
	echo keelboot $need $(want_systemd "$need")
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
