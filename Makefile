# whittle: `make help` lists the targets. PREFIX DESTDIR CC CFLAGS LDFLAGS WERROR V are the user's.
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
WERROR ?= -Werror
AWK ?= awk
PKG_CONFIG ?= pkg-config
SUITES ?= lint unit golden fuzz e2e oracle vm asan
FUZZ_SECONDS ?= 60

# Every compiler and every set of sanitizers has its own folder; build/whittle leads to the last
# plain one. Tables are included as ../../../FILE from $(B)/gen, so $(B) stays two folders deep.
comma := ,
B := build/$(notdir $(firstword $(CC)))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
packages := libseccomp libunwind-ptrace libunwind-generic libunwind libelf jansson libcap yaml-0.1
missing := $(shell $(PKG_CONFIG) --exists $(packages) 2>/dev/null || echo yes)
sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
own_cflags := -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wformat=2 $(WERROR) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Isrc -I$(B)/gen \
	-ffile-prefix-map=$(CURDIR)/= $(sanitize) $(shell $(PKG_CONFIG) --cflags $(packages) 2>/dev/null)
libs := $(shell $(PKG_CONFIG) --libs $(packages) 2>/dev/null)

machine := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
sources := $(wildcard src/*/*.c arch/$(machine)/*.c)
objects := $(sources:%.c=$(B)/%.o)
rooms := $(filter-out $(B)/src/cli/main.o,$(objects))
tables := $(B)/gen/abis.inc $(patsubst profiles/%.tsv,$(B)/gen/%.inc,$(wildcard profiles/*.tsv profiles/*/*.tsv))
unit := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
fuzzers := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
replays := $(fuzzers:%=$(B)/fuzz/%)
# NAME_32.c is built for i386 where the compiler can, NAME_static.c without shared libraries.
can_32 = $(shell echo 'int main(void){return 0;}' | $(CC) -m32 -xc - -o /dev/null 2>/dev/null && echo yes)
workload_names = $(patsubst tests/workloads/%.c,%,$(wildcard tests/workloads/*.c))
workloads = $(addprefix $(B)/workloads/,$(if $(can_32),$(workload_names),$(filter-out %_32,$(workload_names))))
jobs = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

ifndef V
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif
export WERROR

# By other names whittle is an OCI runtime (src/cli/cmd_runtime.c); engines judge runtimes by them.
runtime_names := runc crun
runtime_links := $(B)/whittle-runtime $(runtime_names:%=$(B)/runtimes/%)

all: $(B)/whittle $(runtime_links) ## build $(B)/whittle, and build/whittle that leads to it
ifndef SANITIZE
	$(Q)ln -sfn $(notdir $(B))/whittle build/whittle
endif
$(B)/whittle: $(objects)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(own_cflags) $(LDFLAGS) -o $@ $^ $(libs)
$(B)/whittle-runtime: | $(B)/whittle
	$(Q)ln -sfn whittle $@
$(B)/runtimes/%: | $(B)/whittle
	$(Q)mkdir -p $(@D) && ln -sfn ../whittle $@
$(B)/%.o: %.c Makefile | $(tables)
	$(if $(missing),$(error a library or pkg-config is missing: make deps))
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(own_cflags) -MMD -MP -c -o $@ $<
$(B)/gen/abis.inc: $(wildcard arch/*/abi.def)
	$(Q)mkdir -p $(@D)
	$(Q)printf '#include "../../../%s"\n' $(sort $^) >$@
$(B)/gen/%.inc: profiles/%.tsv profiles/embed.awk
	$(call say,EMBED,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(AWK) -f profiles/embed.awk $< >$@.tmp && mv $@.tmp $@
$(B)/unit/%: tests/unit/%.c $(rooms)
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(own_cflags) $(LDFLAGS) -MMD -MP -o $@ $< $(rooms) $(libs) -lcmocka
# With libFuzzer's sanitizer the fuzzer itself, else a program that replays its arguments.
$(B)/fuzz/%: tests/fuzz/%.c $(filter-out $(if $(findstring fuzzer,$(SANITIZE)),tests/fuzz/replay.c),$(wildcard tests/fuzz/replay.c)) $(rooms)
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(own_cflags) $(if $(findstring fuzzer,$(SANITIZE)),-fsanitize=fuzzer) \
		$(LDFLAGS) -o $@ $^ $(libs)
$(B)/workloads/%: tests/workloads/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O1 -g -std=gnu11 -Wall -Wextra -D_GNU_SOURCE $(if $(filter %_32,$*),-m32) \
		$(if $(filter %_static,$*),-static) -o $@ $< -pthread
$(B)/workloads/inject_check: $(wildcard tests/workloads/inject_check_*.h)

binaries: $(B)/whittle $(runtime_links) $(unit) $(replays) $(if $(SANITIZE),,$(workloads))
unit: $(unit) ## build and run the unit tests only
	$(Q)tests/run unit $(unit)

deps: ## install what the build and the tests need (apt-get), or say what to install
	$(Q).ci/deps build test
demo: ## install what the build needs, build, record a real program, show its profiles
	$(Q).ci/deps build
	$(Q)$(MAKE) --no-print-directory $(jobs) all
	$(Q)tests/demo.sh

# The suites of `make check`: VAR=VALUE words, then the tests. The sanitized program runs the same
# tests over the plain workloads, but for the servers in containers: engines take most of their time.
S := build/$(notdir $(firstword $(CC)))-address-undefined
suite_lint := TIMEOUT=1200 $(wildcard tests/lint/*.sh)
suite_unit = $(unit)
suite_golden := $(wildcard tests/golden/*.sh)
suite_fuzz = $(replays)
suite_e2e := TIMEOUT=900 $(wildcard tests/e2e/*.sh)
suite_oracle := TIMEOUT=3600 $(wildcard tests/oracle/*.sh)
suite_vm := JOBS=2 TIMEOUT=1200 $(wildcard tests/vm/*.sh)
suite_asan = WHITTLE=$(S)/whittle WORKLOADS=$(B)/workloads TIMEOUT=1800 $(unit:$(B)/%=$(S)/%) \
	$(suite_golden) $(replays:$(B)/%=$(S)/%) \
	$(filter-out tests/e2e/containers_%,$(filter tests/%,$(suite_e2e)))

runner = WHITTLE=$(B)/whittle MAKE='$(MAKE)' CC='$(CC)' OWN_CFLAGS='$(own_cflags)' OBJECTS='$(objects)' \
	tests/run

check: ## install what the tests need, run them all; SUITES="unit e2e" chooses, MUST=a,b: no skips
	@echo 'make check: installs the Debian packages that the tests lack (no service is started),'
	@echo 'builds, and runs the suites: $(SUITES).'
	$(Q)$(if $(filter no,$(DEPS)),: ,).ci/deps build test
	$(Q)$(MAKE) --no-print-directory check-built
check-built:
	$(Q)$(MAKE) --no-print-directory $(jobs) all binaries
ifneq ($(filter asan,$(SUITES)),)
	$(Q)$(MAKE) --no-print-directory $(jobs) SANITIZE=address,undefined binaries
endif
	$(Q)$(runner) $(foreach s,$(SUITES),-- $(s) $(suite_$(s)))
check-vm: ## the tests that boot a kernel under qemu: real programs confined by AppArmor, capabilities, aarch64
	$(Q)$(MAKE) --no-print-directory check SUITES=vm
check-fresh: ## try `make demo` and `make check` in a minimal Debian root (root, debootstrap)
	$(Q)tests/fresh.sh
lint: binaries ## what can be judged without running: format, layers, sizes, clang-tidy, cppcheck, shellcheck
	$(Q)$(runner) lint $(suite_lint)
bench: all $(workloads) ## compare with native and strace -f
	$(Q)WHITTLE=$(B)/whittle WORKLOADS=$(B)/workloads tests/bench/containers.sh
	$(Q)WHITTLE=$(B)/whittle WORKLOADS=$(B)/workloads tests/bench/bench.sh
F := build/clang-fuzzer-no-link-address-undefined
fuzz: ## run every fuzz target for FUZZ_SECONDS (clang)
	$(Q)$(MAKE) --no-print-directory $(jobs) CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzzers
	$(Q)for f in $(fuzzers); do mkdir -p build/corpus/$$f && \
		$(F)/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			$$(ls tests/fuzz/$${f#fuzz_}.dict 2>/dev/null | sed 's/^/-dict=/') \
			-artifact_prefix=build/corpus/$$f- build/corpus/$$f \
			tests/fuzz/corpus/$${f#fuzz_} || exit 1; done
fuzzers: $(replays)
cover: ## line coverage of the unit, golden and e2e suites (gcov)
	$(Q)rm -rf build/cover
	$(Q)$(MAKE) --no-print-directory $(jobs) B=build/cover CFLAGS='-O0 -g --coverage' binaries
	-$(Q)WHITTLE=build/cover/whittle tests/run -- unit $(unit:$(B)/%=build/cover/%) \
		-- golden $(suite_golden) -- e2e $(suite_e2e)
	$(Q)gcov -n $(sources:%.c=build/cover/%.o) 2>/dev/null | $(AWK) -F"[':% ]+" \
		'/^File .src/ { f = $$2 } /^Lines/ && f { print $$3 "% of " $$5 "\t" f; f = "" }' | sort -n
format: ## let clang-format rewrite the sources
	$(Q)clang-format -i $(wildcard include/*/*.h src/*/*.[ch] tests/*/*.[ch])

install: all ## into $(DESTDIR)$(PREFIX)
	install -D -m 755 $(B)/whittle $(DESTDIR)$(PREFIX)/bin/whittle
	ln -sfn whittle $(DESTDIR)$(PREFIX)/bin/whittle-runtime
	install -d $(DESTDIR)$(PREFIX)/libexec/whittle
	for name in $(runtime_names); do \
		ln -sfn ../../bin/whittle $(DESTDIR)$(PREFIX)/libexec/whittle/$$name || exit; done
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/whittle README.md LICENSE
uninstall: ## remove what install wrote
	rm -f $(DESTDIR)$(PREFIX)/bin/whittle $(DESTDIR)$(PREFIX)/bin/whittle-runtime
	rm -f $(runtime_names:%=$(DESTDIR)$(PREFIX)/libexec/whittle/%)
	-rmdir $(DESTDIR)$(PREFIX)/libexec/whittle
	rm -f $(DESTDIR)$(PREFIX)/share/doc/whittle/README.md $(DESTDIR)$(PREFIX)/share/doc/whittle/LICENSE
	-rmdir $(DESTDIR)$(PREFIX)/share/doc/whittle
clean: ## remove build/
	rm -rf build
help: ## this list
	@$(AWK) -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: all binaries unit deps demo check check-built check-vm check-fresh lint bench fuzz fuzzers cover format \
	install uninstall clean help
.DELETE_ON_ERROR:
.SECONDARY: $(tables)
-include $(objects:.o=.d) $(wildcard $(B)/unit/*.d)
