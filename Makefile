# Gatecast: two programs, an admin script and its helper.
#
#   make            build/release/{login.fcgi,wsd,gatecast-tool}
#   make test       everything: lint, both compilers, unit, system, browser,
#                   fuzz-corpus replay (as root it installs what is missing)
#   make run        a complete local site on http://127.0.0.1:8080/
#   make deb        build/gatecast_VERSION_ARCH.deb
#
# A flavour is a set of compiler flags with a build directory of its own:
#   make FLAVOUR=asan    make FLAVOUR=tsan    make CC=clang FLAVOUR=clang
# V=1 shows the commands.

CC ?= cc
FLAVOUR ?= release
B := build/$(FLAVOUR)

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/gatecast
DATADIR ?= $(PREFIX)/share/gatecast
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
SYSCONFDIR ?= /etc
# Where systemd looks, say $(PREFIX)/lib/systemd/system; empty: no units.
UNITDIR ?=
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
DESTDIR ?=

VERSION := $(shell sed -n 's/^## \([0-9][^ ]*\).*/\1/p' CHANGELOG.md | head -n1)
PKG_CONFIG ?= pkg-config
PKGS := libsodium jansson

CFLAGS ?= -O2 -g
PATHS_ALL := -DGATECAST_VERSION='"$(VERSION)"' \
	-DGATECAST_SYSCONFDIR='"$(SYSCONFDIR)"' \
	-DGATECAST_DATADIR='"$(DATADIR)"'
# _FILE_OFFSET_BITS, _TIME_BITS: 32-bit machines have large files and times
# after 2038, too.
CPPFLAGS_ALL := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
	-Ishared -I. $(CPPFLAGS)
CFLAGS_ALL := -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 -Wwrite-strings \
	-fstack-protector-strong -fPIE $(CFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
ifneq ($(CI),)
CFLAGS_ALL += -Werror
endif
ifeq ($(FLAVOUR),asan)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
else ifeq ($(FLAVOUR),tsan)
SAN := -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(FLAVOUR),coverage)
SAN := -fprofile-instr-generate -fcoverage-mapping
else ifeq ($(FLAVOUR),fuzz)
SAN := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined
else
CPPFLAGS_ALL += -D_FORTIFY_SOURCE=2
endif
CFLAGS_ALL += $(SAN)
LDFLAGS_ALL += $(SAN)

CFLAGS_ALL += $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
LIBS_SHARED := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null || \
	echo -lsodium -ljansson) -linih -lgdbm -lutf8proc -lcrypt \
	-lseccomp
LIBS_FCGI := -lfcgi
LIBS_WSD := -lwebsockets -luv
LIBS_TOOL := -licui18n -licuuc -lssl -lcrypto

ifeq ($(V),)
quiet = @printf '  %-7s %s\n' '$(1)' '$(2)';
endif

SHARED_SRC := $(wildcard shared/base/*.c shared/store/*.c shared/auth/*.c)
TOOL_SRC := $(wildcard shared/tool/*.c)
FCGI_SRC := $(filter-out fcgi-app/main.c,$(wildcard fcgi-app/*.c))
WSD_SRC := $(filter-out wsd/main.c,$(wildcard wsd/*.c))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
LIB_SRC := $(wildcard tests/lib/*.c)
TOOLS_SRC := $(wildcard tests/tools/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c tests/bench/peers/*.c)

# Apart from what is made of them: wsd is a directory of sources as well.
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
A_SHARED := $(B)/libshared.a
A_FCGI := $(B)/libfcgi-app.a
A_WSD := $(B)/libwsd.a
A_LIB := $(B)/libtests.a

PROGRAMS := $(B)/login.fcgi $(B)/wsd $(B)/gatecast-tool
UNITS := $(patsubst tests/unit/%.c,$(B)/tests/%,$(UNIT_SRC))
REPLAYS := $(patsubst tests/fuzz/%.c,$(B)/tests/replay_%,$(FUZZ_SRC))
TOOLS := $(patsubst tests/tools/%.c,$(B)/tests/%,$(TOOLS_SRC))
PRELOADS := $(patsubst tests/tools/preload/%.c,$(B)/tests/%.so,\
	$(wildcard tests/tools/preload/*.c))
PLAIN := $(patsubst tests/tools/plain/%.c,$(B)/tests/%,\
	$(wildcard tests/tools/plain/*.c))
AXE := build/browser/node_modules/axe-core/axe.min.js
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))

all: $(PROGRAMS)

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$@)$(CC) $(PATHS_ALL) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP \
	    -c -o $@ $<

# All objects are made again by another compiler, whatever its name (what it
# defines tells it from others), or with other flags. But `sudo make install`
# takes what is there: sudo does not hand down the flags of the build.
FLAGS := $(strip $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) \
	$(shell $(CC) -dM -E -x c /dev/null 2>/dev/null | cksum))
ifneq ($(MAKECMDGOALS),install)
ifneq ($(FLAGS),$(shell cat $(B)/flags 2>/dev/null))
$(B)/flags: FORCE
endif
endif
$(B)/flags:
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@

# These hold the paths and the version, and are made again with other ones:
# `make` and then `make install PREFIX=/usr` must not disagree.
BUILT_IN := $(SYSCONFDIR) $(DATADIR) $(VERSION)
$(B)/built-in: $(if $(filter-out \
	$(shell cat $(B)/built-in 2>/dev/null),$(BUILT_IN)),FORCE)
	@mkdir -p $(@D)
	@echo '$(BUILT_IN)' >$@
FORCE:
$(call obj,fcgi-app/main.c wsd/main.c shared/tool/main.c \
	shared/base/config.c shared/base/config_table.c): $(B)/built-in

define archive
$(1): $(call obj,$(2))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call quiet,AR,$$@)$$(AR) rcs $$@ $$^
endef
$(eval $(call archive,$(A_SHARED),$(SHARED_SRC)))
$(eval $(call archive,$(A_FCGI),$(FCGI_SRC)))
$(eval $(call archive,$(A_WSD),$(WSD_SRC)))
$(eval $(call archive,$(A_LIB),$(LIB_SRC)))

link = $(call quiet,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(B)/login.fcgi: $(B)/obj/fcgi-app/main.o $(A_FCGI) $(A_SHARED)
	$(link) $(LIBS_FCGI) $(LIBS_SHARED)
$(B)/wsd: $(B)/obj/wsd/main.o $(A_WSD) $(A_SHARED)
	$(link) $(LIBS_WSD) $(LIBS_SHARED)
$(B)/gatecast-tool: $(call obj,$(TOOL_SRC)) $(A_SHARED)
	$(link) $(LIBS_TOOL) $(LIBS_SHARED)

ALL_LIBS := $(LIBS_FCGI) $(LIBS_WSD) $(LIBS_TOOL) $(LIBS_SHARED)
$(B)/tests/test_%: $(B)/obj/tests/unit/test_%.o $(A_FCGI) $(A_WSD) $(A_SHARED)
	@mkdir -p $(@D)
	$(link) $(ALL_LIBS) -lcmocka -lpthread
$(B)/tests/replay_fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/obj/tests/fuzz/replay.o \
	$(A_FCGI) $(A_WSD) $(A_SHARED)
	@mkdir -p $(@D)
	$(link) $(ALL_LIBS)
build/fuzz/fuzz_%: build/fuzz/obj/tests/fuzz/fuzz_%.o $(A_FCGI) $(A_WSD) $(A_SHARED)
	$(link) -fsanitize=fuzzer $(ALL_LIBS)
$(TOOLS): $(B)/tests/%: $(B)/obj/tests/tools/%.o $(A_LIB) $(A_FCGI) $(A_WSD) $(A_SHARED)
	@mkdir -p $(@D)
	$(link) $(ALL_LIBS) -lpthread
# Loaded into programs of any flavour, so without a sanitizer of their own.
$(PRELOADS): $(B)/tests/%.so: tests/tools/preload/%.c
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) -D_GNU_SOURCE -I. -std=c11 -Wall -Wextra -O2 \
	    -fPIC -shared -o $@ $<
# The same, for what a sanitizer would change.
$(PLAIN): $(B)/tests/%: tests/tools/plain/%.c $(wildcard shared/base/*.[ch])
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) $(PATHS_ALL) $(CPPFLAGS_ALL) -std=c11 -Wall -Wextra -O1 -g \
	    -o $@ $(filter %.c,$^) $(LIBS_SHARED)
$(B)/tests/crowd $(B)/tests/soak-members: \
	$(call obj,$(wildcard tests/tools/crowd/*.c))
$(BENCHES): $(B)/bench/%: $(B)/obj/tests/bench/%.o $(A_LIB) $(A_WSD) $(A_SHARED)
	@mkdir -p $(@D)
	$(link) $(ALL_LIBS) -lpthread
# The one with peers to compare with.
$(B)/bench/store_bench: $(call obj,$(wildcard tests/bench/store/*.c))
$(B)/bench/store_bench: ALL_LIBS += -lsqlite3 -lm
$(B)/bench/loadgen: $(call obj,$(wildcard tests/bench/load/*.c))

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.SECONDARY:

# --- development ----------------------------------------------------------
units: $(UNITS)
replays: $(REPLAYS)
# With what test_bench needs.
tools: $(TOOLS) $(PRELOADS) $(PLAIN) $(B)/bench/loadgen $(B)/bench/rawcast
benches: all $(BENCHES)
asan:
	$(MAKE) FLAVOUR=$@ all
tsan:
	@$(MAKE) --no-print-directory FLAVOUR=tsan all tools
	@tests/run tsan

deps deps-test deps-deb deps-analyze:
	@scripts/install-deps $(patsubst deps-%,--%,$(filter deps-%,$@))
# For tests/browser, of the version that its package.json says.
$(AXE): tests/browser/package.json
	@mkdir -p build/browser
	@cp $< build/browser/
	@cd build/browser && npm install --no-audit --no-fund --ignore-scripts \
	    --no-package-lock --silent >&2
	@touch $@
# Peers that are missing are left out.
deps-bench: deps
	@scripts/install-deps --bench || true

run: deps
	@$(MAKE) --no-print-directory all
	@exec scripts/run-local $(RUN_ARGS)

# Each half of the suite can be run alone; `test` is all of them in order.
test: deps-test
	@$(MAKE) --no-print-directory $(AXE)
	@tests/run

unit:
	@$(MAKE) --no-print-directory FLAVOUR=asan units
	@tests/run unit
system:
	@$(MAKE) --no-print-directory FLAVOUR=asan all tools
	@tests/run system
browser: all $(AXE)
	@tests/run browser
replay:
	@$(MAKE) --no-print-directory FLAVOUR=asan replays
	@tests/run replay

FUZZ_SECONDS ?= 60
fuzz:
	@$(MAKE) --no-print-directory CC=clang FLAVOUR=fuzz fuzzers
	@tests/fuzz/run $(FUZZ_SECONDS)
fuzz-coverage: deps-test
	@$(MAKE) --no-print-directory CC=clang FLAVOUR=coverage replays
	@tests/fuzz/coverage
fuzzers: $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))

# BENCH_ARGS="--rows idle --rounds 1": see tests/README.md.
bench: deps-bench
	@$(MAKE) --no-print-directory benches tools
	@tests/bench/run --out build/bench/results $(BENCH_ARGS)
	@$(B)/bench/store_bench

# Everything at once: see tests/README.md. MINUTES=2 is a whole short one;
# SOAK_ARGS=--no-restarts is for slow leaks.
MINUTES ?= 60
soak: deps-bench
	@$(MAKE) --no-print-directory FLAVOUR=release all tools
	@tests/bench/soak/run --minutes $(MINUTES) $(SOAK_ARGS)

# What `make test` does some hundred times, in thousands.
crash:
	@$(MAKE) --no-print-directory CC=gcc FLAVOUR=asan all tools
	@tests/run crash

# Faults planted in the sources, for the tests to notice.
mutation:
	@$(MAKE) --no-print-directory CC=gcc FLAVOUR=release all
	@$(MAKE) --no-print-directory CC=gcc FLAVOUR=asan all tools units
	@tests/mutation/run promises --out build/mutation/promises.md

# Against the newest libwebsockets and GDBM; at 32 bits, as root.
portability:
	@tests/run portability
portability-i386:
	@tests/portability/i386

# What the programs cost that do nothing.
size: all
	@tests/bench/size

valgrind:
	@$(MAKE) --no-print-directory FLAVOUR=debug CFLAGS='-O1 -g' units
	@tests/run valgrind

# Slower than lint, and not part of the tests.
analyze: deps-analyze
	@tests/analyze/run $(PATHS_ALL) $(CPPFLAGS_ALL) $(CFLAGS_ALL)

lint:
	@scripts/check-format
	@scripts/check-layering
	@scripts/check-shell
	@scripts/check-manuals
	@scripts/check-static

# Texts name the paths of this source; installed, those of this installation.
PAGES := $(wildcard */*.[1-8])
page_dir = $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(1)))
own_paths = sed -e 's|/usr/local/share/gatecast|$(DATADIR)|g' \
	-e 's|/usr/local/libexec/gatecast|$(LIBEXECDIR)|g' \
	-e 's|/etc/gatecast|$(SYSCONFDIR)/gatecast|g'
UNITS_SYSTEMD := $(notdir $(wildcard $(addprefix scripts/deploy/systemd/*.,\
	service socket timer)))
own_programs = sed -e 's|=/usr/sbin/|=$(SBINDIR)/|' \
	-e 's|=/usr/libexec/gatecast/|=$(LIBEXECDIR)/|'

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBEXECDIR) \
	    $(DESTDIR)$(DATADIR) $(DESTDIR)$(SYSCONFDIR)/gatecast \
	    $(sort $(foreach p,$(PAGES),$(call page_dir,$(p)))) \
	    $(DESTDIR)$(BASHCOMPDIR)
	install -m 755 $(B)/wsd $(DESTDIR)$(SBINDIR)/wsd
	$(own_paths) scripts/gatecast | \
	    install -m 755 /dev/stdin $(DESTDIR)$(SBINDIR)/gatecast
	install -m 755 $(B)/login.fcgi $(DESTDIR)$(LIBEXECDIR)/login.fcgi
	install -m 755 $(B)/gatecast-tool $(DESTDIR)$(LIBEXECDIR)/gatecast-tool
	$(foreach p,$(PAGES),$(own_paths) $(p) | install -m 644 /dev/stdin \
	    $(call page_dir,$(p))/$(notdir $(p)) &&) :
	install -m 644 scripts/deploy/completion/gatecast \
	    $(DESTDIR)$(BASHCOMPDIR)/gatecast
	$(own_paths) scripts/deploy/gatecast.conf | \
	    install -m 644 /dev/stdin $(DESTDIR)$(DATADIR)/gatecast.conf
	cd scripts/deploy && for f in lighttpd/* apache/* nginx/*; do \
	    $(own_paths) "$$f" | install -D -m 644 /dev/stdin \
	    "$(abspath $(DESTDIR)$(DATADIR))/deploy/$$f" || exit; done
	cd www && find README.md templates static -type f -exec sh -c 'for f; do \
	    install -D -m 644 "$$f" "$$0/$$f" || exit; done' \
	    $(abspath $(DESTDIR)$(DATADIR)) {} +
ifneq ($(UNITDIR),)
	$(foreach u,$(UNITS_SYSTEMD),$(own_programs) scripts/deploy/systemd/$(u) | \
	    install -D -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/$(u) &&) :
	install -D -m 644 scripts/deploy/systemd/sysusers.conf \
	    $(DESTDIR)$(SYSUSERSDIR)/gatecast.conf
	install -D -m 644 scripts/deploy/systemd/tmpfiles.conf \
	    $(DESTDIR)$(TMPFILESDIR)/gatecast.conf
endif

# The directories that others share stay unless they are empty; so does a
# configuration that somebody wrote.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/wsd $(DESTDIR)$(SBINDIR)/gatecast \
	    $(DESTDIR)$(BASHCOMPDIR)/gatecast \
	    $(foreach p,$(PAGES),$(call page_dir,$(p))/$(notdir $(p)))
	rm -f $(DESTDIR)$(LIBEXECDIR)/login.fcgi \
	    $(DESTDIR)$(LIBEXECDIR)/gatecast-tool
	rm -rf $(DESTDIR)$(DATADIR)/templates $(DESTDIR)$(DATADIR)/static \
	    $(DESTDIR)$(DATADIR)/deploy
	rm -f $(DESTDIR)$(DATADIR)/gatecast.conf $(DESTDIR)$(DATADIR)/README.md
ifneq ($(UNITDIR),)
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS_SYSTEMD)) \
	    $(DESTDIR)$(SYSUSERSDIR)/gatecast.conf \
	    $(DESTDIR)$(TMPFILESDIR)/gatecast.conf
endif
	for d in $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(DATADIR) \
	    $(DESTDIR)$(SYSCONFDIR)/gatecast; do \
	    [ ! -d $$d ] || rmdir --ignore-fail-on-non-empty $$d; done

# As root it installs what the build needs. Wherever DEBDIR is, the package is
# put beside it.
DEBDIR ?= build/deb
deb: deps-deb
	@scripts/make-deb $(VERSION) $(DEBDIR)
# In a Debian of its own, from the mirror; as root.
deb-test: deps-test deps-deb
	@tests/run deb

clean:
	rm -rf build

.PHONY: all units replays tools benches asan tsan deps deps-test deps-deb \
	deps-bench deb deb-test run test unit \
	system browser replay fuzz fuzz-coverage fuzzers bench crash mutation \
	portability portability-i386 \
	size valgrind analyze lint install uninstall clean \
	FORCE
