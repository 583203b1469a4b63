#!/usr/bin/env bash
# make test-releases: make test under each release of PostgreSQL in RELEASES,
# given as PostgreSQL:Debian, each in a chroot of the Debian that has it. At the
# end a line for each release, and the last line is "N passed, N failed".
#
# make test-ci: make test here, and then under each of them with QUICK=1. If no
# chroot of a release can be made, or CI_SECONDS are over before it begins, that is
# no failure then: a line says that the release was not run, and why.
#
# The chroots are made with debootstrap, once, and kept in CHROOTS, to be
# updated by the next run. Each runs in namespaces of its own: whatever ends the
# script, the mounts and the processes in it go too. ARGS are given to each make
# test.

. "$(dirname "$0")/packages.sh"

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
releases=${RELEASES:-17:trixie 18:sid}
chroots=${CHROOTS:-/var/cache/chunked_iter}
mirror=${MIRROR:-http://deb.debian.org/debian}
results=$top/test-results/releases
ci_seconds=${CI_SECONDS:-1320}
ci=									# not empty for make test-ci
lines=()							# what was run, and how it went
passed=0
failed=0

main()
{
	local release obstacle

	[ "${1:-}" != ci ] || ci=yes
	rm -rf "$results"
	mkdir -p "$results"
	[ -z "$ci" ] || run "The PostgreSQL here" "$results/here.log" sh -c "cd '$top' && make test ${ARGS:-}"
	obstacle=$(chroots_obstacle)
	[ -z "$obstacle" ] || [ -n "$ci" ] || die "make test-releases cannot make a chroot: $obstacle
Elsewhere: make test PG_CONFIG=/path/to/pg_config, with each release that is installed."
	if [ -z "$obstacle" ]; then	# one run at a time
		mkdir -p "$chroots"
		exec 9>"$chroots/lock"
		flock 9
	fi
	for release in $releases; do
		run_release "${release%%:*}" "${release#*:}" "$obstacle"
	done
	printf '\n'
	printf '%s\n' "${lines[@]}"
	echo "$passed passed, $failed failed"
	[ $failed = 0 ] && [ $passed -gt 0 ]
}

# Why no chroots of Debian can be made here; empty if they can
chroots_obstacle()
{
	local log=$results/chroots.log

	if ! on_debian; then
		echo "this is no Debian"
	elif [ "$(id -u)" != 0 ]; then
		echo "changing root directories takes root"
	elif ! (need_chroots && command -v debootstrap) >"$log" 2>&1; then
		echo "debootstrap cannot be installed: $(last_line "$log")"
	elif ! unshare --mount --pid --fork --propagation=private mount -t tmpfs tmpfs "$results" 2>"$log"; then
		echo "mounts are not permitted: $(last_line "$log")"
	fi
}

need_chroots()
{
	need debootstrap "it makes the chroots" command -v debootstrap
	need debian-archive-keyring "it has the keys of Debian's mirrors" \
		test -e /usr/share/keyrings/debian-archive-keyring.gpg
	install_packages
}

# run_release VERSION SUITE OBSTACLE
run_release()
{
	local name="PostgreSQL $1 on Debian $2" log=$results/$1.log obstacle=$3

	echo "== $name"
	[ -z "$ci" ] || [ $SECONDS -lt "$ci_seconds" ] ||
		obstacle="what came before has taken $((SECONDS / 60)) minutes"
	[ -n "$obstacle" ] || prepare_chroot "$1" "$2" >"$results/$1.chroot.log" 2>&1 ||
		obstacle="there is no chroot: $(last_line "$results/$1.chroot.log")"
	if [ -n "$obstacle" ]; then
		lines+=("PostgreSQL $1: not run: $obstacle")
		echo "${lines[-1]}"
		[ -n "$ci" ] || failed=$((failed + 1))
		return
	fi
	run "$name" "$log" in_chroot "$chroots/$1" "cd /checkout && make test ${ci:+QUICK=1} ${ARGS:-}"
	cp -r "$chroots/$1/checkout/test-results" "$results/$1" 2>/dev/null || true
}

# run NAME LOG COMMAND...: runs make test by the command, and adds what it says
# at its end to the totals; no such line is a failure
run()
{
	local name=$1 log=$2 summary

	# One line only is the sum of all: those of the parts get a name.
	"${@:3}" 2>&1 | tee "$log" | sed -u "s/^[0-9]* passed, [0-9]* failed\$/$name: &/" || true
	summary=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
	if [ -z "$summary" ]; then
		summary="0 1"
		lines+=("$name: did not run to the end")
	else
		lines+=("$name: ${summary% *} passed, ${summary#* } failed")
	fi
	passed=$((passed + ${summary% *}))
	failed=$((failed + ${summary#* }))
	sed -n "s/^Left out.*/$name: &/p" "$log"
}

# prepare_chroot VERSION SUITE: a chroot, up to date, with a copy of this tree
# and the packages that its tests need. One that cannot be updated is made anew.
prepare_chroot()
{
	local root=$chroots/$1

	if [ -e "$root/complete" ]; then
		! update_chroot "$@" || return 0
		rm "$root/complete"
	fi
	rm -rf "$root"
	timeout 300 debootstrap --variant=minbase "$2" "$root" "$mirror" || return 1
	update_chroot "$@" && touch "$root/complete"
}

# update_chroot VERSION SUITE
update_chroot()
{
	local root=$chroots/$1

	rm -rf "$root/checkout"
	mkdir "$root/checkout"
	tar -C "$top" -cf - --exclude=./.git --exclude=./test-results \
		--exclude='*.o' --exclude='*.bc' --exclude='*.so' . |
		tar -C "$root/checkout" --no-same-owner -xf -
	# A mirror may lag behind; its packages serve as well.
	cat >"$root/etc/apt/apt.conf.d/chunked_iter" <<-CONF
		Acquire::Check-Valid-Until "false";
		Acquire::http::Timeout "60";
	CONF
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/chunked_iter"
	in_chroot "$root" "apt-get -q update && apt-get -q -y dist-upgrade && apt-get -q -y install make &&
		cd /checkout && make test-packages ${ci:+QUICK=1} ${ARGS:-}" || return 1
	[ -x "$root/usr/lib/postgresql/$1/bin/postgres" ] ||
		{ echo "Debian $2 has another release of PostgreSQL"; return 1; }
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

# What a log says at its end about what went wrong
last_line()
{
	{ grep -E '^E: |^debootstrap' "$1" || grep -v '^ *$' "$1" || echo "no reason was given"; } | tail -n 1
}

main "$@"
