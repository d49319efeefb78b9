# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# How the scripts of an initramfs call Keelboot; they source this file. A keelboot-select that cannot run, or dies, never
# ends a boot at a prompt.

keelboot_say() {
	echo "<3>keelboot: $1" >/dev/kmsg
}

# Never ends: what would come behind it is a prompt.
keelboot_restart() {
	sleep 10
	while :; do
		echo b >/proc/sysrq-trigger
		reboot -f
		sleep 60
	done
}

# In the spellings of keelboot-select, for which the last one counts.
keelboot_is_disabled() {
	read -r keelboot_words </proc/cmdline
	keelboot_words=" $keelboot_words "
	keelboot_words=" ${keelboot_words##* keelboot.enable=}"
	case $keelboot_words in
	" 0 "* | " no "* | " off "* | " n "*) return 0 ;;
	esac
	return 1
}

# What system.conf said when this initramfs was made: keelboot_required of pack.sh.
keelboot_is_required() {
	[ -e /etc/keelboot/required ] || return
	read -r keelboot_required </etc/keelboot/required
	[ "$keelboot_required" = always ] || ! keelboot_is_disabled
}

# It never ran in this boot, so no watchdog counts, and no slot was charged.
keelboot_cannot_run() {
	[ ! -e /run/keelboot/aside ] || return 1
	if keelboot_is_required; then
		keelboot_say "keelboot-select cannot run (exit $1), and system.conf wants no boot without it: restarting in 10 s"
		keelboot_restart
	fi
	keelboot_say "keelboot-select cannot run (exit $1): this boot goes on without Keelboot; make the initramfs anew"
	mkdir -p /run/keelboot && echo "keelboot-select cannot run" >/run/keelboot/aside
	return 1
}

# 2: a call of "fail" comes next.
keelboot_died() {
	keelboot_say "keelboot-select $1 ended with $2"
	[ "$1" = fail ] || return 2
	keelboot_restart
}

# keelboot_call CALL [ARGUMENT]: as keelboot-select ends, and 1 where it cannot run.
keelboot_call() {
	/usr/lib/keelboot/keelboot-select "$@"
	keelboot_status=$?
	if [ "$keelboot_status" -lt 126 ]; then
		return "$keelboot_status"
	elif [ -e /run/keelboot/root.env ] || /usr/lib/keelboot/keelboot-select --version >/dev/null 2>&1; then
		keelboot_died "$1" "$keelboot_status"
	else
		keelboot_cannot_run "$keelboot_status"
	fi
}
