# shellcheck shell=bash
#
# What a script needs of the system: finds it, or installs it with apt-get.
#
# Sourced. Call need_... and want_... for each thing, then install_packages; it
# returns only when everything is there that is needed. PG_CONFIG, if set, names
# the PostgreSQL to use.

missing=()							# packages to install
reasons=()							# what for, one for each
wanted=()							# packages to install where they are to be had
lists_updated=						# not empty once apt-get has read its package lists

die()
{
	echo "$*" >&2
	exit 1
}

# need PACKAGE REASON TEST...: the package is needed unless the test succeeds
need()
{
	local package=$1 reason=$2

	shift 2
	if ! "$@" >/dev/null 2>&1; then
		missing+=("$package")
		reasons+=("$reason")
	fi
}

# want PACKAGE TEST...: what uses the package is skipped where it is not to be had
want()
{
	"${@:2}" >/dev/null 2>&1 || wanted+=("$1")
}

need_compiler()
{
	need gcc "to compile the extension" command -v gcc
	need libc6-dev "the C library's headers" test -e /usr/include/stdio.h
}

need_perl()
{
	need perl "to run the TAP tests" perl -MTest::More -e 1
	need libipc-run-perl "the TAP tests use it" perl -MIPC::Run -e 1
}

# Clients of the examples
want_clients()
{
	want python3-django has_python_module django
	want python3-psycopg2 has_python_module psycopg2
	want python3-psycopg has_python_module psycopg
	want python3-sqlalchemy has_python_module sqlalchemy
	want golang-go command -v go
	want golang-github-lib-pq-dev test -e /usr/share/gocode/src/github.com/lib/pq
	want default-jdk-headless command -v javac
	want libpostgresql-jdbc-java test -e /usr/share/java/postgresql.jar
	want ruby-activerecord ruby -e "require 'active_record'"
	want ruby-pg ruby -e "require 'pg'"
	want pgbouncer test -x /usr/sbin/pgbouncer
}

# What makes and unpacks distributions
want_packaging()
{
	want debhelper command -v dh
	want dpkg-dev command -v dpkg-buildpackage
	want postgresql-server-dev-all command -v dh_pgxs_test
	want git command -v git
	want unzip command -v unzip
}

# want_extension PACKAGE LIBRARY: postgresql-NN-PACKAGE for the server of
# need_postgres, if that is Debian's
want_extension()
{
	local directory version

	directory=$("$pg_config" --bindir 2>/dev/null || dirname "$pg_config")
	version=$(sed -n 's!^/usr/lib/postgresql/\([0-9]*\)/bin$!\1!p' <<<"$directory")
	[ -z "$version" ] ||
		want "postgresql-$version-$1" test -e "/usr/lib/postgresql/$version/lib/$2.so"
}

# Extensions that hook into the same places of the server
want_neighbours()
{
	want_extension timescaledb timescaledb
	want_extension pg-hint-plan pg_hint_plan
	want_extension pgaudit pgaudit
	want_extension cron pg_cron
	want_extension partman pg_partman_bgw
	want_extension repack pg_repack
}

# In the interpreter that is first in the PATH, or the system's own
has_python_module()
{
	python3 -c "import $1" || /usr/bin/python3 -c "import $1"
}

need_django()
{
	need python3-django "its list of queries is measured, too" /usr/bin/python3 -c 'import django'
	need python3-psycopg2 "for Django to reach the server" /usr/bin/python3 -c 'import psycopg2'
}

need_indent()
{
	need pg-bsd-indent "it lays out the C code" command -v pg_bsd_indent
}

# Sets pg_config to that of the PostgreSQL to use. Where several are installed
# by Debian's packages, the newest with server headers is taken.
need_postgres()
{
	local version

	if [ -n "${PG_CONFIG:-}" ]; then
		pg_config=$(command -v "$PG_CONFIG") || die "PG_CONFIG: there is no $PG_CONFIG"
	elif on_debian; then
		version=$(debian_version)
		if [ -z "$version" ]; then	# there are no package lists yet
			update_lists
			version=$(debian_version)
			[ -n "$version" ] || die "apt-get offers no package postgresql"
		fi
		pg_config=/usr/lib/postgresql/$version/bin/pg_config
		need "postgresql-$version" "the server, to make a private copy of" \
			test -x "/usr/lib/postgresql/$version/bin/postgres"
		need "postgresql-server-dev-$version" "the server's headers" \
			test -e "/usr/include/postgresql/$version/server/postgres.h"
	else
		pg_config=$(command -v pg_config) || missing+=(postgresql)
	fi
}

on_debian()
{
	command -v apt-get >/dev/null && [ -e /etc/debian_version ]
}

# Major version of the PostgreSQL to take from Debian's directories, if known
debian_version()
{
	local version

	version=$(newest_installed /usr/include/postgresql/%/server/postgres.h)
	[ -n "$version" ] || version=$(newest_installed)
	[ -n "$version" ] || version=$(offered_version)
	echo "$version"
}

# newest_installed [FILE...]: the newest installed server for which all these
# exist, where % stands for its version
newest_installed()
{
	local version file

	ls -v /usr/lib/postgresql 2>/dev/null | while read -r version; do
		for file in /usr/lib/postgresql/%/bin/postgres "$@"; do
			[ -e "${file//%/$version}" ] || continue 2
		done
		echo "$version"
	done | tail -n 1
}

offered_version()
{
	LC_ALL=C apt-cache depends postgresql 2>/dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | tail -n 1
}

update_lists()
{
	[ -z "$lists_updated" ] || return 0
	echo "Updating apt-get's package lists ..." >&2
	as_root apt-get -q update >&2
	lists_updated=1
}

# as_root COMMAND...: runs it, or says what to type and ends the script
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif can_be_root; then
		sudo -n "$@"
	else
		die "This needs root. Please type this and then try again:

  sudo apt-get update${missing:+ && sudo apt-get install ${missing[*]}}
"
	fi
}

can_be_root()
{
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# Adds the wanted packages that apt-get can install to those to be installed.
add_wanted()
{
	local package

	[ ${#wanted[@]} -gt 0 ] && on_debian && can_be_root || return 0
	update_lists
	for package in "${wanted[@]}"; do
		if apt-get -q --simulate install --no-install-recommends "$package" >/dev/null 2>&1; then
			missing+=("$package")
			reasons+=("tests use it")
		fi
	done
}

install_packages()
{
	local i

	add_wanted
	if [ ${#missing[@]} -gt 0 ]; then
		on_debian || die "Please install a C compiler, PostgreSQL 14 or later with its server headers,
and for the tests Perl with IPC::Run; then type make ... PG_CONFIG=/path/to/pg_config"
		echo "To be installed with apt-get:" >&2
		for i in "${!missing[@]}"; do
			echo "  ${missing[i]} (${reasons[i]})" >&2
		done
		as_root true
		(apt_install "${missing[@]}" >&2)
	fi
	[ -z "${pg_config:-}" ] || check_postgres
}

# Debian's postgresql-NN would create and start a cluster "main" when it is
# first installed, and pgbouncer a service. Nobody asked for them here, so they
# are told not to, for as long as this runs in a subshell of its own.
apt_install()
{
	local directory=/etc/postgresql-common/createcluster.d
	local setting=$directory/chunked_iter.conf
	local policy=/usr/sbin/policy-rc.d
	local undo="as_root rm -f $setting"

	[ -d $directory ] || undo+="; as_root rmdir --ignore-fail-on-non-empty $directory"
	[ -e $policy ] || undo+="; as_root rm -f $policy"
	trap "$undo" EXIT
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
		as_root chmod +x $policy
	fi
	as_root mkdir -p $directory
	echo "create_main_cluster = false" | as_root tee $setting >/dev/null

	update_lists
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

check_postgres()
{
	local version

	version=$("$pg_config" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
	[ "${version:-0}" -ge 14 ] ||
		die "PostgreSQL 14 or later is needed, and $pg_config is of version ${version:-unknown}.
Set PG_CONFIG to another one; https://wiki.postgresql.org/wiki/Apt has them all."
	[ -e "$("$pg_config" --pgxs)" ] && [ -e "$("$pg_config" --includedir-server)/postgres.h" ] ||
		die "$pg_config: this PostgreSQL has no server headers or no PGXS"
}
