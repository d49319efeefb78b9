# SPDX-License-Identifier: Apache-2.0
# What the shipped health checks of the running system share. For a POSIX shell (busybox sh).
# shellcheck shell=sh

# Elsewhere for tests.
KEELBOOT=${KEELBOOT_CONF-/etc/keelboot}
CONF=$KEELBOOT/health
# shellcheck disable=SC2034 # the checks'
PROC=${KEELBOOT_PROC-/proc}

# The check fails: its last line is what a person sees.
fail() {
	printf '%s\n' "$*${shorter-}"
	exit 1
}

# setting NAME DEFAULT: $value becomes that of NAME=VALUE in the file of this check, if there is one.
setting() {
	value=
	if [ -f "$CONF/$CHECK" ]; then
		value=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$CONF/$CHECK" |
			sed -n '1s/[[:space:]]*$//p')
	fi
	value=${value:-$2}
}

# Shells read 010 as eight, and wrap what is too long.
is_number() {
	case $1 in
	'' | *[!0-9]* | 0?* | ?????????????*) return 1 ;;
	esac
}

# number NAME DEFAULT [WHAT]: a setting that is a whole number.
number() {
	setting "$1" "$2"
	is_number "$value" || fail "$1=$value in $CONF/$CHECK: expected ${3-a number}"
}

# size NAME DEFAULT: $kib becomes a setting such as 16M, 1G, 512K or bytes, as KiB.
size() {
	setting "$1" "$2"
	count=${value%[KMG]}
	is_number "$count" || fail "$1=$value in $CONF/$CHECK: expected a number and K, M or G"
	case $value in
	*K) kib=$count ;;
	*M) kib=$((count * 1024)) ;;
	*G) kib=$((count * 1024 * 1024)) ;;
	*) kib=$((count / 1024)) ;;
	esac
}

# Seconds since the kernel started: nobody sets that clock meanwhile.
look_at_clock() {
	read -r now _ </proc/uptime
	now=${now%.*}
}

# Ten seconds before its own time is over a check ends by itself: it could not say why when it is killed.
heed_timeout() {
	is_number "${KEELBOOT_TIMEOUT-}" || return 0
	most=$((KEELBOOT_TIMEOUT > 10 ? KEELBOOT_TIMEOUT - 10 : 0))
	[ "$value" -gt "$most" ] || return 0
	shorter=" (after $most s, not within=$value: each check may take $KEELBOOT_TIMEOUT s)"
	value=$most
}

# within DEFAULT COMMAND...: tries it until it succeeds, for the seconds of the setting within=. $left has what is left of them.
within() {
	number within "$1" 'a number of seconds'
	heed_timeout
	shift
	look_at_clock
	end=$((now + value))
	while left=$((end - now)) && ! "$@"; do
		look_at_clock
		[ "$now" -lt "$end" ] || return 1
		sleep 1
		look_at_clock
	done
}

# A setting that is mistyped would leave the default in force, in silence. The comment of a check names those that it has.
refuse_unknown_settings() {
	[ -f "$CONF/$CHECK" ] || return 0
	known='' leave='s/^[[:space:]]*//;/^[#;[]/d;/^$/d'
	for name in $(sed -n 's/^#   \([a-z]*\)=.*/\1/p' "$0"); do
		known="$known $name=" leave="$leave;/^$name[[:space:]]*=/d"
	done
	unknown=$(sed "$leave" "$CONF/$CHECK" | sed -n '1s/[[:space:]]*$//p')
	[ -z "$unknown" ] || fail "$unknown in $CONF/$CHECK: this check has no such setting${known:+; it has$known}"
}

refuse_unknown_settings
