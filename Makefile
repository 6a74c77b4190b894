# Every target works on a fresh checkout: it makes the virtual environment that it needs.
# Choose an interpreter with `make demo PYTHON=python3.12`, pytest options with PYTEST_ARGS. Tests run
# in as many processes as there are cores, at most 8; WORKERS=0 keeps them in one.

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
WORKERS ?= auto
KILLS ?= 20
SEED ?= 0
CASES ?= 5000
EXAMPLES_AT_ONCE ?= 2

BIN := $(VENV)/bin
PYTEST := -m pytest --numprocesses=$(WORKERS) --maxprocesses=8 --dist=worksteal
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
comma := ,
OLDEST := tests/constraints-oldest.txt

export TF_CPP_MIN_LOG_LEVEL ?= 2
export MPLBACKEND ?= Agg

# Tests train many tiny networks: threads inside an operation would cost more than they save.
test test-fast test-oldest test-newest reliability round-trips fuzz: export OMP_NUM_THREADS ?= 1
test test-fast test-oldest test-newest reliability round-trips fuzz: export TF_NUM_INTRAOP_THREADS ?= 1
test test-fast test-oldest test-newest reliability round-trips fuzz: export TF_NUM_INTEROP_THREADS ?= 2

.PHONY: help demo test test-fast test-oldest test-newest lint format docs gallery linkcheck examples smoke reliability \
    fuzz round-trips bench bench-accuracy report-check pictures reproduce clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-plot ## Train a stack of stacked RNNs on handwritten digits
	@$(BIN)/python examples/plot_digits.py

test: $(VENV)/.installed-test ## Run the whole test suite and the doctests
	$(BIN)/python $(PYTEST) $(PYTEST_ARGS)

test-fast: $(VENV)/.installed-test ## Run the tests that are not marked slow
	$(BIN)/python $(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-oldest: .venv-oldest/.installed ## Run the suite on the oldest supported versions
	.venv-oldest/bin/python $(PYTEST) $(PYTEST_ARGS)

test-newest: .venv-newest/.installed ## Run the suite on the newest versions there are
	.venv-newest/bin/python $(PYTEST) $(PYTEST_ARGS)

lint: $(VENV)/.installed-lint ## Check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-lint ## Mend style and formatting where that is safe
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-docs ## Build the documentation; a warning is an error
	@rm -rf docs/api/generated docs/auto_examples
	$(BIN)/python -m sphinx -W --keep-going --fresh-env --quiet -b html docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

gallery: $(VENV)/.installed-docs $(VENV)/.installed-examples ## The same, with every example run for its page
	@DOCS_RUN_EXAMPLES=1 $(MAKE) docs

linkcheck: $(VENV)/.installed-docs ## Ask every address in the documentation; needs the network
	$(BIN)/python -m sphinx --quiet -b linkcheck docs docs/_build/linkcheck

examples: $(VENV)/.installed-examples ## Run every example (STACKENS_EXAMPLES=quick cuts long ones)
	@rm -rf build/examples && mkdir -p build/examples
	@all=$$(date +%s); printf '%s\n' examples/*.py | xargs -n 1 -P $(EXAMPLES_AT_ONCE) sh -c \
	    'log=build/examples/$$(basename $$0).txt; one=$$(date +%s); $(BIN)/python "$$0" > $$log 2>&1; \
	    rc=$$?; printf "== %s\n%s\n-- %s: %s s\n" $$0 "$$(cat $$log)" $$0 $$(($$(date +%s) - one)); \
	    exit $$rc' || exit 1; echo "All examples: $$(($$(date +%s) - all)) s"

smoke: $(VENV)/.installed-lint ## Build wheel and sdist; try each in an environment of its own
	@rm -rf build/smoke && mkdir -p build/smoke
	@$(BIN)/python -m build --outdir build/smoke . > build/smoke/build.log || { cat build/smoke/build.log; exit 1; }
	@$(BIN)/python tests/distributions.py build/smoke
	@set -e; for kind in whl tar.gz; do \
	    echo "== $$(ls build/smoke/*.$$kind)"; \
	    $(BIN)/python -m venv build/smoke/$$kind; \
	    build/smoke/$$kind/bin/python -m pip --quiet --disable-pip-version-check \
	        install build/smoke/*.$$kind; \
	    cp tests/smoke.py build/smoke/smoke.py; \
	    (cd build/smoke && $$kind/bin/python smoke.py); done

reliability: $(VENV)/.installed-test ## Kill fits at random moments and resume them (KILLS=20 SEED=0)
	$(BIN)/python tests/reliability/kill_and_resume.py --kills $(KILLS) --seed $(SEED)

round-trips: $(VENV)/.installed-test ## Save all that the tests fit, and load each in a fresh process
	@rm -rf build/round-trips
	ROUND_TRIPS=build/round-trips PYTHONPATH=tests $(BIN)/python -m pytest -p round_trips $(PYTEST_ARGS)
	$(BIN)/python tests/round_trips.py build/round-trips

fuzz: $(VENV)/.installed-test ## Ask every estimator about generated inputs (CASES=5000)
	STACKENS_FUZZ_CASES=$(CASES) $(BIN)/python $(PYTEST) tests/robustness/test_generated_input.py $(PYTEST_ARGS)

bench: $(VENV)/.installed-bench ## Run every benchmark beside its peers; write table and plots
	@set -e; for bench in $(filter-out %/bench_accuracy.py,$(wildcard tests/benchmarks/bench_*.py)); do \
	    echo "== $$bench"; $(BIN)/python "$$bench"; done
	$(BIN)/python tests/benchmarks/report.py

bench-accuracy: $(VENV)/.installed-bench ## make_stack on real sets, beside peers; skips what is done
	$(BIN)/python tests/benchmarks/bench_accuracy.py

report-check: $(VENV)/.installed-test $(VENV)/.installed-browser ## Look at the report in a browser; check its accessibility
	$(BIN)/python -m pytest -rs tests/inspection/test_report_in_browser.py $(PYTEST_ARGS)

pictures: $(VENV)/.installed-examples $(VENV)/.installed-browser ## Draw the pictures of the guide anew
	$(BIN)/python examples/plot_inspection.py
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/gallery.py

reproduce: $(VENV)/.installed-bench ## Claims of the sources, shown anew; skips what is done
	@set -e; for script in tests/benchmarks/reproduce_*.py; do \
	    echo "== $$script"; $(BIN)/python "$$script"; done

clean: ## Remove environments, caches and built files
	rm -rf $(VENV) .venv-oldest .venv-newest build dist docs/_build docs/api/generated docs/auto_examples docs/auto_notebooks demo_output
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find stackens tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is made once and changed only when pyproject.toml is.
$(BIN)/python .venv-oldest/bin/python .venv-newest/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and \
	    "stackens with TensorFlow needs Python 3.11 to 3.13; choose one: make PYTHON=python3.12")'
	@echo "Making $(@:/bin/python=) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(@:/bin/python=)

$(VENV)/.installed-%: EXTRAS = cpu,plot$(addprefix $(comma),$(filter-out plot,$*))
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing stackens[$(EXTRAS)] into $(VENV) (once; TensorFlow is a large download)"
	@$(PIP) install --editable '.[$(EXTRAS)]'
	@touch $@

.venv-oldest/.installed: pyproject.toml $(OLDEST) | .venv-oldest/bin/python
	@.venv-oldest/bin/python -m pip --quiet --disable-pip-version-check \
	    install --constraint $(OLDEST) --editable '.[cpu,plot,test]'
	@touch $@

.venv-newest/.installed: pyproject.toml | .venv-newest/bin/python
	@.venv-newest/bin/python -m pip --quiet --disable-pip-version-check \
	    install --upgrade --upgrade-strategy eager --editable '.[cpu,plot,test]'
	@touch $@
