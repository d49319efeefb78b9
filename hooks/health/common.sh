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
	printf '%s\n' "$*"
	exit 1
}

# setting NAME DEFAULT: the value of NAME=VALUE in the file of this check, if there is one.
setting() {
	value=
	if [ -f "$CONF/$CHECK" ]; then
		value=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$CONF/$CHECK" |
			sed -n '1s/[[:space:]]*$//p')
	fi
	printf '%s\n' "${value:-$2}"
}

# kib SIZE: 16M, 1G, 512K or bytes, as KiB.
kib() {
	case $1 in
	*K) echo $((${1%K})) ;;
	*M) echo $((${1%M} * 1024)) ;;
	*G) echo $((${1%G} * 1024 * 1024)) ;;
	*) echo $(($1 / 1024)) ;;
	esac
}

# within SECONDS COMMAND...: tries it until it succeeds, for so long.
within() {
	left=$1
	shift
	until "$@"; do
		[ "$left" -gt 0 ] || return 1
		left=$((left - 1))
		sleep 1
	done
}
