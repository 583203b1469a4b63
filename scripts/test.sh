#!/usr/bin/env bash
# make test: the tests named in REGRESS, ISOLATION and TAP, on a throwaway
# server. The last line of the output is "N passed, N failed". LEFT_OUT names
# the TAP files that were left out. make test-packages: only what they need.

. "$(dirname "$0")/private.sh"

need_compiler
need_postgres
need_perl
case $TAP in *django* | *rails* | *pgbouncer* | *clients* | *bench*) want_clients ;; esac
case $TAP in *packaging*) want_packaging ;; esac
case $TAP in *cron*) want_extension cron pg_cron ;; esac
case $TAP in *neighbours*) want_neighbours ;; esac
case $TAP in *explained*) want_extension hypopg hypopg ;; esac
install_packages
[ "${1:-}" != test-packages ] || exit 0

results=$top/test-results
regress=($REGRESS)
isolation=($ISOLATION)
tap=($TAP)
passed=0
failed=0

# run_tests VARIABLE PATTERN TEST...: gives the tests to installcheck in VARIABLE
# and counts those that passed by the lines that match PATTERN. All that neither
# passed nor were skipped have failed, even if they never ran.
run_tests()
{
	local variable=$1 pattern=$2 log=$private/$1.log status=0 ok skipped not_ok
	shift 2

	[ $# -gt 0 ] || return 0
	echo "== $variable"
	private_run bash -o pipefail -c '"$@" 2>&1 | tee "$0"' "$log" \
		make -s PG_CONFIG="$pg_config" REGRESS= ISOLATION= TAP= "$variable=$*" installcheck || status=$?

	ok=$(grep -cE "$pattern" "$log" || true)
	skipped=$(grep -cE '^t/.* \.+ skipped' "$log" || true)
	not_ok=$(($# - ok - skipped))
	[ "$status" = 0 ] || [ "$not_ok" -gt 0 ] || not_ok=1
	passed=$((passed + ok))
	failed=$((failed + not_ok))
}

# What went wrong on the screen, and everything to look at in test-results
show_failures()
{
	local file

	for file in regression.diffs output_iso/regression.diffs; do
		show "$file" head -n 100
	done
	for file in $(sed -n 's!^t/\(.*\)\.pl .*(Wstat.*!\1!p' "$private/TAP.log" 2>/dev/null); do
		show "tmp_check/log/regress_log_$file" tail -n 50
	done
	grep 'terminated by signal' "$private/server.log" || true

	if mkdir -p "$results"; then
		cp "$private"/*.log "$results"
		# not all of these exist, and data directories are too large
		tar -cf - --exclude='t_*_data' regression.* results output_iso tmp_check 2>/dev/null |
			tar -C "$results" --no-same-owner -xf - || true
		chown -R --reference="$top" "$results" 2>/dev/null || true
		printf '\nThe logs are in %s\n' "$results"
	fi
}

# show FILE COMMAND...: an excerpt from the file, if there is one
show()
{
	if [ -s "$1" ]; then
		printf '\n== %s\n' "$*"
		"${@:2}" "$1"
	fi
}

# Whether the source is in order, which counts as a test, too
check_source()
{
	echo "== SOURCE"
	if "$top/scripts/includes.sh"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

# The logs of make test-releases stay.
find "$results" -mindepth 1 -maxdepth 1 ! -name releases -exec rm -rf {} + 2>/dev/null || true
check_source
private_create
if private_build && private_start scripts/throwaway.conf; then
	run_tests REGRESS '^ok [0-9]|\.\.\. ok ' "${regress[@]}"
	run_tests ISOLATION '^ok [0-9]|\.\.\. ok ' "${isolation[@]}"
	run_tests TAP '^t/.* \.+ ok' "${tap[@]}"
	[ -z "$LEFT_OUT" ] || echo "Left out, for they take long (make test-releases runs them): $LEFT_OUT"
	[ $failed = 0 ] || show_failures
else
	failed=$((failed + ${#regress[@]} + ${#isolation[@]} + ${#tap[@]}))
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
