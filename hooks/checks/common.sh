# SPDX-License-Identifier: Apache-2.0
# What the shipped checks share; mkinitramfs packs it with them. For a POSIX shell (busybox sh).
# shellcheck shell=sh

CONF=/etc/keelboot/checks

# The check fails: its last line is what the history keeps.
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

# in_root PATH: where PATH of the slot is, with every link followed as it will be once the slot is
# "/": absolute ones too stay below KEELBOOT_ROOT. Fails on a loop.
in_root() {
	left=$1 where="" links=0
	while [ -n "$left" ]; do
		left=${left#/}
		part=${left%%/*}
		case $left in
		*/*) left=${left#*/} ;;
		*) left="" ;;
		esac
		case $part in
		'' | .) ;;
		..) where=${where%/*} ;;
		*)
			if [ -L "$KEELBOOT_ROOT$where/$part" ]; then
				links=$((links + 1))
				[ "$links" -le 40 ] || return 1
				target=$(readlink "$KEELBOOT_ROOT$where/$part") || return 1
				case $target in
				/*) where="" ;;
				esac
				left=$target/$left
			else
				where=$where/$part
			fi
			;;
		esac
	done
	printf '%s\n' "$KEELBOOT_ROOT$where"
}

# number DEVICE OFFSET BYTES: an unsigned little-endian number on it.
number() {
	dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -v -tu1 | {
		sum=0 weight=1
		while read -r line; do
			for byte in $line; do
				sum=$((sum + byte * weight))
				weight=$((weight * 256))
			done
		done
		printf '%s\n' "$sum"
	}
}
