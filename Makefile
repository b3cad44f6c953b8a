# make demo, make test and make lint each set everything up by themselves, once.
#   PYTHON  the interpreter for the environment: 3.11 or 3.12
#   TORCH   what pip installs as torch, e.g. TORCH=torch for the newest
#   ARGS    more arguments for pytest, e.g. ARGS='-m "not slow"'
#   JOBS    how many test files run side by side; each takes one core and up to 3 GB
#   PRESETS what make bench times beside the bundled weights

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
TORCH ?= torch==2.13.0
ARGS ?=
JOBS ?= 2
PRESETS ?= fast fewshot

BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test bench gate lint format wheel clean

help:
	@echo "make demo    a portrait and a recording become demo/astronaut.mp4"
	@echo "make test    run the tests"
	@echo "make bench   how fast is it here? into benchmarks/README.md"
	@echo "make gate    has a part become slower or larger?"
	@echo "make lint    ruff (check and format) and mypy"
	@echo "make format  mend what ruff can mend"
	@echo "make wheel   build dist/pdfgc-*.whl, weights inside"
	@echo "make clean   remove what these commands made, the environment too"

setup: $(READY)

# torch goes first, so that the packages below keep the build that was asked for. mediapipe and
# face-alignment each bring an OpenCV that needs libGL; all of them own the folder cv2/, so all
# go, and only the headless one, which needs no system library, comes back.
$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || \
		{ echo "pdfgc needs Python 3.11 or 3.12: make PYTHON=/path/to/python3.11"; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,train,eval,identity]'
	$(BIN)/python -m pip uninstall --quiet -y opencv-python opencv-contrib-python opencv-python-headless
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt opencv-python-headless
	@touch $@

demo: $(READY)
	mkdir -p demo
	$(BIN)/pdfgc animate --source examples/astronaut.jpg --audio examples/speech.flac -o demo/astronaut.mp4
	$(BIN)/python examples/contact_sheet.py demo/astronaut.mp4 demo/astronaut.png

test: $(READY)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(ARGS)

# Speed of the bundled weights and of the presets at full size, into the tables of
# benchmarks/README.md; only worth it on an idle machine.
bench: $(READY)
	mkdir -p runs
	$(BIN)/python -m pdfgc bench --source examples/astronaut.jpg --audio examples/speech.flac \
		--weights default --presets $(PRESETS) --seconds 2 --memory 10 60 -o runs/bench.jsonl
	$(BIN)/python benchmarks/table.py runs/bench.jsonl

gate: $(READY)
	$(BIN)/python benchmarks/gate.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(READY)
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .

clean:
	rm -rf .venv demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
