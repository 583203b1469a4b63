#!/usr/bin/env bash
# make test-settings: the SQL tests in REGRESS under each of SETTINGS, on a
# throwaway server: parameters that change plans, or have the server check
# itself, given as name=value, several joined by commas. At the end a line for each,
# and the last line is "N passed, N failed". Takes about half an hour.

. "$(dirname "$0")/private.sh"

off=$(printf 'enable_%s=off ' seqscan indexscan indexonlyscan bitmapscan tidscan sort incremental_sort \
	hashagg material memoize mergejoin nestloop hashjoin parallel_append)
settings=${SETTINGS:-plan_cache_mode=force_custom_plan plan_cache_mode=force_generic_plan
	force_parallel_mode=regress debug_parallel_query=regress
	$off enable_partitionwise_join=on,enable_partitionwise_aggregate=on
	debug_copy_parse_plan_trees=on,debug_write_read_parse_plan_trees=on,debug_raw_expression_coverage_test=on}
results=$top/test-results/settings
regress=($REGRESS)
passed=0
failed=0
lines=()

# is_known NAME=VALUE,...: whether the server has parameters of these names
is_known()
{
	local name

	for name in $(tr ',' '\n' <<<"$1" | sed 's/=.*//'); do
		[ "$(psql -XAtc "SELECT count(*) FROM pg_settings WHERE name = '$name'")" = 1 ] || return 1
	done
}

# run_under SETTING: counts the tests that pass, and keeps the differences of others
run_under()
{
	local log=$private/settings.log ok

	PGOPTIONS="-c ${1//,/ -c }" private_run bash -o pipefail -c '"$@" 2>&1 | tee "$0"' "$log" \
		make -s PG_CONFIG="$pg_config" REGRESS="${regress[*]}" ISOLATION= TAP= installcheck || true
	ok=$(grep -cE '^ok [0-9]|\.\.\. ok ' "$log" || true)
	passed=$((passed + ok))
	failed=$((failed + ${#regress[@]} - ok))
	lines+=("$1: $ok of ${#regress[@]} passed")
	[ "$ok" = ${#regress[@]} ] || cp regression.diffs "$results/$1.diffs"
}

need_compiler
need_postgres
install_packages
rm -rf "$results"
mkdir -p "$results"
private_create
private_build
private_start scripts/throwaway.conf
for setting in $settings; do
	echo "== $setting"
	if is_known "$setting"; then
		run_under "$setting"
	else
		lines+=("$setting: this release does not have it")
	fi
done
chown -R --reference="$top" "$top/test-results" 2>/dev/null || true
printf '\n'
printf '%s\n' "${lines[@]}"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
