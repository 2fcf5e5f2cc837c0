# Everything runs in a virtual environment of its own, made on first use and again when pyproject.toml changes.
VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin

.PHONY: serve test fuzz faults soak image-check check clean

serve: $(VENV)/installed
	$(BIN)/realnet serve

test: check
	@command -v redis-server >/dev/null || { echo "make test needs a real redis-server: apt-get install redis-server"; exit 1; }
	$(BIN)/pytest -n 3 --dist loadfile --ignore tests/fuzz  # more than two cores: much of a test is waiting
	$(BIN)/pytest tests/fuzz  # by itself: all its requests have one name, of which loadfile would run one

# 10,000 requests made up from the OpenAPI document, and 10,000 messages: some ten minutes.
fuzz: $(VENV)/installed
	FUZZ_CASES=10000 $(BIN)/pytest --timeout 3600 tests/fuzz

# 50 rounds of each kill, on both stores: a quarter of an hour. Not by file, since nearly all of it is one file's.
faults: $(VENV)/installed
	FAULT_ROUNDS=50 $(BIN)/pytest -n 2 --dist worksteal --timeout 3600 tests/faults

# A day in an hour: it says whether memory, open files, journal and speed stay what they were.
soak: $(VENV)/installed
	$(BIN)/python -m benchmarks.soak

# The image is built and run, without a Docker engine; some four minutes the first time. As root, on Debian.
image-check: $(VENV)/installed
	PYTHONPATH=. $(BIN)/python docker/image_check.py

check: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)
