# `make help` says what there is. What is built lives in .venv and _build.
.DEFAULT_GOAL := help
.PHONY: help env versions book pdf test lint quick notebooks homework grade runs bench lab clean

PYTHON ?= python3
BIN := .venv/bin
NOTEBOOKS := $(sort $(wildcard chapters/*/*.ipynb))
EXTRAS := book,grade,pdf,test
WORKERS ?= 2
# One thread a process: the notebooks and the tests run side by side.
export OMP_NUM_THREADS := 1

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' Makefile

env: .venv/done  ## the environment in .venv, with the versions of constraints.txt

.venv/done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "== environment: installing into .venv (a few minutes the first time)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[$(EXTRAS)]"
	$(BIN)/python -m bookext
	@touch $@

versions:  ## an environment of other versions: VERSIONS=lowest-direct or highest
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python .venv --resolution $(VERSIONS) --editable ".[$(EXTRAS)]"
	$(BIN)/python -m bookext
	@touch .venv/done .venv/unpinned

book: env  ## build the site into _build/html, warnings as errors
	@echo "== book: building chapters/ into _build/html"
	$(BIN)/jupyter-book build . --path-output . --all -n -W --keep-going --quiet
	$(BIN)/python tests/site/pages.py _toc.yml _build/html
	@touch _build/book.done
	@echo "== book: done, open file://$(CURDIR)/_build/html/index.html"

pdf: book  ## the whole book as one PDF (with Chromium), in _build
	$(BIN)/python -m bookext.paper _toc.yml _build/html _build/log-derivative-trick.pdf

# WEEKLY=1 leaves out nothing, SLOW=1 what one of a kind stands for, else what is slow, too.
LEFT_OUT := $(if $(filter 1,$(WEEKLY)),,-m "$(if $(filter 1,$(SLOW)),not weekly,not slow)")

test: lint .venv/browser/done  ## lint, types, unit, theorem, notebook and site tests (SLOW=1: slow ones too)
	@echo "== test: unit, theorem and site tests"
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(LEFT_OUT) tests
	@echo "== test: notebooks run and print what they store"
	$(BIN)/python -m pytest -n $(WORKERS) -c tests/nbval.ini chapters
	@echo "== test: all passed"

# Tools and libraries of other versions have other rules and types: what is
# written is held against the pinned ones.
lint: env
	@echo "== lint and types"
	$(BIN)/lint-imports
	@test -e .venv/unpinned || { $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python -m mypy; }

quick: lint  ## lint, types, and the units that are quick: about a minute
	@echo "== units"
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" tests/logderiv

.venv/browser/done: .venv/done tests/site/package.json
	@echo "== test: installing what looks at the site into .venv"
	$(BIN)/npm install --silent --no-audit --no-fund --install-links --prefix .venv/browser ./tests/site
	@touch $@

notebooks: env  ## run every notebook afresh and store its outputs
	@for notebook in $(NOTEBOOKS); do \
	  echo "== $$notebook"; \
	  $(BIN)/jupyter-nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False --log-level WARN $$notebook \
	    && $(BIN)/jupyter-nbconvert --to notebook --inplace --coalesce-streams --log-level WARN $$notebook || exit 1; \
	done

homework: env  ## the student copies and the package, in _build/homework
	$(BIN)/python -m coursework release _build/homework

grade: env  ## grade a folder: make grade SUBMISSIONS=dir OUT=dir
	@test -n "$(SUBMISSIONS)" -a -n "$(OUT)" || { echo "make grade SUBMISSIONS=dir OUT=dir"; exit 1; }
	$(BIN)/python -m coursework grade "$(SUBMISSIONS)" "$(OUT)" $(if $(HOMEWORK),--homework $(HOMEWORK))

runs: env  ## train the many seeds that chapter 4 draws (about 10 minutes)
	$(BIN)/python -m logderiv.reinforce.experiments chapters/4-reinforce/runs.json
	@echo "== runs: stored; their chapter: make notebooks NOTEBOOKS=chapters/4-reinforce/reinforce.ipynb"

bench: .venv/bench  ## measure every speed that is claimed, as ratios (about 15 minutes)
	@mkdir -p _build
	$(BIN)/python -m pytest -c tests/bench.ini --benchmark-json=_build/bench.json tests/benchmarks >_build/bench.log || { cat _build/bench.log; exit 1; }
	$(BIN)/python tests/benchmarks/report.py _build/bench.json chapters/back/benchmarks.json
	@echo "== bench: the table is in chapters/back/benchmarks.json; its page: make notebooks NOTEBOOKS=chapters/back/benchmarks.ipynb"

.venv/bench: .venv/done
	@echo "== bench: installing what we race against into .venv"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	@touch $@

lab: .venv/lab  ## JupyterLab on the chapters
	$(BIN)/jupyter-lab chapters

.venv/lab: .venv/done
	@echo "== lab: installing JupyterLab into .venv"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[lab]"
	@touch $@

clean:  ## remove what was built
	rm -rf _build .venv code/*.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
