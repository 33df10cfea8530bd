# Two commands do all: `make demo` and `make test`. Both make .venv first, from the locked versions in constraints.txt.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: demo test test-slow lint types setup clean
