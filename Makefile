# whittle: `make help` says what there is to make.
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
WERROR ?= -Werror
AWK ?= awk
PKG_CONFIG ?= pkg-config

packages := libseccomp libunwind-ptrace libunwind-generic libunwind jansson libcap
B := build/$(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),$(notdir $(firstword $(CC))))
comma := ,
sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
own_cflags := -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wformat=2 $(WERROR) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Isrc -I$(B)/gen \
	-ffile-prefix-map=$(CURDIR)/= $(sanitize) $(shell $(PKG_CONFIG) --cflags $(packages) 2>/dev/null)
libs := $(shell $(PKG_CONFIG) --libs $(packages) 2>/dev/null)

sources := $(wildcard src/*/*.c)
objects := $(sources:%.c=$(B)/%.o)
rooms := $(filter-out $(B)/src/cli/main.o,$(objects))
tables := $(B)/gen/abis.inc $(patsubst profiles/%.tsv,$(B)/gen/%.inc,$(wildcard profiles/*.tsv profiles/*/*.tsv))
unit := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
workloads := $(patsubst tests/workloads/%.c,$(B)/workloads/%,$(wildcard tests/workloads/*.c))

ifndef V
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

all: $(B)/whittle
$(B)/whittle: $(objects)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(own_cflags) $(LDFLAGS) -o $@ $^ $(libs)
	$(Q)ln -sfn $(notdir $(B))/whittle build/whittle
$(B)/%.o: %.c Makefile | $(tables)
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
$(B)/workloads/%: tests/workloads/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O1 -g -std=gnu11 -Wall -Wextra -D_GNU_SOURCE -o $@ $< -pthread

unit: $(unit)
	$(Q)for t in $(unit); do $$t || exit 1; done
clean:
	rm -rf build

.PHONY: all unit clean
.DELETE_ON_ERROR:
-include $(objects:.o=.d) $(wildcard $(B)/unit/*.d)
