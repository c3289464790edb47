# The few commands people type. Every target sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What is compiled when the package is installed: an older library would not be used.
KERNELS := hatch_build.py $(wildcard pgverify/*/*.c pgverify/*/*.h)
SEED ?= 0
# Third-party implementations are heavy, so they have an environment of their own.
THIRDPARTY := .venv-thirdparty
# So has the documentation: its builder is young and pinned.
DOCS := .venv-docs

# Tests start some hundred processes, each of which would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: study catalogue catalogue-means test test-all test-hostile test-pages test-browser test-thirdparty test-thirdparty-all docs check \
	format survey survey-all survey-locks benchmark benchmark-speed benchmark-compare clean

study: $(READY)  ## run every shipped study and write reports/
	$(BIN)/pgverify study run --all --seed $(SEED) --out reports

catalogue: $(READY)  ## what the oracle says about every catalogued fault: reports/catalogue.md and .csv
	$(BIN)/python -m pgverify.reporting.catalogue_table reports

catalogue-means: $(READY)  ## the expectations of the catalogue and the facts of the suite that are shipped, after a change of the catalogue or the suite
	$(BIN)/python -m pgverify.checking.exhaustive.write_kept_means
	$(BIN)/python -m pgverify.checking.exhaustive.write_kept_facts

test: $(READY)  ## the default test suite
	$(BIN)/pytest -n auto --dist worksteal -m "not slow" --ignore tests/browser

test-all: $(READY)  ## everything, the slow tests included
	$(BIN)/pytest -n auto --dist worksteal

test-hostile: $(READY)  ## every hostile function through the command line, one after another
	$(BIN)/pytest tests/checking/isolation

test-pages: $(READY)  ## the pages of docs/, followed to the letter
	$(BIN)/pytest -n auto tests/docs

test-browser: $(READY)  ## the pages in a headless Chromium: skipped, with the reason, where there is none
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[browser]' || \
		echo "the extra browser cannot be installed here: its tests are skipped"
	$(BIN)/pytest tests/browser

test-thirdparty: WHICH := -m "not slow"
test-thirdparty-all: WHICH :=
test-thirdparty test-thirdparty-all: $(THIRDPARTY)/.ready  ## rlax, torchrl, stable-baselines3 and trl before the oracle; torch, JAX, Dask
	$(THIRDPARTY)/bin/pytest -n auto --dist worksteal $(WHICH) tests/thirdparty tests/adapters/test_torch_adapter.py \
		tests/adapters/test_jax_adapter.py tests/adapters/test_module_policy.py tests/adapters/test_recurrent_policy.py \
		tests/adapters/test_function_policy.py tests/adapters/test_losses_of_any_policy.py \
		tests/adapters/test_scripted_torch.py tests/adapters/test_scripted_jax.py tests/adapters/test_old_log_probs.py tests/language \
		tests/docs/test_suites_page.py tests/docs/test_pages.py tests/test_readme.py tests/running/test_running_dask.py

docs: $(DOCS)/.ready  ## the documentation as a site, in site/; warnings are errors
	$(DOCS)/bin/python -m site_builder

check: $(READY)  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	for study in studies/*/study.py; do MYPYPATH=$$(dirname $$study) $(BIN)/mypy --no-error-summary $$study || exit 1; done

format: $(READY)  ## rewrite the files in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(READY)  ## ratios and memory, measured side by side
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

benchmark-speed: $(THIRDPARTY)/.ready  ## ours beside JAX, torch, Gymnasium and plain NumPy: reports/speed.md and .csv
	$(THIRDPARTY)/bin/python benchmarks/speed

benchmark-compare: $(THIRDPARTY)/.ready  ## the same again: which ratio fell by more than 20 % since
	$(THIRDPARTY)/bin/python benchmarks/speed --compare

survey: $(THIRDPARTY)/.ready  ## other libraries' functions before the oracle, those of the third-party environment: build/survey
	$(THIRDPARTY)/bin/pgverify survey --light --out build/survey --since reports/survey.csv

survey-all: $(READY)  ## all of them, each in an environment of its own that is kept: reports/survey.*; resumes where it stood
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/pgverify survey --out reports

survey-locks: $(READY)  ## exact versions of all that each library is surveyed with: studies/survey/locks/
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/python -m pgverify.survey.locks

clean:
	rm -rf $(VENV) $(THIRDPARTY) $(DOCS) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The constraints pin every version used in development, so that a new release of a library cannot break main.
$(READY): pyproject.toml constraints.txt $(KERNELS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,gymnasium,dev]'
	touch $(READY)

# torch comes first and alone, so that no other requirement can choose its version.
$(THIRDPARTY)/.ready: pyproject.toml constraints.txt constraints-thirdparty.txt $(KERNELS)
	$(PYTHON) -m venv $(THIRDPARTY)
	$(THIRDPARTY)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(THIRDPARTY)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--constraint constraints-thirdparty.txt --editable '.[test,gymnasium,thirdparty]'
	touch $(THIRDPARTY)/.ready

$(DOCS)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $(DOCS)/.ready
