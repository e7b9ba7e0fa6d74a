# Two commands do everything on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint soak bench model screenshots clean

demo: $(READY)
	$(BIN)/buqi demo

test: $(READY) lint
	$(BIN)/pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The long sweeps: SIZE=10 asks for ten times the cases of `make test`.
SIZE ?= 10
soak: $(READY)
	$(BIN)/pytest tests/crash tests/storage tests/nlp/test_reader.py --timeout=0 \
		--kills=$$((2000*$(SIZE))) --updates=$$((100000*$(SIZE))) --texts=$$((20000*$(SIZE)))

bench: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.inbound
	$(BIN)/python -m benchmarks.reading

# The model that comes with the program: to be made again when corpus, words or the code that reads and learns change.
model: $(READY)
	$(BIN)/python -m nlp.ship

# The pictures of the README, taken by the tests of the pages.
screenshots: $(READY)
	BUQI_SCREENSHOTS=docs/images $(BIN)/pytest tests/web/test_screenshots.py

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv data build
