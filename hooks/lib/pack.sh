# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the initramfs of a distribution needs of Keelboot: for the hook of each generator, which sources this file on the
# system that makes the initramfs. docs/INTEGRATE.md has the contract.

KEELBOOT_LIB=/usr/lib/keelboot
# shellcheck disable=SC1091
[ ! -r /etc/default/keelboot ] || . /etc/default/keelboot

# Sets that not every machine needs; the kernel of this one has loaded a module of them.
keelboot_sets_at_work() {
	for module in ipmi_si:watchdog-server ramoops:pstore squashfs:squashfs erofs:erofs dm_verity:verity; do
		[ ! -e "${KEELBOOT_SYS-/sys}/module/${module%:*}/initstate" ] || echo "${module#*:}"
	done
}

# Watchdogs, records of crashes, what slots are of, and what carries updates; the distribution brings the disks. An
# initramfs that installs nothing is a small one.
if [ -n "${KEELBOOT_SETS-}" ]; then
	:
elif [ "${KEELBOOT_APPLY-yes}" = no ]; then
	KEELBOOT_SETS="watchdog efi-pstore ext4 $(keelboot_sets_at_work)"
else
	KEELBOOT_SETS="watchdog-server watchdog pstore ext4 squashfs erofs verity usb sd vfat exfat"
fi

# The names of the modules of these sets.
keelboot_modules() {
	awk -v sets="$*" -f "$KEELBOOT_LIB/modules.awk" "$KEELBOOT_LIB/mkinitramfs.d/module-sets.ini"
}

# The names of modules for which modprobe has rules, by the files below the root $2; of the kernel in the folder of modules $1.
keelboot_ruled_modules() {
	for file in "$1/modules.softdep" "$2"/etc/modprobe.d/*.conf "$2"/usr/lib/modprobe.d/*.conf "$2"/lib/modprobe.d/*.conf \
		"$2"/run/modprobe.d/*.conf; do
		# The last line of a file may lack its end.
		[ ! -f "$file" ] || { cat "$file" && echo; }
	done |
		awk '$1 ~ /^(options|install|softdep|weakdep)$/ && !($2 == "watchdog" && $3 == "stop_on_reboot=0" && NF == 3) { print $2 }'
}

# What keelboot-select has to know of the watchdogs' drivers, of the kernel in the folder of modules $1, in an initramfs of
# the root $2 (none: of this system).
keelboot_watchdog_drivers() {
	keelboot_modules watchdog-server watchdog |
		awk -v given="$(keelboot_ruled_modules "$1" "${2-}" | tr '\n' ' ')" -f "$KEELBOOT_LIB/drivers.awk" - \
			"$1/modules.dep" "$1/modules.alias"
}

# Says so if the program of the boot is missing.
keelboot_no_select() {
	case $(keelboot_programs) in
	*/keelboot-select*) ;;
	*) echo "$KEELBOOT_LIB/keelboot-select is missing" ;;
	esac
}

# Why an initramfs is made without Keelboot, in one line. Nothing if all is there, or if none may be made: keelboot_error.
keelboot_missing() {
	if [ -e "${KEELBOOT_BOOT-/boot}/keelboot-adopt" ]; then
		echo "keelboot adopt has not finished: run it again"
	elif [ ! -f /etc/keelboot/system.conf ] && [ ! -f /usr/lib/keelboot/system.conf ]; then
		echo "there is no /etc/keelboot/system.conf"
	elif [ -z "$(keelboot_required)" ]; then
		keelboot_no_select
	fi
}

# Warnings, a line each: what a trial makes outlives its rejection, and what is wrong in system.conf is ignored by the boot.
keelboot_warning() {
	run=${KEELBOOT_RUN-/run/keelboot}
	[ -e "$run/good" ] || ! grep -qs '"status": *"trial"' "$run/boot.json" ||
		echo "slot $(cat "$run/slot") is on trial, and this initramfs starts the other slot, too: make it anew if the trial is rejected"
	! command -v keelboot >/dev/null || keelboot check-config 2>&1 >/dev/null | sed 's/^keelboot: //'
	keelboot_opened_words /etc/crypttab |
		sed 's/$/: dracut opens only what such words of the command line name, and waits for it: see keelboot doctor/'
}

# Such words, a line each, if slots are what they open; by the crypttab $1.
keelboot_opened_words() {
	words=
	read -r words 2>/dev/null <"${KEELBOOT_PROC-/proc}/cmdline" || [ -n "$words" ] || return 0
	for device in $(keelboot_mapped); do
		case $device in
		/dev/md*) kind=md ;;
		*) kind=lvm ;;
		esac
		! keelboot_crypttab "$1" | grep -q "^[[:space:]]*${device#/dev/mapper/}[[:space:]]" || kind=luks
		for word in $words; do
			case $kind/$word in
			md/rd.md.uuid=* | lvm/rd.lvm.lv=* | luks/rd.luks.uuid=* | luks/rd.luks.name=*) echo "$word" ;;
			esac
		done
	done | sort -u
}

# Into the initramfs in the folder $1: what each boot says where Keelboot is missing, for the reason $2.
keelboot_pack_missing() {
	mkdir -p "$1/etc/keelboot" "$1$KEELBOOT_LIB"
	rm -f "$1$KEELBOOT_LIB/keelboot-select"
	echo "$2" >"$1/etc/keelboot/missing"
	cp "$KEELBOOT_LIB/say-missing" "$1$KEELBOOT_LIB/"
}

# The programs, a line each: where it is, and where the initramfs wants it. Those that use the libraries of this
# system go first. Without keelboot-helper the initramfs installs nothing: KEELBOOT_APPLY=no.
keelboot_programs() {
	echo "$KEELBOOT_LIB/call.sh $KEELBOOT_LIB/call.sh"
	for program in keelboot-select keelboot-guardian keelboot-data keelboot-prober keelboot-helper; do
		[ "$program-${KEELBOOT_APPLY-yes}" != keelboot-helper-no ] || continue
		for folder in "$KEELBOOT_LIB/dynamic" "$KEELBOOT_LIB"; do
			[ -x "$folder/$program" ] || continue
			echo "$folder/$program $KEELBOOT_LIB/$program"
			break
		done
	done
}

# Those of these files and folders that there are, with these options of find; a link is what it leads to.
keelboot_find() {
	place=$1
	shift
	[ ! -e "$place" ] || find -L "$place" "$@" -type f -print
}

# system.conf and its drop-ins.
keelboot_confs() {
	for folder in /etc/keelboot /usr/lib/keelboot; do
		keelboot_find "$folder/system.conf"
		keelboot_find "$folder/system.conf.d" -maxdepth 1 -name '[!.]*.conf'
	done
}

# Where the boot may look for keys.
keelboot_keyrings() {
	{
		echo /etc/keelboot/keys
		keelboot_confs | while IFS= read -r file; do
			awk '/^[ \t\r]*\[/ { ours = /^[ \t\r]*\[keyring\]/ }
				ours && sub(/^[ \t\r]*path[ \t]*[=:][ \t]*/, "") && /^\// { sub(/[ \t\r]+(;.*)?$/, ""); print }' "$file"
		done
	} | sort -u
}

# Public keys: an initramfs is on a disk that is not encrypted, and anybody may read it.
keelboot_keys() {
	keelboot_keyrings | while IFS= read -r folder; do
		keelboot_find "$folder" -maxdepth 1 -name '[!.]*.pem' | while IFS= read -r file; do
			if grep -q 'PRIVATE KEY' "$file"; then
				echo "keelboot: $file: a private key, which is left out of the initramfs; move it to where the releases are signed" >&2
			else
				printf '%s\n' "$file"
			fi
		done
		keelboot_find "$folder/retired.d" -maxdepth 1
	done
}

# What the boot reads, a path a line: configuration, public keys, hooks, and the settings of the checks among them.
# Nothing else of /etc/keelboot, where secrets may lie; KEELBOOT_FILES in /etc/default/keelboot adds what hooks need.
keelboot_files() {
	keelboot_confs
	keelboot_keys
	for place in /usr/lib/keelboot/hooks /etc/keelboot/checks ${KEELBOOT_FILES-}; do
		keelboot_find "$place"
	done
}

# The text of system.conf, in all its files.
keelboot_conf() {
	keelboot_confs | while IFS= read -r file; do
		cat "$file"
	done
}

# Whether system.conf names a device by a path: then volumes may need to be opened before a slot is chosen.
keelboot_names_paths() {
	keelboot_conf | grep -q /dev/
}

# The devices that system.conf names and that somebody has to open, a path a line: volumes, containers, arrays.
keelboot_mapped() {
	keelboot_conf | sed -n 's,^[^#;]*[=:][[:space:]]*\(/dev/[^[:space:]:]*\).*,\1,p' |
		grep -E '^/dev/(md|[^/]+/)' | grep -v '^/dev/disk/' | sort -u
}

# The lines of the crypttab $1 that open a slot, or that are marked for an initramfs: a volume group may lie on those.
keelboot_crypttab() {
	[ -r "$1" ] || return 0
	names=$(keelboot_mapped | sed -n 's,^/dev/mapper/,,p')
	awk -v names="$names" '
		BEGIN { n = split(names, name, "\n"); for (i = 1; i <= n; i++) slot[name[i]] = 1 }
		/^[ \t]*#/ || NF < 2 { next }
		$1 in slot || $4 ~ /(^|,)(initramfs|x-initrd.attach)(,|$)/ { print }' "$1"
}

# The modules of dracut that open the slots, by the crypttab $1.
keelboot_slots_need() {
	mapped=$(keelboot_mapped)
	[ -z "$mapped" ] || [ -z "$(keelboot_crypttab "$1")" ] || echo crypt
	for device in $mapped; do
		case $device in
		/dev/md*) echo mdraid ;;
		*) keelboot_crypttab "$1" | grep -q "^[[:space:]]*${device#/dev/mapper/}[[:space:]]" || echo lvm ;;
		esac
	done | sort -u
}

# Whether system.conf wants no boot without Keelboot, for where keelboot-select cannot run and say so: "yes"; "always" if
# keelboot.enable=0 does not count, too; else nothing. One line that says so is enough, whatever comes behind it.
keelboot_required() {
	{
		keelboot_values system verify-slot | sed -n '/^always$/p'
		keelboot_values system command-line | sed -n '/^all$/d; /enable/d; s/.*/locked/p'
		keelboot_values initramfs required | sed -nE 's/^(yes|1|true)$/yes/p'
	} | awk '
		{ said[$0] = 1 }
		END { if (said["always"] || said["yes"] && said["locked"]) print "always"; else if (said["yes"]) print "yes" }'
}

# Where an initramfs lacks Keelboot for the reason $1: why it must not be made, in one line; nothing if it may be.
keelboot_refuses() {
	[ -z "$1" ] || [ -z "$(keelboot_required)" ] || echo "$1, and system.conf wants no boot without Keelboot"
}

# Whether this initramfs may ask a person or a server how to unlock a disk: by the files "$@", such as /etc/crypttab.
# KEELBOOT_UNLOCK=yes or no says so for what else may ask.
keelboot_asks() {
	[ -z "${KEELBOOT_UNLOCK-}" ] || {
		[ "$KEELBOOT_UNLOCK" = yes ]
		return
	}
	cat "$@" /dev/null 2>/dev/null | awk '
		/^[ \t]*#/ || NF < 2 || $4 ~ /(^|,)(swap|tmp)/ { next }
		NF == 2 || $3 == "none" || $3 == "-" || $4 ~ /keyscript=/ { asks = 1 }
		END { exit !asks }'
}

# Whether keelboot-select ignores keelboot.enable=0. One line that says so is enough, whatever comes behind it: dracut's
# scripts then leave the wait for root= to keelboot-select, which knows better.
keelboot_ignores_enable() {
	keelboot_values system verify-slot | grep -qx always ||
		keelboot_values system command-line | grep -Evq '^all$|(^|,)keelboot[.]enable(,|$)'
}

# Into the initramfs in the folder $1: what keelboot-select, or a script where that cannot run, has to know.
keelboot_pack_notes() {
	mkdir -p "$1/etc/keelboot"
	! keelboot_ignores_enable || : >"$1/etc/keelboot/enable-ignored"
	required=$(keelboot_required)
	[ -z "$required" ] || echo "$required" >"$1/etc/keelboot/required"
	! keelboot_asks /etc/crypttab /etc/crypttab.initramfs || : >"$1/etc/keelboot/unlock"
}

# Whether this initramfs installs releases: only then a stick is worth a wait.
keelboot_installs() {
	case $(keelboot_programs) in
	*/keelboot-helper*) ;;
	*) return 1 ;;
	esac
}

# The same for systemd, whose generator keelboot-select is: where that cannot run, nothing else wants its units, or says so.
keelboot_pack_units() {
	units=$1/etc/systemd/system
	mkdir -p "$units/initrd.target.wants"
	cat >"$units/keelboot-unable.service" <<-EOF
		[Unit]
		DefaultDependencies=no
		ConditionPathExists=!/run/systemd/generator.early/sysroot.mount
		$(keelboot_ignores_enable || printf 'ConditionKernelCommandLine=!keelboot.enable=%s\n' 0 no off n)
		[Service]
		Type=oneshot
		ExecStart=-/bin/sh -c '. $KEELBOOT_LIB/call.sh; keelboot_call --version'
	EOF
	ln -sf ../keelboot-unable.service "$units/initrd.target.wants/"
	settle=$(keelboot_may_wait 30)
	if ! keelboot_installs || [ "$settle" -lt 30 ]; then
		mkdir -p "$units/keelboot-select.service.d"
		{
			printf '[Service]\nExecStartPre=\n'
			! keelboot_installs || printf 'ExecStartPre=-%s\n' "$KEELBOOT_LIB/keelboot-select arm" "udevadm settle --timeout=$settle"
		} >"$units/keelboot-select.service.d/keelboot.conf"
	fi
	[ -e "$1/etc/keelboot/required" ] || return 0
	mkdir -p "$units/sysroot.mount.d"
	printf '[Unit]\nRequires=keelboot-select.service\nAfter=keelboot-select.service\n' >"$units/sysroot.mount.d/keelboot.conf"
	for unit in emergency rescue dracut-emergency; do
		mkdir -p "$units/$unit.service.d"
		cat >"$units/$unit.service.d/keelboot.conf" <<-EOF
			[Service]
			ExecStartPre=-/bin/sh -c '. $KEELBOOT_LIB/call.sh; keelboot_call fail "initramfs cannot enter it"'
		EOF
	done
}

# Whether in the folder $1 a library that the program $2 uses is missing, or was cut off.
keelboot_lacks_library() {
	for library in $(ldd "$2" 2>/dev/null | grep -o '/[^ ]*'); do
		for copy in $(find "$1" -name "${library##*/}"); do
			! cmp -s "$copy" "${copy#"$1"}" || continue 2
		done
		return 0
	done
	return 1
}

# Why the initramfs in the folder $1 cannot start keelboot-select, if that can be tried: for another processor it cannot,
# or by a user who may not. The libraries that it uses may have got no room. Where the folder is mounted noexec, no
# program starts, whole as it is; then the libraries are only looked at.
keelboot_unusable() {
	for program in "$KEELBOOT_LIB/dynamic/keelboot-select" "$KEELBOOT_LIB/keelboot-select"; do
		[ ! -x "$program" ] || break
	done
	"$program" --version >/dev/null 2>&1 || return 0
	# Where there is no loader yet, the generator adds all libraries at its end.
	for loader in "$1"/lib*/ld-*.so* "$1"/lib/*/ld-*.so* "$1"/usr/lib*/ld-*.so*; do
		[ -e "$loader" ] || continue
		# mkosi's script ends with what fails.
		status=0
		chroot "$1" "$KEELBOOT_LIB/keelboot-select" --version >/dev/null 2>&1 || status=$?
		[ "$status" -ge 126 ] || return 0
		copy=$1$KEELBOOT_LIB/keelboot-select
		if ! cmp -s "$program" "$copy" || "$copy" --version >/dev/null 2>&1 || keelboot_lacks_library "$1" "$program"; then
			echo "keelboot-select does not start in it"
		fi
		return 0
	done
}

# What all files have for a key of system.conf, a line each: section $1, key $2. Each spelling counts that the boot knows.
keelboot_values() {
	keelboot_confs | while IFS= read -r file; do
		echo '[]' && cat "$file" && echo
	done | awk -v section="[$1]" -v key="$2" '
		{ sub(/^\357\273\277/, ""); sub(/[#;].*/, ""); gsub(/[ \t\r]/, "") }
		/^\[/ { sub(/\].*/, "]"); at = $0 }
		at == section && match($0, /[=:]/) && substr($0, 1, RSTART - 1) == key { print substr($0, RSTART + 1) }'
}

# The seconds that something may wait before `choose`: $1, or two thirds of what the watchdog counts, if that is less: nothing
# feeds it meanwhile. Of all files, the smallest number counts.
keelboot_may_wait() {
	keelboot_values watchdog timeout | awk -v most="$1" '
		/^[0-9]+s?$/ && $0 + 0 >= 1 && $0 + 0 <= 65535 && (!least || $0 + 0 < least) { least = $0 + 0 }
		END {
			wait = int((least ? least : 60) * 2 / 3)
			print (wait < 1 ? 1 : wait < most + 0 ? wait : most)
		}'
}

# For the systemd of an initramfs: how long it waits for a device that is gone. And it leaves the watchdog alone, which the
# host's own settings, packed beside, may want of it: it would feed what hangs.
keelboot_system_conf() {
	# Then the watchdog is fed meanwhile.
	if keelboot_asks /etc/crypttab /etc/crypttab.initramfs; then
		wait=40
	else
		wait=$(keelboot_may_wait 40)
	fi
	printf '[Manager]\nDefaultDeviceTimeoutSec=%ss\nRuntimeWatchdogSec=0\n' "$wait"
}

# Whether the boot measures what it chose.
keelboot_measures() {
	keelboot_values measure pcr | grep -qvx none
}

# Whether the kernel in the folder of modules $1 may have a driver of a TPM.
keelboot_has_tpm() {
	[ -e "$1/modules.dep" ] || return 0
	for module in $(keelboot_modules tpm); do
		! grep -Eqs "/$(echo "$module" | sed 's/[-_]/[-_]/g')\\.ko" "$1/modules.dep" "$1/modules.builtin" || return 0
	done
	return 1
}

# What must not be made, in one line; nothing if all is well. The kernel is the one in the folder of modules $1.
keelboot_error() {
	refused=$(keelboot_refuses "$(keelboot_no_select)")
	if [ -n "$refused" ]; then
		echo "$refused"
		return
	fi
	keelboot_measures || return 0
	keelboot_installs || {
		echo "[measure] pcr= is set, and keelboot-helper, which measures, is missing; remove KEELBOOT_APPLY=no, or pcr="
		return
	}
	keelboot_has_tpm "$1" ||
		echo "[measure] pcr= is set, and the kernel of $1 has no driver of a TPM; remove pcr=, or take another kernel"
}

# Of a TPM.
! keelboot_measures || KEELBOOT_SETS="$KEELBOOT_SETS tpm"
