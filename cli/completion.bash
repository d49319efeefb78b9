# SPDX-License-Identifier: Apache-2.0
# Completion of keelboot(1) for bash. Made from the command's own help: tests/test_completion.py --write
# shellcheck shell=bash disable=SC2207

_keelboot_words() {
	case $1 in
	'') echo status mark stage unstage install switch reset-data history why check health guard measure loader doctor check-config adopt state fleet bundle channel key image version help --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	status) echo --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	mark) echo bad booted clean good other --reason --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	stage) echo --by-fleet --index --progress --ranges --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	unstage) echo --by-fleet --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	install) echo --again --progress --reboot --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	switch) echo other --force --once --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	reset-data) echo --cancel --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	history) echo --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	why) echo --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	check) echo --json --timeout --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	health) echo check commit migrate watch --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	guard) echo bad begin clean good status why --json --reason --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	measure) echo --compatible --json --pcr --text --tier --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	loader) echo install keep status --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	doctor) echo --json --sys-root --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	check-config) echo --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	adopt) echo --commands --compatible --data --dry-run --from --key --sequence --sys-root --version --yes --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	state) echo export init show --bundle --floor --force --good --json --offset --sequence --size --slots --state --text --trial --version --conf-root --run-dir --slot --verbose --wait --help ;;
	fleet) echo once run status --conf-root --dry-run --help --json --keelboot --metrics --now --run-dir --version --when-due --offset --size --slot --state --verbose --wait ;;
	bundle) echo create sign verify inspect extract ;;
	'bundle create') echo --allow-downgrade --build --chunk-size --compatible --compress --description --floor --frame-size --from --full --help --image --key --level --output --processor --recompress --sequence --sig-capacity --threads --verity --version ;;
	'bundle sign') echo --attach --emit-digest --help --key --output ;;
	'bundle verify') echo --from --help --json --key --keys --signatures-required ;;
	'bundle inspect') echo --from --help --json --key --keys --signatures-required ;;
	'bundle extract') echo --from --help --image --key --keys --output --signatures-required ;;
	channel) echo create sign inspect ;;
	'channel create') echo --attribute --daily --expires --from --help --name --not-after --not-before --output --percent --sequence --url --valid --withdrawn ;;
	'channel sign') echo --attach --emit-digest --help --key --output ;;
	'channel inspect') echo --help --json --key --keys --signatures-required ;;
	key) echo generate show ;;
	'key generate') echo --help --json --output --type ;;
	'key show') echo --help --json --output --type ;;
	image) echo build boot loop test disk kernel ;;
	'image build') echo --add --addon --busybox --check --cmdline --compress --conf --conf-dir --debug-shell --firmware-dir --for-this-machine --guardian --help --helper --hooks --init --keys --level --load-all --module --module-set --modules-dir --os-release --output --programs --stub --sys --uki --uki-certificate --uki-key --uname --verbose --window ;;
	'image boot') echo --accel --append --cpu --disk --dry-run --firmware --help --initrd --kernel --log --memory --no-reboot --nvme --qemu-arg --sd --smp --usb --watchdog ;;
	'image loop') echo --accel --append --boots --cpu --disk --firmware --help --initrd --json --kernel --log --mark --memory --nvme --qemu-arg --quiet --sd --smp --then --timeout --usb --watchdog ;;
	'image test') echo --accel --append --boot-limit --bundle --bus --compatible --conf --firmware --help --initrd --jobs --kernel --key --limit --memory --modules-dir --no-watchdog --output --quiet --roots --scenario --smp ;;
	'image disk') echo --extract --fs --help --list --part --replace --sector --seed --size --table ;;
	'image kernel') echo --arch --deb --dir --extract --help --package --print --suite --update ;;
	version) echo --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	help) echo status mark stage unstage install switch reset-data history why check health guard measure loader doctor check-config adopt state fleet bundle channel key image version help ;;
	esac
}

# Options whose value is the next word.
_keelboot_takes_value() {
	case $1 in
	--accel | --add | --allow-downgrade | --append | --arch | --attach | --attribute | --boot-limit | --boots | --build | --bundle | --bus | --busybox | --check | --chunk-size | --cmdline | --compatible | --compress | --conf | --conf-dir | --conf-root | --cpu | --daily | --data | --deb | --description | --dir | --disk | --emit-digest | --expires | --extract | --firmware | --firmware-dir | --floor | --frame-size | --from | --fs | --full | --good | --guardian | --helper | --hooks | --image | --index | --init | --initrd | --jobs | --keelboot | --kernel | --key | --keys | --level | --limit | --log | --mark | --memory | --module | --module-set | --modules-dir | --name | --not-after | --not-before | --nvme | --offset | --os-release | --output | --package | --part | --pcr | --percent | --processor | --programs | --progress | --qemu-arg | --reason | --recompress | --replace | --roots | --run-dir | --scenario | --sd | --seed | --sequence | --sig-capacity | --signatures-required | --size | --slot | --slots | --smp | --state | --stub | --suite | --sys | --sys-root | --table | --then | --threads | --tier | --timeout | --trial | --type | --uki | --uki-certificate | --uki-key | --uname | --url | --usb | --valid | --version | --wait | --window | --withdrawn | -n | -o) return 0 ;;
	esac
	return 1
}

# The values of those that take one of a few: by verb and option.
_keelboot_values() {
	case "$1 $2" in
	'stage --progress') echo auto bar plain json none ;;
	'install --progress') echo auto bar plain json none ;;
	'key --type') echo ed25519 p256 ;;
	'bundle create --allow-downgrade') echo yes no ;;
	'bundle create --compress') echo auto zstd none ;;
	'bundle create --full') echo yes no ;;
	'bundle create --recompress') echo yes no ;;
	'key generate --type') echo ed25519 p256 ;;
	'key show --type') echo ed25519 p256 ;;
	'image build --compress') echo none gzip lz4 zstd xz ;;
	'image loop --then') echo wait reset cut button ;;
	'image test --accel') echo auto kvm tcg ;;
	'image test --bus') echo virtio nvme usb sd ;;
	'image disk --table') echo gpt mbr ;;
	'image kernel --arch') echo amd64 arm64 armhf riscv64 s390x ;;
	esac
}

_keelboot() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' i

	# bash makes three words of --option=value.
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i + 1]} == = ]]; then
			i=$((i + 2))
		elif _keelboot_takes_value "${COMP_WORDS[i]}"; then
			i=$((i + 1))
		elif [[ ${COMP_WORDS[i]} != -* ]]; then
			verb="$verb ${COMP_WORDS[i]}"
			case $verb in
			' bundle' | ' channel' | ' key' | ' image') ;;
			*) break ;;
			esac
		fi
	done
	COMPREPLY=()
	if _keelboot_takes_value "$prev"; then
		COMPREPLY=($(compgen -W "$(_keelboot_values "${verb# }" "$prev")" -- "$cur"))
	else
		COMPREPLY=($(compgen -W "$(_keelboot_words "${verb# }")" -- "$cur"))
	fi
	if [[ ${#COMPREPLY[@]} -eq 0 && -z $(_keelboot_values "${verb# }" "$prev") ]] &&
		{ [[ -n $verb ]] || _keelboot_takes_value "$prev"; }; then
		compopt -o filenames 2>/dev/null
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

complete -F _keelboot keelboot
