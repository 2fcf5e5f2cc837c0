# Everything runs in a virtual environment of its own, made on first use and brought up to date when pyproject.toml
# changes: `serve` installs what serving needs, all else what tests need as well.
VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --no-compile --editable

# Every process of a test would else compile all modules again, where the environment says that they are not to be kept.
export PYTHONDONTWRITEBYTECODE =

.PHONY: serve test pytest long fuzz faults soak image-check check clean

serve: $(VENV)/serves
	$(BIN)/realnet serve

test: $(VENV)/tests
	@$(BIN)/python tests/redis_binary.py
	@# Kernels once, since every worker would compile them else; the checks beside them.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync \
		compiled-matrix compiled-dendrites compiled-streams check $(VENV)/imported
	@$(MAKE) --no-print-directory pytest

# More workers than two cores, since much of a test is waiting; each takes 10 s to import what all test. In the order of
# the files, since those of few tests are long, and would come last.
pytest: $(VENV)/imported
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

compiled-%: $(VENV)/serves
	@PYTHONPATH=. $(BIN)/python docker/compile_kernels.py $*

# What `test` leaves out: kills at every place, packages, notebooks, all of the page. Some five minutes.
long: $(VENV)/imported
	@$(INSTALL) '.[dev,cluster]' > /dev/null
	$(BIN)/pytest -n 3 --dist worksteal -m long

# 10,000 requests made up from the OpenAPI document, and 10,000 messages: some ten minutes.
fuzz: $(VENV)/tests
	FUZZ_CASES=10000 $(BIN)/pytest --timeout 3600 tests/fuzz

# 50 rounds of each kill, on both stores: a quarter of an hour. Not by file, since nearly all of it is one file's.
faults: $(VENV)/tests
	FAULT_ROUNDS=50 $(BIN)/pytest -n 2 --dist worksteal --timeout 3600 -m "not gpu" tests/faults tests/hive tests/packaging

# A day in an hour: it says whether memory, open files, journal and speed stay what they were.
soak: $(VENV)/tests
	$(BIN)/python -m benchmarks.soak

# The images are built and run, without a Docker engine; some ten minutes the first time. As root, on Debian.
image-check: $(VENV)/tests
	PYTHONPATH=. $(BIN)/python docker/image_check.py

check: $(VENV)/tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(VENV)/serves: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=...") if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "this Python has no ensurepip: apt-get install python3-venv"; exit 1; }
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "installing what serving needs: some 90 MB to fetch"
	@$(INSTALL) .
	@echo "installed; the first start compiles the net's kernels, which takes some 30 s"
	@touch $@

$(VENV)/tests: $(VENV)/serves
	@echo "installing what the tests need as well, PyTorch above all"
	@$(INSTALL) '.[dev]'
	@touch $@

# Once, and not by each worker: to compile all modules that tests import, which pip leaves to those who need them. What
# is wrong with them the tests tell.
$(VENV)/imported: $(VENV)/tests
	@$(BIN)/pytest --collect-only > /dev/null 2>&1 || :
	@touch $@

clean:
	rm -rf $(VENV)
