#!/usr/bin/env bash
# Whether the #includes of src/ go one way: from a folder to itself and to those
# before it in this list, and in no circle of modules (src/README.md has the
# picture). Prints what does not, and then fails.

set -euo pipefail
cd "$(dirname "$0")/../src"

folders="base log sql walk scan job ."

# "module module" for each #include of a header of ours; a module is a .c and its .h
includes()
{
	find . -name '*.[ch]' | sed 's!^\./!!' | while read -r file; do
		sed -n "s!^#include \"\(.*\)\.h\"!${file%.?} \1!p" "$file"
	done | while read -r module header; do
		[ ! -e "$header.h" ] || [ "$module" = "$header" ] || echo "$module $header"
	done
}

rank()
{
	local folder position=0

	for folder in $folders; do
		[ "$folder" != "$(dirname "$1")" ] || echo $position
		position=$((position + 1))
	done
}

bad=$(includes | while read -r module header; do
	[ "$(rank "$module")" -ge "$(rank "$header")" ] || echo "src/$module includes $header.h, which stands above it"
done)
circle=$(includes | tsort 2>&1 >/dev/null) || true
[ -z "$bad$circle" ] || { printf '%s\n' "$bad" "$circle" | sed '/^$/d'; exit 1; }
