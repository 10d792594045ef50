# SPDX-License-Identifier: Apache-2.0
#
# awk -v tags="LANE..." -v day=N -f pick.awk FILE.bats: the file for guests. A guest reads all of a file for each test, at a
# tenth of the speed: what has none of the tags is left out. With a day, a test that could run on the host as well, whose
# title does not end with what it needs in parentheses, is there every second day.
/^# lanes: / && !/host| -/ { here = 1 } # in guests alone
{ line[NR] = $0 }
function wanted(list,  n, i, names) {
	n = split(list, names, ",")
	for (i = 1; i <= n; i++)
		if (index(" " tags " ", " " names[i] " "))
			return 1
	return 0
}
END {
	for (i = 1; i <= NR; i++) {
		if (line[i] ~ /^# bats file_tags=/ && wanted(substr(line[i], 18)))
			whole = 1
		if (line[i] ~ /^# bats test_tags=/) {
			list = substr(line[i], 18)
			continue
		}
		if (line[i] !~ /^@test /) {
			print line[i]
			continue
		}
		keep = whole || wanted(list)
		if (keep && day != "" && !here && line[i] !~ /\)" \{$/)
			keep = (n++ + day) % 2 == 0
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
