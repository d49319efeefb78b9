# SPDX-License-Identifier: Apache-2.0
# What hardware asks for each of some modules: "MODULE PATTERN" a line, or "MODULE" for one that names none. Reads their
# names, a line each, then modules.dep and modules.alias; passes over a module that the kernel has built in, or does not have.
function same(name)
{
	gsub("-", "_", name)
	return name
}
# The BMC's timer is no device of its own: it is where the BMC's interface is.
BEGIN { goes_with["ipmi_si"] = "ipmi_watchdog" }
FNR == 1 { file++ }
file == 1 {
	order[++n] = same($1)
	wanted[order[n]] = 1
	next
}
file == 2 {
	name = $1
	sub(/:$/, "", name)
	sub(/.*\//, "", name)
	sub(/\.ko.*/, "", name)
	there[same(name)] = 1
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
	}
}
