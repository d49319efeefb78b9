# SPDX-License-Identifier: Apache-2.0
"""cli/completion.bash is made from the command's own help, and bash completes by it.

`python3 tests/test_completion.py --write` writes it anew.
"""

import re
import sys

import pytest
from conftest import TOP    # and the folders of the other modules
from cli_device import OK, call, run

FILE = TOP / "cli" / "completion.bash"
GROUPS = ("bundle", "key", "image")     # verbs that have verbs
HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# Completion of keelboot(1) for bash. Made from the command's own help: tests/test_completion.py --write
# shellcheck shell=bash disable=SC2207

_keelboot_words() {
	case $1 in
"""
TAIL = """\
	esac
}

# Options whose value is the next word.
_keelboot_takes_value() {
	case $1 in
@VALUES@) return 0 ;;
	esac
	return 1
}

# The values of those that take one of a few: by verb and option.
_keelboot_values() {
	case "$1 $2" in
@CHOICES@	esac
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
			' bundle' | ' key' | ' image') ;;
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
"""


def told(*args) -> str:
    return run(*args, code=OK).stdout


def rows(text: str) -> list:
    """The names in a list of verbs."""
    return re.findall(r"^  ([a-z][a-z-]*)  +\S", text.split("\nEverywhere")[0], re.M)


def options(text: str) -> list:
    return sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text.split("\nEverywhere")[0])))


def operands(verb: str, text: str) -> list:
    """The literal words of the usage lines: "good|bad [booted|other|SLOT]"."""
    usage = re.sub(r"--[a-z-]+(=\S+| [A-Z]+)?", "", text.split("\n\n")[0])
    words = re.findall(r"[A-Za-z-]+", usage.replace("Usage: ", ""))
    return sorted({w for w in words if re.fullmatch(r"[a-z]+(-[a-z]+)*", w)} - {"keelboot", verb})


def all_help() -> dict:
    """The help of each verb; "" is the list of them."""
    texts = {"": told("help"), **{verb: told("help", verb) for verb in rows(told("help"))}}
    texts.update({f"{verb} {sub}": told(verb, sub, "--help") for verb in GROUPS for sub in rows(texts[verb])})
    return texts


def choices(text: str) -> dict:
    """{"--progress": ["auto", ...]}, from "--progress=auto|bar", "--type ed25519|p256" and "--then {cut,wait}"."""
    either = re.findall(r"(--[a-z][a-z-]*)[= ]([a-z][\w-]*(?:\|[a-z][\w-]*)+)", text)
    braces = re.findall(r"(--[a-z][a-z-]*) {([a-z][\w,-]*)}", text)
    return {name: re.split(r"[|,]", words) for name, words in sorted(set(either + braces))}


def valued(texts: dict) -> list:
    """Options that take the next word."""
    text = "".join(texts.values())
    return sorted(set(re.findall(r"(--[a-z][a-z-]*) (?:[A-Z]|a:)", text)) | set(choices(text)) | {"-n", "-o"})


def render() -> str:
    everywhere = options(told("help").split("\nEverywhere")[1]) + ["--help"]
    table = {"": rows(told("help")) + everywhere}
    for verb in rows(told("help")):
        text = told("help", verb)
        if verb in GROUPS:
            names = rows(text)
            table[verb] = names
            for sub in names:
                table[f"{verb} {sub}"] = options(told(verb, sub, "--help"))
        elif verb == "help":
            table[verb] = rows(told("help"))
        else:
            table[verb] = operands(verb, text) + options(text) + everywhere
    cases = ""
    for name, words in table.items():
        label = f"'{name}'" if " " in name or not name else name
        cases += f"\t{label}) echo {' '.join(dict.fromkeys(words))} ;;\n"
    texts = all_help()
    values = "".join(f"\t'{verb} {name}') echo {' '.join(words)} ;;\n"
                     for verb, text in texts.items() for name, words in choices(text).items())
    return HEAD + cases + TAIL.replace("@VALUES@", "\t" + " | ".join(valued(texts))).replace("@CHOICES@", values)


def complete(*words) -> list:
    """What bash offers for the last word."""
    script = (f". '{FILE}'; COMP_WORDS=({' '.join(repr(w) for w in ('keelboot', *words))}); "
              f"COMP_CWORD={len(words)}; _keelboot; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return call("bash", "-c", script, cwd=TOP).stdout.split()


def test_the_file_is_made_from_the_help():
    assert FILE.read_text() == render(), "python3 tests/test_completion.py --write"


@pytest.mark.parametrize("words, offers", [
    (["st"], {"status", "stage", "state"}),
    (["mark", ""], {"good", "bad", "booted", "other"}),
    (["switch", "--o"], {"--once"}),
    (["--state", "/dev/vda1", "install", "--a"], {"--again"}),
    (["state", ""], {"show", "init", "export"}),
    (["bundle", ""], {"create", "sign", "verify", "inspect", "extract"}),
    (["bundle", "create", "--comp"], {"--compatible", "--compress"}),
    (["stage", "README"], {"README.md"}),
    (["--conf-root", "docs/ex"], {"docs/examples"}),
    (["help", "doc"], {"doctor"}),
    (["image", ""], {"build", "boot", "loop"}),
    (["image", "boot", "--"], {"--initrd", "--watchdog"}),
    (["image", "build", "--module"], {"--module-set", "--modules-dir"}),
    (["stage", "--progress", "="], {"auto", "bar", "plain", "json", "none"}),
    (["install", "--progress", "=", "p"], {"plain"}),
    (["install", "--progress", "n"], {"none"}),
    (["key", "generate", "--type", ""], {"ed25519", "p256"}),
    (["--state", "=", "/dev/vda1", "install", "--a"], {"--again"}),
    (["--conf-root", "=", "docs/ex"], {"docs/examples"}),
])
def test_bash_offers(words, offers):
    assert offers <= set(complete(*words))


def test_bash_offers_nothing_that_does_not_fit():
    assert complete("switch", "--on") == ["--once"]
    assert complete("frob") == []
    assert not {"--module-set", "--keys"} & set(complete("image", "boot", "--"))
    assert complete("stage", "--progress", "=", "x") == []


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python3 tests/test_completion.py --write")
    FILE.write_text(render())
