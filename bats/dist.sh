#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# dist.sh VERSION COMMIT ARCH...: build/dist/hull-VERSION (DIST_DIR) of what the Makefile has built, and a tar archive of
# it. No byte depends on where, when or by whom it is made.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1 commit=$2
shift 2
top=${DIST_DIR:-$PWD/build/dist} dir=$top/hull-$version
time=$(git log -1 --format=%ct 2>/dev/null || echo "${SOURCE_DATE_EPOCH:-0}")

die() {
	printf 'dist.sh: %s\n' "$*" >&2
	exit 1
}

# What is linked: name in build/ARCH/deps/licenses, name of the source package, licence (SPDX License List)
linked="musl musl MIT
libseccomp libseccomp LGPL-2.1-only
libcap libcap2 BSD-3-Clause OR GPL-2.0-only
cJSON cjson MIT
libdbus dbus AFL-2.1 OR GPL-2.0-or-later"

# The libraries of all architectures must be of the same sources.
sources() {
	local package=$1 arch first=build/$2/deps/src/$1
	shift
	[ -e "$first/sources" ] || die "nothing tells what $package was built of (make distclean)"
	for arch; do
		cmp -s "$first/sources" "build/$arch/deps/src/$package/sources" ||
			die "$package was built of other sources for $arch than for $1 (make distclean)"
	done
	jq -Rn '[inputs / " " | {sha256: .[0], file: .[1]}]' <"$first/sources"
}

libraries() {
	local name package licence
	while read -r name package licence; do
		jq -n --arg name "$name" --arg licence "$licence" --argjson sources "$(sources "$package" "$@")" \
			--arg version "$(cut -d ' ' -f 2 <"build/$1/deps/src/$package/version")" '$ARGS.named'
	done <<<"$linked"
	# gcc's own: a few functions for what a processor cannot do in one instruction, as Debian compiled them.
	jq -n --arg name libgcc --arg licence "GPL-3.0-or-later WITH GCC-exception-3.1" --argjson sources '[]' \
		--arg version "$(gcc -dumpfullversion)" '$ARGS.named'
}

# SPDX 2.3, JSON: hull, its files, and what each of them has linked.
spdx() {
	local files
	files=$(cd "$dir" && sha256sum hull-* | jq -Rn '[inputs / "  " | {sha256: .[0], name: .[1]}]')
	libraries "$@" | jq -s --arg version "$version" --arg commit "$commit" --argjson time "$time" --argjson files "$files" '{
		spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
		name: "hull-\($version)", documentNamespace: "https://spdx.org/spdxdocs/hull-\($version)-\($commit)",
		creationInfo: {created: ($time | todate), creators: ["Tool: hull-dist"]},
		packages: ([{
			SPDXID: "SPDXRef-hull", name: "hull", versionInfo: "\($version) (commit \($commit))",
			licenseDeclared: "Apache-2.0", licenseConcluded: "Apache-2.0", copyrightText: "NOASSERTION",
			downloadLocation: "NOASSERTION", filesAnalyzed: false
		}] + map({
			SPDXID: "SPDXRef-\(.name)", name, versionInfo: .version,
			licenseDeclared: .licence, licenseConcluded: .licence, copyrightText: "NOASSERTION",
			downloadLocation: "NOASSERTION", filesAnalyzed: false,
			checksums: [.sources[] | select(.file | test("\\.orig\\.tar\\.[a-z0-9]*$|^[^_]*\\.tar\\.[a-z0-9]*$")) | {algorithm: "SHA256", checksumValue: .sha256}],
			sourceInfo: (if .sources == [] then "as the compiler of Debian has it"
				else "built from " + ([.sources[] | "\(.file) (SHA256 \(.sha256))"] | join(", ")) end)
		})),
		files: [$files[] | {
			SPDXID: "SPDXRef-file-\(.name)", fileName: "./\(.name)", fileTypes: ["BINARY"],
			checksums: [{algorithm: "SHA256", checksumValue: .sha256}],
			licenseConcluded: "Apache-2.0", copyrightText: "NOASSERTION"
		}],
		relationships: ([
			{spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-hull"}
		] + [$files[] | {
			spdxElementId: "SPDXRef-hull", relationshipType: "CONTAINS", relatedSpdxElement: "SPDXRef-file-\(.name)"
		}] + map({
			spdxElementId: "SPDXRef-hull", relationshipType: "STATIC_LINK", relatedSpdxElement: "SPDXRef-\(.name)"
		}))
	}'
}

rm -rf "$top"
mkdir -p "$dir/licenses"
for arch; do
	install -m 755 "build/$arch/hull" "$dir/hull-$arch"
	! grep -aqF "$PWD" "$dir/hull-$arch" || die "the path $PWD is in build/$arch/hull"
done
install -m 644 build/hull.8 build/hull.bash README.md LICENSE "$dir/"
while read -r name _; do
	install -m 644 "build/$1/deps/licenses/$name" "$dir/licenses/$name"
done <<<"$linked"
spdx "$@" >"$dir/hull.spdx.json"
sums=$(cd "$dir" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum)
echo "$sums" >"$dir/SHA256SUMS"
tar -C "$top" --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --mode=go-w,a+rX --format=ustar \
	-cf "$dir.tar" "hull-$version"
xz -9 -T1 -f "$dir.tar"
(cd "$top" && ls -l "hull-$version.tar.xz" && ls -l "hull-$version")
