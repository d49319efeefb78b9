# SPDX-License-Identifier: Apache-2.0
# What hardware asks for each of some modules: "MODULE PATTERN" a line, or "MODULE" for one that names none. And the files
# that it is loaded from: "MODULE /FILE" or "MODULE /FILE PARAMETERS" a line, in their order, unless modprobe has rules for
# one of them: "given" has the names of those. Reads the names of the modules, a line each, then modules.dep and
# modules.alias; leaves out a module that the kernel has built in, or lacks.
function same(name)
{
	gsub("-", "_", name)
	return name
}
function name_of(path)
{
	sub(/.*\//, "", path)
	sub(/\.ko.*/, "", path)
	return same(path)
}
# The BMC's timer is no device of its own: it is where the BMC's interface is.
BEGIN {
	goes_with["ipmi_si"] = "ipmi_watchdog"
	# A watchdog that a reboot stops does not cover a shutdown that hangs.
	parameters["watchdog"] = " stop_on_reboot=0"
	count = split(given, names, " ")
	for (i = 1; i <= count; i++)
		has_rules[same(names[i])] = 1
}
FNR == 1 { file++ }
file == 1 {
	order[++n] = same($1)
	wanted[order[n]] = 1
	next
}
file == 2 {
	name = name_of($1)
	there[name] = 1
	if (!(name in wanted))
		next
	sub(/:$/, "", $1)
	for (i = NF; i > 0; i--) {
		files[name] = files[name] " " $i
		if (name_of($i) in has_rules)
			has_rules[name] = 1
	}
	next
}
$1 == "alias" && (same($NF) in wanted) {
	name = same($NF)
	patterns[name] = patterns[name] $2 "\n"
	if (name in goes_with)
		patterns[goes_with[name]] = patterns[goes_with[name]] $2 "\n"
}
END {
	for (i = 1; i <= n; i++) {
		if (!(order[i] in there))
			continue
		count = split(patterns[order[i]], pattern, "\n") - 1
		for (k = 1; k <= count; k++)
			print order[i], pattern[k]
		if (count < 1)
			print order[i]
		count = order[i] in has_rules ? 0 : split(files[order[i]], file_of, " ")
		for (k = 1; k <= count; k++)
			print order[i], "/" file_of[k] parameters[name_of(file_of[k])]
	}
}
