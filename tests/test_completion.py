# SPDX-License-Identifier: Apache-2.0
"""cli/completion.bash, .zsh and .fish are made from the command's own help, and these shells complete by them.

`python3 tests/test_completion.py --write` writes them anew.
"""

import re
import shutil
import sys

import pytest
from conftest import TOP    # and the folders of the other modules
from cli_device import OK, call, run

FOLDER = TOP / "cli"
FILES = {shell: FOLDER / f"completion.{shell}" for shell in ("bash", "zsh", "fish")}
GROUPS = ("bundle", "channel", "key", "image")     # verbs that have verbs
MADE = "# Completion of keelboot(1) for {}. Made from the command's own help: tests/test_completion.py --write\n"
HEADS = {
    "bash": "# SPDX-License-Identifier: Apache-2.0\n" + MADE.format("bash")
            + "# shellcheck shell=bash disable=SC2207\n",
    "zsh": "#compdef keelboot\n# SPDX-License-Identifier: Apache-2.0\n" + MADE.format("zsh"),
    "fish": "# SPDX-License-Identifier: Apache-2.0\n" + MADE.format("fish"),
}
# Of bash and zsh.
TABLES = """
_keelboot_words() {
	case $1 in
@WORDS@	esac
}

# Options whose value is the next word.
_keelboot_takes_value() {
	case $1 in
@VALUED@) return 0 ;;
	esac
	return 1
}

# The values of those that take one of a few: by verb and option.
_keelboot_values() {
	case "$1 $2" in
@CHOICES@	esac
}
"""
BASH = """
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
			@GROUPS@) ;;
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
ZSH = """
_keelboot() {
	local cur=${words[CURRENT]} prev=${words[CURRENT - 1]} verb= i
	local -a offers

	if [[ $cur == --*=* ]]; then
		prev=${cur%%=*}
		compset -P '*='
	fi
	for ((i = 2; i < CURRENT; i++)); do
		if _keelboot_takes_value "${words[i]}"; then
			((i += 1))
		elif [[ ${words[i]} != -* ]]; then
			verb="$verb ${words[i]}"
			case $verb in
			@GROUPS@) ;;
			*) break ;;
			esac
		fi
	done
	if _keelboot_takes_value "$prev"; then
		offers=(${=$(_keelboot_values "${verb# }" "$prev")})
		if ((! $#offers)); then
			_files
			return
		fi
	else
		offers=(${=$(_keelboot_words "${verb# }")})
	fi
	compadd -a offers || { [[ -n $verb && $cur != -* ]] && ! _keelboot_takes_value "$prev" && _files; }
}

_keelboot "$@"
"""
FISH = """
function __keelboot_words
    switch "$argv[1]"
@WORDS@    end
end

# Options whose value is the next word.
function __keelboot_takes_value
    contains -- "$argv[1]" @VALUED@
end

# The values of those that take one of a few: by verb and option.
function __keelboot_values
    switch "$argv[1] $argv[2]"
@CHOICES@    end
end

function __keelboot_verb
    set -l verb
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if __keelboot_takes_value $word
            set skip 1
        else if not string match -q -- '-*' $word
            set -a verb $word
            contains -- "$verb" @GROUPS@; or break
        end
    end
    echo "$verb"
end

function __keelboot_offers
    set -l verb (__keelboot_verb)
    set -l prev (commandline -opc)[-1]
    set -l cur (commandline -ct)
    if string match -q -- '--*=*' $cur
        set -l option (string split -m 1 = -- $cur)[1]
        for value in (__keelboot_values $verb $option)
            echo $option=$value
        end
    else if __keelboot_takes_value $prev
        __keelboot_values $verb $prev
    else
        __keelboot_words $verb
    end
end

# Files, where nothing is known to fit.
function __keelboot_wants_file
    set -l verb (__keelboot_verb)
    set -l prev (commandline -opc)[-1]
    if __keelboot_takes_value $prev
        test -z (__keelboot_values $verb $prev | string collect)
    else
        test -n "$verb"
    end
end

complete -c keelboot -f -a '(__keelboot_offers)'
complete -c keelboot -n __keelboot_wants_file -F
"""


def told(*args) -> str:
    return run(*args, code=OK).stdout


def rows(text: str) -> list:
    """The names in a list of verbs."""
    return re.findall(r"^  ([a-z][a-z-]*)  +\S", text.split("\nAnywhere")[0], re.M)


def options(text: str) -> list:
    return sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*(?![a-z\d-])", text.split("\nAnywhere")[0])))


def operands(verb: str, text: str) -> list:
    """The literal words of the usage lines: "good|bad [booted|other|SLOT]"."""
    usage = re.sub(r"--[a-z-]+(=\S+| [A-Z]+)?", "", text.split("\n\n")[0])
    words = re.findall(r"[A-Za-z-]+", usage.replace("Usage: ", ""))
    return sorted({w for w in words if re.fullmatch(r"[a-z]+(-[a-z]+)*", w)} - {"keelboot", f"keelboot-{verb}", verb})


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


def words_of() -> dict:
    """{verb: what may follow it}."""
    everywhere = options(told("help").split("\nAnywhere")[1]) + ["--help"]
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
    return {name: list(dict.fromkeys(words)) for name, words in table.items()}


def values_of(texts: dict) -> dict:
    """{"stage --progress": its values}."""
    return {f"{verb} {name}": words for verb, text in texts.items() for name, words in choices(text).items()}


def label(name: str) -> str:
    return f"'{name}'" if " " in name or not name else name


def render() -> dict:
    """The files, by shell."""
    words, texts = words_of(), all_help()
    shell = "".join(f"\t{label(name)}) echo {' '.join(some)} ;;\n" for name, some in words.items())
    values = "".join(f"\t'{name}') echo {' '.join(some)} ;;\n" for name, some in values_of(texts).items())
    tables = TABLES.replace("@WORDS@", shell).replace("@VALUED@", "\t" + " | ".join(valued(texts))).replace(
        "@CHOICES@", values)

    def cases(table: dict) -> str:
        return "".join(f"        case {label(name)}\n            printf '%s\\n' {' '.join(some)}\n"
                       for name, some in table.items())
    fish = FISH.replace("@WORDS@", cases(words)).replace("@VALUED@", " ".join(valued(texts))).replace(
        "@CHOICES@", cases(values_of(texts))).replace("@GROUPS@", " ".join(GROUPS))
    bash, zsh = (text.replace("@GROUPS@", " | ".join(f"' {verb}'" for verb in GROUPS)) for text in (BASH, ZSH))
    return {"bash": HEADS["bash"] + tables + bash, "zsh": HEADS["zsh"] + tables + zsh, "fish": HEADS["fish"] + fish}


# ---------------------------------------------------------------- the shells

def by_bash(words: list) -> list:
    split = (re.split("(=)", word) if word.startswith("--") else [word] for word in words)
    pieces = [piece for word in split for piece in word if piece]
    if not words[-1] or words[-1].endswith("=") and pieces[-1] != "=":
        pieces.append("")
    script = (f". '{FILES['bash']}'; COMP_WORDS=({' '.join(repr(w) for w in ('keelboot', *pieces))}); "
              f"COMP_CWORD={len(pieces)}; _keelboot; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return call("bash", "-c", script, cwd=TOP).stdout.split()


# A zsh at a terminal, in which Tab is pressed; what it is offered is printed. The terminal may not be in zsh's hands
# yet: it would take Ctrl-D for itself.
CAPTURE = r"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; stty -echo -onlcr; fpath=($FOLDER $fpath); autoload -U compinit; compinit -u -D -d $FOLDER/dump
compadd() { local -a hits; builtin compadd -O hits "$@"; print -rl -- "<"$^hits">"; builtin compadd "$@" }
done-line() { print -r -- "the"end; exit }; zle -N done-line; bindkey "^G" done-line; bindkey "^I" complete-word
print -r -- "the"start'
while zpty -r z line && [[ $line != *thestart* ]]; do :; done
zpty -w -n z "$1"$'\t\a'
while zpty -r z line; do
	print -rn -- "$line"
	[[ $line != *theend* ]] || break
done
"""


def by_zsh(words: list, folder) -> list:
    shutil.copy(FILES["zsh"], folder / "_keelboot")
    text = call("zsh", "-f", "-c", CAPTURE.replace("$FOLDER", str(folder)), "zsh", " ".join(["keelboot", *words]),
                cwd=TOP, timeout=60).stdout
    return re.findall(r"<([^<>\n]+)>", text)


def by_fish(words: list) -> list:
    lines = call("fish", "--no-config", "-c", f"source {FILES['fish']}; complete -C '{' '.join(['keelboot', *words])}'",
                 cwd=TOP).stdout.splitlines()
    return [line.split("\t")[0].split("=")[-1] for line in lines]


def offered(shell: str, words: list, folder) -> list:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    if shell == "zsh":
        return by_zsh(words, folder)
    return by_bash(words) if shell == "bash" else by_fish(words)


@pytest.mark.parametrize("shell", FILES)
def test_the_files_are_made_from_the_help(shell):
    assert FILES[shell].read_text() == render()[shell], "python3 tests/test_completion.py --write"


@pytest.mark.parametrize("shell", FILES)
@pytest.mark.parametrize("words, offers", [
    (["st"], {"status", "stage", "state"}),
    (["mark", ""], {"good", "bad", "booted", "other"}),
    (["switch", "--o"], {"--once"}),
    (["--state", "/dev/vda1", "install", "--a"], {"--again"}),
    (["state", ""], {"show", "init", "export"}),
    (["fleet", ""], {"once", "run", "status"}),
    (["channel", "create", "--perc"], {"--percent"}),
    (["bundle", ""], {"create", "sign", "verify", "inspect", "extract"}),
    (["bundle", "create", "--comp"], {"--compatible", "--compress"}),
    (["stage", "README"], {"README.md"}),
    (["--conf-root", "docs/ex"], {"docs/examples"}),
    (["help", "doc"], {"doctor"}),
    (["image", ""], {"build", "boot", "loop", "test"}),
    (["image", "test", "--r"], {"--roots"}),
    (["image", "test", "--accel", ""], {"auto", "kvm", "tcg"}),
    (["image", "boot", "--"], {"--initrd", "--watchdog"}),
    (["image", "build", "--module"], {"--module-set", "--modules-dir"}),
    (["stage", "--progress="], {"auto", "bar", "plain", "json", "none"}),
    (["install", "--progress=p"], {"plain"}),
    (["install", "--progress", "n"], {"none"}),
    (["key", "generate", "--type", ""], {"ed25519", "p256"}),
    (["--state=/dev/vda1", "install", "--a"], {"--again"}),
])
def test_the_shell_offers(shell, words, offers, tmp_path):
    # zsh offers each folder of a path by itself.
    names = {word.rstrip("/").split("/")[-1] for word in offered(shell, words, tmp_path)}
    assert {word.split("/")[-1] for word in offers} <= names


@pytest.mark.parametrize("shell", FILES)
def test_the_shell_offers_nothing_that_does_not_fit(shell, tmp_path):
    assert offered(shell, ["switch", "--on"], tmp_path) == ["--once"]
    assert offered(shell, ["frob"], tmp_path) == []
    assert not {"--module-set", "--keys"} & set(offered(shell, ["image", "boot", "--"], tmp_path))
    assert offered(shell, ["stage", "--progress=x"], tmp_path) == []


def test_bash_offers_files_behind_an_equals_sign():
    assert by_bash(["--conf-root=docs/ex"]) == ["docs/examples"]


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python3 tests/test_completion.py --write")
    for name, rendered in render().items():
        FILES[name].write_text(rendered)
