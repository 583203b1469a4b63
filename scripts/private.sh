# shellcheck shell=bash
#
# A private PostgreSQL with chunked_iter built into it, and a throwaway server.
#
# Sourced. private_create copies an installed PostgreSQL and this source tree
# into a temporary directory and builds there, so that neither the system's
# directories nor the checkout change; private_start starts a server on a Unix
# socket in that directory. Whatever ends the script, all of it is removed.
#
# PostgreSQL runs from a copy because it finds its directories relative to
# where its programs are. It refuses to run as root, so root hands everything
# in the temporary directory to another user.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
private=							# the temporary directory
running=							# leader of the process group of private_run
as_owner=()							# prefix that runs a command as the owner of $private
. "$top/scripts/packages.sh"

# private_create: needs pg_config, see need_postgres
private_create()
{
	trap private_remove EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM

	make_private_directory
	copy_installation
	copy_tree
	[ "$(id -u)" != 0 ] || chown -R "$owner:" "$private"
	set_environment
	cd "$private/tree"
}

private_build()
{
	echo "Building for $("$pg_config" --version) ..."
	private_run make -s -j"$(nproc)" PG_CONFIG="$pg_config" all install
}

# private_start FILE: a server with the settings in FILE, and where to find it
# in the environment
private_start()
{
	private_run initdb --pgdata="$private/data" --username=postgres --auth=trust \
		--encoding=UTF8 --locale=C.UTF-8 --no-sync >"$private/initdb.log" ||
		{ cat "$private/initdb.log" >&2; return 1; }
	"${as_owner[@]}" tee -a "$private/data/postgresql.conf" >/dev/null <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$private/socket'
		port = 54320
		$(cat "$1")
	CONF
	private_run pg_ctl --pgdata="$private/data" --log="$private/server.log" --silent --wait start ||
		{ cat "$private/server.log" >&2; return 1; }
	export PGHOST=$private/socket PGPORT=54320 PGUSER=postgres PGDATABASE=postgres
}

# private_run COMMAND...: runs it as the owner of the temporary directory, in a
# process group that private_remove can end. In the background, because bash
# would put off a trap until a command in the foreground has ended.
private_run()
{
	local status=0

	setsid "${as_owner[@]}" "$@" </dev/null &
	running=$!
	wait "$running" || status=$?
	running=
	return $status
}

make_private_directory()
{
	local parent=${TMPDIR:-/tmp}

	# The path of a socket has at most 107 bytes.
	[ ${#parent} -le 40 ] || parent=/tmp
	private=$(mktemp -d "$parent/chunked_iter.XXXXXX")
	private=$(cd "$private" && pwd -P)
	mkdir "$private"/{home,root,socket,tmp,tree}

	if [ "$(id -u)" = 0 ]; then
		owner=postgres
		id $owner >/dev/null 2>&1 || owner=nobody
		chown $owner: "$private"
		as_owner=(setpriv "--reuid=$owner" "--regid=$(id -g $owner)" --init-groups)
		"${as_owner[@]}" test -w "$private" ||
			die "User $owner cannot reach $private: set TMPDIR to another directory"
	fi
}

# Copies what is written to or looked for relative to the programs, under its
# full path, so that the copy has the layout of the original whatever that is.
copy_installation()
{
	local root=$private/root bindir directory

	bindir=$("$pg_config" --bindir)
	mkdir -p "$root$bindir"
	cp -L "$bindir"/{pg*,postgres,psql,initdb,createdb,createuser,dropdb,dropuser,vacuumdb} \
		"$root$bindir"
	for directory in "$("$pg_config" --pkglibdir)" "$("$pg_config" --sharedir)"; do
		mkdir -p "$root${directory%/*}"
		cp -a "$directory" "$root${directory%/*}"
	done
	# Headers are only read.
	for directory in "$("$pg_config" --includedir)" "$("$pg_config" --pkgincludedir)" \
		"$("$pg_config" --includedir-server)"; do
		if [ ! -e "$root$directory" ]; then
			mkdir -p "$root${directory%/*}"
			ln -s "$directory" "$root$directory"
		fi
	done

	pg_config=$root$bindir/pg_config
	for directory in "$("$pg_config" --pkglibdir)" "$("$pg_config" --sharedir)" "$("$pg_config" --pgxs)"; do
		[[ $directory == "$root"/* ]] || die "This PostgreSQL does not work from a copy: $directory"
	done
}

copy_tree()
{
	tar -C "$top" -cf - --exclude=./.git --exclude=./test-results \
		--exclude='*.o' --exclude='*.bc' --exclude='*.so' . |
		tar -C "$private/tree" --no-same-owner -xf -
}

# The same for everybody: no setting of the caller's reaches make or PostgreSQL.
set_environment()
{
	unset "${!PG@}" MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES LC_ALL LANGUAGE
	export LANG=C.UTF-8 HOME=$private/home TMPDIR=$private/tmp
	export PATH=${pg_config%/*}:$PATH
}

private_remove()
{
	local segments

	trap '' HUP INT TERM
	[ -n "$private" ] || return 0
	cd /
	segments=$(private_segments)
	[ -z "$running" ] || kill -TERM -- "-$running" 2>/dev/null || true
	end_private_processes
	# shellcheck disable=SC2086 # several names
	rm -rf "$private" $segments
}

# Ends the server, and those that tests started and did not stop. For
# PostgreSQL, QUIT is an immediate shutdown.
end_private_processes()
{
	local signal attempt

	for signal in QUIT KILL; do
		for attempt in {1..50}; do
			[ -n "$(private_processes)" ] || return 0
			[ "$attempt" -gt 1 ] || private_processes | xargs -r kill -$signal 2>/dev/null || true
			sleep 0.1
		done
	done
}

# The ids of all processes whose program is in the private copy
private_processes()
{
	{ find /proc/[0-9]*/exe -lname "$private/*" 2>/dev/null || true; } | cut -d/ -f3
}

# Their shared memory, which a server killed while starting leaves behind
private_segments()
{
	private_processes | sed 's!.*!/proc/&/maps!' |
		xargs -r grep -ohs '/dev/shm/PostgreSQL\.[0-9]*' | sort -u || true
}
