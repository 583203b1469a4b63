#!/usr/bin/env bash
# make test-releases: make test under each release of PostgreSQL in RELEASES,
# given as PostgreSQL:Debian, each in a chroot of the Debian that has it. At the
# end a line for each release, and the last line is "N passed, N failed".
#
# The chroots are made with debootstrap, once, and kept in CHROOTS, to be
# updated by the next run. Each runs in namespaces of its own: whatever ends the
# script, the mounts and the processes in it go too.

. "$(dirname "$0")/packages.sh"

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
releases=${RELEASES:-17:trixie 18:sid}
chroots=${CHROOTS:-/var/cache/chunked_iter}
mirror=${MIRROR:-http://deb.debian.org/debian}
results=$top/test-results/releases

main()
{
	local release log lines=() passed=0 failed=0

	need_chroots
	mkdir -p "$chroots"
	rm -rf "$results"
	mkdir -p "$results"
	for release in $releases; do
		log=$results/${release%%:*}.log
		echo "== PostgreSQL ${release%%:*} on Debian ${release#*:}"
		{ prepare_chroot "${release%%:*}" "${release#*:}" &&
			test_in_chroot "${release%%:*}"; } 2>&1 | tee "$log" || true
		count_results "$log"
		lines+=("PostgreSQL ${release%%:*} ($(server_version "$log")), Debian ${release#*:}: $summary")
	done
	printf '\n'
	printf '%s\n' "${lines[@]}"
	echo "$passed passed, $failed failed"
	[ $failed = 0 ] && [ $passed -gt 0 ]
}

# This works as root on a Debian: says so elsewhere.
need_chroots()
{
	on_debian || die "make test-releases needs a Debian to make chroots of Debian on.
Elsewhere: make test PG_CONFIG=/path/to/pg_config, with each release that is installed."
	[ "$(id -u)" = 0 ] || die "make test-releases needs root, to change root directories: sudo make test-releases"
	need debootstrap "it makes the chroots" command -v debootstrap
	install_packages
}

# prepare_chroot VERSION SUITE: a chroot, up to date, with a copy of this tree
prepare_chroot()
{
	local root=$chroots/$1

	if [ ! -e "$root/complete" ]; then
		rm -rf "$root"
		debootstrap --variant=minbase "$2" "$root" "$mirror" >"$results/debootstrap.log" 2>&1 ||
			{ tail -n 20 "$results/debootstrap.log"; return 1; }
		touch "$root/complete"
	fi
	rm -rf "$root/checkout"
	mkdir "$root/checkout"
	tar -C "$top" -cf - --exclude=./.git --exclude=./test-results \
		--exclude='*.o' --exclude='*.bc' --exclude='*.so' . |
		tar -C "$root/checkout" --no-same-owner -xf -
	# A mirror may lag behind; its packages serve as well.
	echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/chunked_iter"
	in_chroot "$root" 'apt-get -q update && apt-get -q -y dist-upgrade && apt-get -q -y install make' \
		>"$results/apt.log" 2>&1 || { tail -n 20 "$results/apt.log"; return 1; }
}

test_in_chroot()
{
	in_chroot "$chroots/$1" "cd /checkout && make test PG_CONFIG= ${ARGS:-}"
}

# in_chroot ROOT COMMANDS: runs them, as root, with nothing of the caller's
in_chroot()
{
	unshare --mount --pid --fork --kill-child --propagation=private \
		sh -c 'mount -t proc proc "$1/proc" &&
			mount --rbind /dev "$1/dev" &&
			mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm" &&
			exec chroot "$1" env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
				PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
				sh -c "$2"' sh "$1" "$2" </dev/null
}

# Adds what a log says at its end to the totals; no such line is a failure.
count_results()
{
	summary=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1 || true)
	if [ -z "$summary" ]; then
		summary="did not run to the end"
		failed=$((failed + 1))
		return
	fi
	passed=$((passed + ${summary%% passed*}))
	summary_failed=${summary#*, }
	failed=$((failed + ${summary_failed%% failed*}))
}

server_version()
{
	sed -n 's/^Building for PostgreSQL \([^ ]*\).*/\1/p' "$1" | head -n 1
}

main
