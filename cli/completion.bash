# SPDX-License-Identifier: Apache-2.0
# Completion of keelboot(1) for bash. Made from the command's own help: tests/test_completion.py --write
# shellcheck shell=bash disable=SC2207

_keelboot_words() {
	case $1 in
	'') echo status mark stage unstage install switch history check doctor check-config state bundle key image version help --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	status) echo --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	mark) echo bad booted clean good other --reason --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	stage) echo --progress --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	unstage) echo --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	install) echo --again --progress --reboot --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	switch) echo other --force --once --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	history) echo --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	check) echo --json --timeout --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	doctor) echo --json --sys-root --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	check-config) echo --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	state) echo export init show --bundle --floor --force --good --json --offset --sequence --size --slots --state --text --trial --version --conf-root --run-dir --slot --verbose --wait --help ;;
	bundle) echo create sign verify inspect extract ;;
	'bundle create') echo --allow-downgrade --build --chunk-size --compatible --compress --description --floor --help --image --key --level --output --sequence --sig-capacity --threads --verity --version ;;
	'bundle sign') echo --attach --emit-digest --help --key --output ;;
	'bundle verify') echo --help --json --key --keys --signatures-required ;;
	'bundle inspect') echo --help --json --key --keys --signatures-required ;;
	'bundle extract') echo --help --image --key --keys --output --signatures-required ;;
	key) echo generate show ;;
	'key generate') echo --help --json --output --type ;;
	'key show') echo --help --json --output --type ;;
	image) echo build boot loop disk kernel ;;
	version) echo --conf-root --offset --run-dir --size --slot --state --verbose --wait --help ;;
	help) echo status mark stage unstage install switch history check doctor check-config state bundle key image version help ;;
	esac
}

# Options whose value is the next word.
_keelboot_takes_value() {
	case $1 in
	--attach | --build | --bundle | --chunk-size | --compatible | --conf-root | --description | --emit-digest | --floor | --good | --image | --key | --keys | --level | --offset | --output | --reason | --run-dir | --sequence | --sig-capacity | --signatures-required | --size | --slot | --slots | --state | --sys-root | --threads | --timeout | --trial | --type | --version | --wait | -n | -o) return 0 ;;
	esac
	return 1
}

_keelboot() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' i

	for ((i = 1; i < COMP_CWORD; i++)); do
		if _keelboot_takes_value "${COMP_WORDS[i]}"; then
			i=$((i + 1))
		elif [[ ${COMP_WORDS[i]} != -* ]]; then
			verb="$verb ${COMP_WORDS[i]}"
			case $verb in
			' bundle' | ' key') ;;
			*) break ;;
			esac
		fi
	done
	COMPREPLY=()
	if ! _keelboot_takes_value "$prev"; then
		COMPREPLY=($(compgen -W "$(_keelboot_words "${verb# }")" -- "$cur"))
	fi
	if [[ ${#COMPREPLY[@]} -eq 0 && -n $verb ]] || _keelboot_takes_value "$prev"; then
		compopt -o filenames 2>/dev/null
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

complete -F _keelboot keelboot
