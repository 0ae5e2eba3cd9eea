# Everything runs in .venv, which the first target makes. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-long lint format docs serve gallery clean

.PHONY: install tutorial gpu cuda-device

install: $(VENV)/installed

tutorial: $(VENV)/installed-test
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/notebook.py

demo: $(VENV)/installed
	$(BIN)/python -m benchmarks.demo

test: $(VENV)/installed-test lint
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not long"

test-long: $(VENV)/installed-long
	$(BIN)/python -m pytest -m long

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

gpu: cuda-device $(VENV)/installed-gpu
	$(BIN)/python -m karel_gym.cli benchmark gpu

# Asks the driver itself: the libraries that could ask it are gigabytes.
CUDA_DEVICES := import ctypes, sys; cuda, n = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(); \
	sys.exit(cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(n)) or n.value == 0)

cuda-device:
	@$(PYTHON) -c '$(CUDA_DEVICES)' 2>/dev/null || { \
		echo "make gpu: the driver finds no CUDA device; nothing was installed" >&2; exit 1; }

docs: $(VENV)/installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

serve: $(VENV)/installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve

gallery: $(VENV)/installed-test
	$(BIN)/python docs/gallery.py

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python setup.cfg constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/installed-test: $(VENV)/bin/python setup.cfg constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch $@

# A CPU version of torch, which satisfies the pinned version too, is replaced.
$(VENV)/installed-gpu: $(VENV)/bin/python setup.cfg constraints.txt | cuda-device
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,cuda]"
	$(BIN)/python -c "import sys, torch; sys.exit(torch.version.cuda is None)" || { \
		$(BIN)/pip uninstall --quiet --yes torch && $(BIN)/pip install --quiet \
		--disable-pip-version-check -c constraints.txt torch; }
	touch $@

$(VENV)/installed-long: $(VENV)/bin/python setup.cfg constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,integrations]"
	touch $@
