# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROMPT ?= lo-fi beats with accordion

.PHONY: demo test check setup ui clean

demo: $(VENV)/installed  ## diagnose a prompt on the embedded models and show the result
	$(BIN)/tonescope diagnose "$(PROMPT)" --out out/demo --overwrite --timings

ui: $(VENV)/installed  ## open the page
	$(BIN)/tonescope ui

test: setup check  ## lint, types, tests
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/ready  ## everything for development and training

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

# tinysoundfont declares an audio driver that only its live playback needs; rendering works without it.
$(VENV)/ready: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps tinysoundfont
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info out
