#!/usr/bin/env bash
# make indent: lays out the C files given as pgindent does, with its options
# and what it mends before and after pg_bsd_indent.

set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

need_indent
install_packages

options=(-bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79
	-lp -lpl -nip -npro -sac -tpg -ts4)
indented=$(mktemp)
trap 'rm -f "$indented"' EXIT

for file in "$@"; do
	# A comment that opens with dashes is not to be filled again.
	sed -E -e 's!^([ \t]*)//(.*)$!\1/* \2 */!' -e 's!/\* +---!/*---X_X!g' "$file" |
		pg_bsd_indent "${options[@]}" -Usrc/typedefs.list |
		sed -E -e 's!/\*---X_X!/* ---!g' -e 's!\*/(/\*.*\*/)$!*/\t\1!' \
			-e 's!^([A-Za-z_][^ \t]*)[ \t]+\*$!\1 *!' >"$indented"
	if ! cmp -s "$indented" "$file"; then
		cat "$indented" >"$file"
		echo "$file"
	fi
done
