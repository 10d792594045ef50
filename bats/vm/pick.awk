# SPDX-License-Identifier: Apache-2.0
#
# awk -v tags="LANE..." -v day=N -f pick.awk FILE.bats: the file for guests. A guest reads all of a file for each test, at a
# tenth of the speed: what has none of the tags is left out. With a day, a test that could run on the host as well, whose
# title does not end with what it needs in parentheses, is there every third day; and one that is both vm's and vm-systemd's
# is on one day in the one, on the next in the other (each of them after four days, if it could run on the host).
/^# lanes: / && !/host| -/ { only_here = 1 } # in guests alone
/^# bats file_tags=/ { all = substr($0, 18) }
{ line[NR] = $0 }
function has(list, name) { return index("," list ",", "," name ",") }
function here_is(name) { return index(" " tags " ", " " name " ") }
function wanted(list,  n, i, names) {
	n = split(list, names, ",")
	for (i = 1; i <= n; i++)
		if (here_is(names[i]))
			return 1
	return 0
}
function its_day(list, elsewhere,  others, turn) {
	others = list
	gsub(/vm-systemd(,|$)|vm(,|$)/, "", others)
	if (!has(list, "vm") || !has(list, "vm-systemd") || wanted(others))
		return !elsewhere || (n++ + day) % 3 == 0
	turn = (n_both++ + day) % (elsewhere ? 4 : 2)
	return turn == 0 && here_is("vm") || turn == (elsewhere ? 2 : 1) && here_is("vm-systemd")
}
END {
	n = n_both = length(FILENAME) # not all files' first tests on one day
	for (i = 1; i <= NR; i++) {
		if (line[i] ~ /^# bats test_tags=/) {
			list = substr(line[i], 18)
			continue
		}
		if (line[i] !~ /^@test /) {
			print line[i]
			continue
		}
		both = all (all != "" && list != "" ? "," : "") list
		keep = wanted(both) && (day == "" || its_day(both, !only_here && line[i] !~ /\)" \{$/))
		if (keep && list != "")
			print "# bats test_tags=" list
		list = ""
		for (; i <= NR; i++) {
			if (keep)
				print line[i]
			if (line[i] == "}" && line[i + 1] == "")
				break
		}
	}
}
