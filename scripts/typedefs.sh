#!/usr/bin/env bash
# make typedefs: writes src/typedefs.list, the typedef names that pg_bsd_indent
# has to know: all those in the debugging information of a build, ours and
# PostgreSQL's, that occur in the source.

. "$(dirname "$0")/private.sh"

# Names that are variables rather than types here: pgindent's list, and text
variables='abs|allocfunc|date|digit|ilist|interval|iterator|other|pointer|printfunc|reference|string|text|timestamp|type|wrap'

known_typedefs()
{
	objdump --dwarf=info chunked_iter.so |
		awk '/DW_TAG_/ { typedef = /DW_TAG_typedef/ } typedef && /DW_AT_name/ { print $NF }' |
		grep -vxE "$variables"
	echo bool					# a macro, to be treated like a typedef
}

words_in_source()
{
	find src -name '*.[ch]' -exec grep -ohE '[A-Za-z_][A-Za-z0-9_]*' {} +
}

need_compiler
need_postgres
install_packages

private_create
private_run make -s -j"$(nproc)" PG_CONFIG="$pg_config" with_llvm=no PG_CFLAGS=-g all
comm -12 <(known_typedefs | sort -u) <(words_in_source | sort -u) >"$top/src/typedefs.list"
echo "$(wc -l <"$top/src/typedefs.list") names in src/typedefs.list"
