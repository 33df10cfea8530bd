# Two commands do all: `make demo` and `make test`. Both make .venv first, from the locked versions in constraints.txt.
# Another interpreter: `make test PYTHON=python3.12`. Another number of test processes: `make test WORKERS=4`.
PYTHON ?= python3
WORKERS ?= 2
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install -qq -c constraints.txt
BENCHMARKS = $(wildcard benchmarks/*.py)

.PHONY: help demo test test-slow lint types coverage bench clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       set up, then search, train, confirm and export a model for handwritten digits (about 2 minutes)"
	@echo "make test       set up, then lint, types, layers, sizes and all quick tests (up to 8 minutes on 2 cores)"
	@echo "make test-slow  the tests that take minutes"
	@echo "make coverage   branch coverage of the rooms that need no torch (90 % wanted)"
	@echo "make bench      every table of benchmarks/, peers included"
	@echo "make clean      remove .venv, caches and runs/demo"

demo: .venv/.all
	@echo "==> demo: 90 seconds of architecture search on handwritten digits, everything on this machine"
	@rm -rf runs/demo && mkdir -p runs/demo
	@.venv/bin/searchitect run digits --budget 90s --out runs/demo --store runs/demo/studies.db
	@echo "==> the report page is runs/demo/report.html; the model is runs/demo/model.safetensors and runs/demo/model.onnx"

test: export OMP_NUM_THREADS = 1
test: lint types
	@echo "==> tests: $(WORKERS) processes, warnings are errors"
	@$(PY) -m pytest -q -n $(WORKERS) -m "not slow"

test-slow: export OMP_NUM_THREADS = 1
test-slow: .venv/.dev
	@$(PY) -m pytest -q -n $(WORKERS) -m slow --timeout 1800

lint: .venv/.dev
	@echo "==> lint: ruff check, ruff format --check"
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo "    to mend it: $(PY) -m ruff format ."; exit 1; }

types: .venv/.dev
	@echo "==> types: mypy --strict"
	@$(PY) -m mypy

coverage: export OMP_NUM_THREADS = 1
coverage: .venv/.dev
	@$(PY) -m pytest -q -n $(WORKERS) -m "not slow" --cov --cov-report=term:skip-covered

bench: .venv/.bench
	@for script in $(BENCHMARKS); do echo "==> $$script"; $(PY) $$script || exit 1; done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* runs/demo

# One stamp for each set of extras; a change of the locked versions or of the dependencies installs again.
.venv/.all: EXTRAS = all
.venv/.dev: EXTRAS = dev
.venv/.bench: EXTRAS = all,bench
.venv/.all .venv/.dev .venv/.bench: pyproject.toml constraints.txt | $(PY)
	@echo "==> installing searchitect[$(EXTRAS)] with the versions locked in constraints.txt (about a minute the first time)"
	@$(PIP) -e ".[$(EXTRAS)]"
	@touch $@

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Searchitect needs Python 3.11 or newer as '$(PYTHON)'. Name another one: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "==> making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
