#: Two commands that need nothing but make; what is missing is installed with
#: apt-get, and everything happens in a temporary directory:
#:
#:   make demo       a walk through a million rows
#:   make test       every test; the last line says: N passed, N failed
#:
#:   make test REGRESS='setup walk' ISOLATION= TAP='t/0*.pl'
#:                   only these; an empty list leaves a kind out
#:   make test QUICK=1
#:                   all but the TAP files that take long
#:   make test PG_CONFIG=/path/to/pg_config
#:                   on a PostgreSQL of your own; demo and bench take it too
#:   make test TMPDIR=/var/tmp
#:                   where the temporary directory goes; demo and bench too
#:   make test-settings
#:                   the SQL tests under settings that change plans; SETTINGS
#:                   and REGRESS say which, as in SETTINGS=enable_sort=off
#:   make test-releases
#:                   make test under each newer release that Debian has, in
#:                   chroots; as root on a Debian (scripts/releases.sh)
#:   make test-ci    make test, and then test-releases with QUICK=1
#:
#: For a PostgreSQL you run, as with every PGXS extension (add PG_CONFIG=...
#: unless pg_config is in the PATH; with_llvm=no leaves out the JIT bitcode):
#:
#:   make; make install; make installcheck; make clean; make uninstall
#:
#: For developers:
#:
#:   make bench      measure on a private server and write docs/benchmarks.md;
#:                   ARGS='...' as scripts/bench.sh says
#:   make plots      draw query_log.svg, pages.svg and job.svg in docs, from runs
#:                   of their own
#:   make dist       the last commit as a zip for PGXN; debian/ makes a package
#:   make indent     lay the C code out as pgindent does
#:   make typedefs   write src/typedefs.list, which make indent reads

# This directory, and $(call files,PATTERN...): those in it; elsewhere than "./"
# in a VPATH build, as by "make -f /path/to/Makefile"
here := $(dir $(firstword $(MAKEFILE_LIST)))
files = $(patsubst $(here)%,%,$(sort $(wildcard $(addprefix $(here),$(1)))))

EXTENSION = chunked_iter
# The one version number is the control file's.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(here)$(EXTENSION).control)

MODULE_big = $(EXTENSION)
OBJS := $(patsubst %.c,%.o,$(call files,src/*.c src/*/*.c))
DATA = $(EXTENSION)--$(EXTVERSION).sql $(call files,$(EXTENSION)--*--*.sql)

# PostgreSQL's headers are not ours to mend: as system headers they give no
# warnings, which leaves every one in our own code visible.
PG_CPPFLAGS = -isystem $(includedir_server) -I$(srcdir)/src
PG_CFLAGS = -Wall -Wextra

regress_tests := $(basename $(notdir $(call files,sql/*.sql)))
REGRESS := $(strip $(filter setup,$(regress_tests)) $(filter-out setup,$(regress_tests)))
ISOLATION := $(basename $(notdir $(call files,specs/*.spec)))
TAP := $(call files,t/*.pl)
# PGXS's own names for these
TAP_TESTS := $(if $(strip $(TAP)),1)
PROVE_TESTS = $(TAP)

EXTRA_CLEAN = test-results

all:

# The TAP files that take a moment and need no more packages, for QUICK=1
QUICK_TAP = $(call files,$(addprefix t/,003_* 004_* 025_* 026_* 028_* 030_* 042_*))
LEFT_OUT = $(if $(QUICK),$(filter-out $(QUICK_TAP),$(call files,t/*.pl)))

# These work without pg_config: see the scripts.
own_targets = bench demo dist help indent plots test test-ci test-packages test-releases test-settings typedefs
.PHONY: $(own_targets)

PG_CONFIG ?= pg_config
ifneq ($(filter-out $(own_targets),$(or $(MAKECMDGOALS),all)),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) leads to no PostgreSQL with server headers; set PG_CONFIG, or see "make help")
endif
# Where the clang is missing that the server was built with, do without bitcode.
ifeq ($(shell command -v "$$(sed -n 's/^CLANG *= *//p' '$(dir $(PGXS))../Makefile.global')"),)
override with_llvm = no
endif
include $(PGXS)
# Functions of ours that call each other, and the server's, take no detour.
ifeq ($(PORTNAME),linux)
override CFLAGS += -fno-plt
SHLIB_LINK += -Wl,-Bsymbolic
endif
$(OBJS) $(OBJS:.o=.bc): $(call files,src/*.h src/*/*.h)
# In a VPATH build the directories of the objects are missing.
$(shell mkdir -p $(sort $(dir $(OBJS))))
endif

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

# A PG_CONFIG that nobody gave is left for the scripts to find.
given_pg_config = $(if $(filter file,$(origin PG_CONFIG)),,$(PG_CONFIG))

# The shell gives way to the script, so that a signal for make reaches the script.
# test-packages only installs what the tests need.
test test-packages:
	@exec env PG_CONFIG='$(given_pg_config)' REGRESS='$(REGRESS)' ISOLATION='$(ISOLATION)' \
		TAP='$(filter-out $(LEFT_OUT),$(call files,$(TAP)))' LEFT_OUT='$(LEFT_OUT)' \
		scripts/test.sh $(filter test-packages,$@)

test-releases:
	@exec scripts/releases.sh

test-settings:
	@exec env PG_CONFIG='$(given_pg_config)' REGRESS='$(REGRESS)' scripts/settings.sh

test-ci:
	@exec scripts/releases.sh ci

demo plots typedefs:
	@exec env PG_CONFIG='$(given_pg_config)' scripts/$@.sh

bench:
	@exec env PG_CONFIG='$(given_pg_config)' scripts/bench.sh $(ARGS)

# PGXN's name for a distribution, and for the directory in it
distribution = $(EXTENSION)-$(shell sed -n 's/^   "version": *"\(.*\)",/\1/p' META.json)

dist:
	git archive --format=zip --prefix=$(distribution)/ --output=$(distribution).zip HEAD
	@echo $(distribution).zip

indent:
	@scripts/indent.sh $(call files,src/*.[ch] src/*/*.[ch])
