# Everything runs in a virtual environment of its own, made on first use and again when pyproject.toml changes.
VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin

.PHONY: serve test check clean

serve: $(VENV)/installed
	$(BIN)/realnet serve

test: check
	@command -v redis-server >/dev/null || { echo "make test needs a real redis-server: apt-get install redis-server"; exit 1; }
	$(BIN)/pytest

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
