# SPDX-License-Identifier: Apache-2.0
# The modules of the sets in module-sets.ini that the variable "sets" names, a name a line.
BEGIN {
	n = split(sets, names, " ")
	for (i = 1; i <= n; i++)
		wanted[names[i]] = 1
}
/^#/ { next }
/^\[/ {
	take = (substr($1, 2, length($1) - 2) in wanted)
	key = ""
	next
}
/^[a-z-]+ *=/ {
	key = $1
	sub(/^[^=]*=/, "")
}
take && (key == "helpers" || key == "modules" || key == "soc") {
	for (i = 1; i <= NF; i++)
		print $i
}
