# Two commands do everything on a fresh machine: `make demo` and `make test`. `make compat` asks the same of other versions.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROMPT ?= lo-fi beats with accordion

# Two processes test side by side, each whole files on one thread: what a file makes once is made once.
TEST_PROCESSES ?= 2
TEST := -m pytest -n $(TEST_PROCESSES) --dist loadfile
test compat-lowest compat-newest: export OMP_NUM_THREADS := 1
test compat-lowest compat-newest: export TONESCOPE_WORKERS := 1

# What has to hold on the lowest and on the newest versions that pyproject.toml allows: all but what training needs.
COMPAT_TESTS := tests/models tests/diagnose tests/ui --ignore=tests/diagnose/jobs/test_embedded.py
COMPAT_ENV := .venv-compat

LAION_ENV := .venv-laion
LAION_MADE := build/laion

.PHONY: demo test check browser compat compat-lowest compat-newest laion refresh setup ui clean

demo: $(VENV)/installed  ## diagnose a prompt on the embedded models and show the result
	$(BIN)/tonescope diagnose "$(PROMPT)" --out out/demo --overwrite --timings

ui: $(VENV)/installed  ## open the page
	$(BIN)/tonescope ui

test: setup check  ## lint, types, tests
	$(BIN)/python $(TEST)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What tests/browser needs, as far as it can be had here; what is missing then, its tests say when they are skipped.
AXE := 4.14.1
browser: setup .browser/axe.min.js
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[browser]"
	command -v chromium || apt-get install --yes --quiet chromium || echo "Install chromium, and run this again."

.browser/axe.min.js:  ## axe-core (MPL 2.0), which is used by the tests and not handed on
	mkdir -p .browser
	cd .browser && npm pack --silent axe-core@$(AXE) >/dev/null \
		&& tar -xzmf axe-core-$(AXE).tgz --strip-components=1 package/axe.min.js && rm axe-core-$(AXE).tgz

compat: compat-lowest compat-newest  ## the invariants with other versions than those in constraints.txt

# Where uv takes packages from is uv's to know (UV_INDEX, UV_FIND_LINKS, uv.toml).
compat-lowest compat-newest: compat-%: setup
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(COMPAT_ENV)/$*
	$(BIN)/uv pip sync --quiet --python $(COMPAT_ENV)/$* compat/$*.txt
	$(BIN)/uv pip install --quiet --python $(COMPAT_ENV)/$* --no-deps --editable .
	$(BIN)/uv pip check --quiet --python $(COMPAT_ENV)/$*
	$(COMPAT_ENV)/$*/bin/python $(TEST) $(COMPAT_TESTS)

# laion-clap runs with another numpy, so in an environment of its own; it is kept from asking a model hub.
laion: setup  ## checkpoints of laion-clap, compared with that package on random weights
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(LAION_ENV)
	$(BIN)/uv pip install --quiet --python $(LAION_ENV) --group laion
	$(LAION_ENV)/bin/python tests/models/judges/laion_oracle.py $(LAION_MADE)
	TONESCOPE_LAION=$(LAION_MADE) $(BIN)/python -m pytest tests/models/judges/test_laion_clap.py

refresh: setup  ## choose the two sets of versions of `make compat` anew
	for set in lowest:lowest-direct newest:highest; do \
		$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --resolution $${set#*:} \
			--upgrade --quiet --no-header --no-annotate --output-file compat/$${set%:*}.txt || exit 1; \
	done

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
	rm -rf $(VENV) $(COMPAT_ENV) $(LAION_ENV) .browser build dist *.egg-info out
