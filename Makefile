# The two commands of this project are `make serve` and `make test`; README shows the same without make.
# Variables: PYTHON (3.11 or newer), VENV (where the environment lives), PORT, ARGS (passed to the tool), JOBS.

PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 5006
JOBS   ?= 3
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install
INPUTS := pyproject.toml constraints.txt

# Tests begin hundreds of processes, and each would compile torch, Panel and all the rest for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: serve test docs notebooks notebooks-refresh format constraints clean

serve: $(VENV)/app.stamp
	$(BIN)/amtlab serve --port $(PORT) $(ARGS)

# mypy, which has one core, runs beside the tests and prints what it finds among their lines.
test: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & types=$$!; \
	  $(BIN)/pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder --nbval \
	    --nbval-sanitize-with notebooks/sanitize.cfg $(ARGS); tests=$$?; \
	  wait $$types || { echo "mypy found errors: see above, among the first lines of the tests"; exit 1; }; exit $$tests

docs: $(VENV)/docs.stamp
	$(BIN)/python docs/build.py $(ARGS)

notebooks: $(VENV)/notebooks.stamp
	$(BIN)/jupyter lab notebooks $(ARGS)

notebooks-refresh: $(VENV)/test.stamp
	$(BIN)/python notebooks/refresh.py $(ARGS)

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist docs/_build

# One environment, made when missing; each stamp says which extras it holds and is older than no input. The pip that
# comes with Python 3.11 takes twice the time of the newest for these packages.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv --upgrade-deps $(VENV)

# First all packages but torch, each file held against its hash; then torch, as the index offers it, and this checkout.
$(VENV)/app.stamp: $(INPUTS) locks/app.txt | $(BIN)/python
	$(PIP) --require-hashes --no-deps -r locks/app.txt
	$(PIP) --no-build-isolation -c constraints.txt -e '.[app]'
	@touch $@

# The tests import a third of these packages' modules: compiling all of them beforehand takes longer. torch is a third
# of all that is unpacked, which one core does beside the rest.
$(VENV)/test.stamp: $(INPUTS) locks/test.txt tests/js/npm.py | $(BIN)/python
	$(PIP) --no-compile --no-deps -c constraints.txt torch & torch=$$!; \
	  $(PIP) --no-compile --require-hashes --no-deps -r locks/test.txt || { kill $$torch; exit 1; }; wait $$torch
	$(PIP) --no-compile --no-build-isolation -c constraints.txt -e '.[app,notebooks,docs,test]'
	$(BIN)/python tests/js/npm.py
	@touch $@

$(VENV)/notebooks.stamp: $(INPUTS) locks/notebooks.txt | $(BIN)/python
	$(PIP) --require-hashes --no-deps -r locks/notebooks.txt
	$(PIP) --no-build-isolation -c constraints.txt -e '.[app,notebooks]'
	@touch $@

$(VENV)/docs.stamp: $(INPUTS) locks/docs.txt | $(BIN)/python
	$(PIP) --require-hashes --no-deps -r locks/docs.txt
	$(PIP) --no-build-isolation -c constraints.txt -e '.[app,notebooks,docs]'
	@touch $@

# Newest versions and their hashes; ARGS="--upgrade-package NAME" for one package alone.
constraints:
	tools=$$(mktemp -d) && trap 'rm -rf $$tools' EXIT && $(PYTHON) -m venv $$tools && \
	  $$tools/bin/python -m pip install -q uv && $$tools/bin/python locks/renew.py $(ARGS)
