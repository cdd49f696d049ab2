# One door for every chore; CI does exactly what these targets do.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV := .venv
BIN := $(VENV)/bin
LOCK := packaging/locks/dev.txt
# what the demo and the tests need of the machine: test hosts, and a way to reach them
PACKAGES := chromium binutils debootstrap iproute2 maven openjdk-17-jdk-headless openssh-client podman python3-venv runc
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
KEEP ?=
DATA ?=
CACHE := .cache
PYTEST_ARGS ?=

export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible

.PHONY: help
help: ## Show what there is
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

.PHONY: demo
demo: packages venv ## Build a small cluster, break it five ways, watch the agent heal it (KEEP=1 leaves it running)
	@$(SUDO) env PATH="$(PATH)" $(BIN)/opsmend demo $(if $(KEEP),--keep)

.PHONY: demo-clean
demo-clean: venv ## Remove every trace of the demo: hosts, images, files
	@$(SUDO) env PATH="$(PATH)" $(BIN)/opsmend demo --clean

.PHONY: test
test: packages venv servers ## Install what is missing and run all tests, some side by side (WORKERS=3, PYTEST_ARGS=…)
	$(SUDO) env PATH="$(PATH)" $(BIN)/pytest --numprocesses=$(or $(WORKERS),3) $(PYTEST_ARGS)
	$(if $(findstring tests/,$(PYTEST_ARGS)),,$(SUDO) env PATH="$(PATH)" $(BIN)/pytest -m alone $(PYTEST_ARGS))

.PHONY: test-elasticsearch
test-elasticsearch: packages venv ## Run the tests that need a real Elasticsearch 8
	$(BIN)/python -m tests.servers.maven elasticsearch
	$(BIN)/pytest -m elasticsearch $(PYTEST_ARGS)

.PHONY: test-newest
test-newest: packages venv servers ## Run the stock signals on the newest Prometheus, which is built for it (takes Go, and minutes)
	$(BIN)/python -m tests.servers.golang
	$(BIN)/pytest -m newest tests/integration/test_sources_engines.py $(PYTEST_ARGS)

.PHONY: test-soak
test-soak: packages venv servers ## Logs and events at full speed for ten minutes while everything fails in turn (SECONDS_LONG=600)
	$(BIN)/python -m tests.integration.soak --seconds $(or $(SECONDS_LONG),600) --cut 60

.PHONY: test-operators
test-operators: packages venv ## Start things on real hosts in every way, under every login and shell, and look for what is left (15 minutes)
	$(SUDO) env PATH="$(PATH)" $(BIN)/pytest -m cluster tests/acceptance/test_operators.py $(PYTEST_ARGS)

.PHONY: test-many-runs
test-many-runs: packages venv ## Run, cancel and time out on a real host again and again, and look whether anything grows (RUNS=500, an hour)
	$(SUDO) env PATH="$(PATH)" $(BIN)/python -m tests.acceptance.many_runs --runs $(or $(RUNS),500)

.PHONY: test-crash
test-crash: packages venv servers ## Kill the agent at random moments and count what is lost or done twice (TRIALS=300, an hour)
	$(BIN)/python -m tests.integration.crash --trials $(or $(TRIALS),300)

.PHONY: test-model
test-model: venv ## Let anything happen to the response in any order, with a kill between any two writes (STEPS=20000)
	STEPS=$(or $(STEPS),20000) $(BIN)/pytest tests/unit/response/test_model.py -p no:xdist

.PHONY: test-pages
test-pages: packages venv ## Look at every page in Chromium, on a phone and a desk, light and dark: pictures in .cache/shots, and what axe finds
	$(BIN)/pytest tests/integration/test_pages.py -m "browser or not browser" $(PYTEST_ARGS)

.PHONY: test-browser
test-browser: packages venv ## Live through a night on real hosts in Chromium: found, approved on a phone, watched, recovered; pictures in .cache/shots
	$(SUDO) env PATH="$(PATH)" $(BIN)/pytest -m "cluster and browser" tests/acceptance/test_browser.py $(PYTEST_ARGS)

.PHONY: test-api
test-api: packages venv ## Let schemathesis look for requests that the API answers wrongly (EXAMPLES=100 for each operation)
	$(BIN)/python -m tests.web.fuzz --examples $(or $(EXAMPLES),100)

.PHONY: openapi
openapi: venv ## Write docs/openapi.json, and record examples of answers that have none or whose form changed
	$(BIN)/python -m tests.web.examples

.PHONY: molecule
molecule: packages venv ## Run the Molecule scenario of every remediation on broken hosts (NAMES="a b", JOBS=1)
	$(SUDO) env PATH="$(PATH)" $(BIN)/opsmend playbooks test $(NAMES) --jobs $(or $(JOBS),1)

.PHONY: molecule-changed
molecule-changed: packages venv ## Run those whose files changed, and a few others each day (BASE=main, SAMPLE=2)
	$(SUDO) env PATH="$(PATH)" $(BIN)/opsmend playbooks test --changed $(or $(BASE),main) --sample $(or $(SAMPLE),2)

.PHONY: test-acceptance
test-acceptance: packages venv ## Let a running agent meet every fault through Prometheus; prints the table (NAMES="a b")
	$(SUDO) env PATH="$(PATH)" $(BIN)/opsmend playbooks prove $(NAMES) --jobs $(or $(JOBS),1)

.PHONY: test-stories
test-stories: packages venv ## Fill, stop and freeze live hosts as strangers did: is every trouble told, and nothing repaired that is well?
	$(SUDO) env PATH="$(PATH)" $(BIN)/pytest -m stories tests/acceptance/test_incident_stories.py $(PYTEST_ARGS)

.PHONY: test-forecast
test-forecast: packages venv servers ## Let a service leak and a file system fill on live hosts: foreseen, prevented in its window, scored? (10 minutes)
	$(SUDO) env PATH="$(PATH)" $(BIN)/pytest -m forecasts tests/acceptance/test_forecasts.py tests/integration/test_failures.py $(PYTEST_ARGS)

.PHONY: test-live
test-live: packages venv ## Break nine real hosts 30 times, alone and two at once: is each fault named right? (HEALTHY=60: so many minutes of load, deploys, reboots, jobs that end, and no repair; WATCH=35: so long before the first, so that anomalies show)
	$(SUDO) env PATH="$(PATH)" $(BIN)/python -m tests.acceptance.live.trial $(if $(HEALTHY),--healthy $(HEALTHY)) $(if $(WATCH),--watch $(WATCH)) $(if $(NAMES),--only $(NAMES))

.PHONY: bench-loop
bench-loop: packages venv ## Measure injection to fix beside the bare ansible-playbook command (TRIALS=15)
	$(SUDO) env PATH="$(PATH)" $(BIN)/python -m tests.bench.loop

.PHONY: bench-resting
bench-resting: venv servers ## Measure memory and CPU of the resting agent (SERIES="1000 10000 50000")
	$(BIN)/python -m tests.bench.resting

.PHONY: bench-burst
bench-burst: packages venv servers ## Measure 20 triggers at once beside bare ansible-playbook commands, with memory (REPEATS=3)
	$(BIN)/python -m tests.bench.burst

.PHONY: bench-trigger
bench-trigger: packages venv servers ## Measure an HTTP request to the first task beside bare ansible-playbook (TRIALS=15)
	$(BIN)/python -m tests.bench.trigger

.PHONY: bench-diagnose
bench-diagnose: venv ## Diagnose recorded incidents and score the root causes (DATA=folder)
	@$(BIN)/python -m tests.bench.diagnose "$(DATA)"

.PHONY: bench-systems
bench-systems: venv ## Diagnose simulated systems, by fault and by what is known of them (CASES=12 SEED=0)
	@$(BIN)/python -m tests.bench.rootcause $(or $(CASES),12) $(or $(SEED),0)

.PHONY: bench-forecasts
bench-forecasts: venv ## Foresee when generated resources are used up, beside predict_linear (SEED=100 COUNT=200)
	@$(BIN)/python -m tests.bench.forecasts $(or $(SEED),100) $(or $(COUNT),200)

.PHONY: bench-failures
bench-failures: venv ## Learn how likely 200 simulated hosts fail within 1, 6 and 24 hours, beside the base rate (SEED=100)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.failures $(or $(SEED),100)

.PHONY: bench-history
bench-history: venv ## Train a diagnosis on 600 simulated faults, with and without the minutes before each (SEED=100)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.history $(or $(SEED),100)

.PHONY: bench-ordering
bench-ordering: venv ## Choose among 10 simulated remediations in 1,000 incidents, beside Thompson sampling and others (SEED=100 COUNT=20)
	@$(BIN)/python -m tests.bench.ordering $(or $(SEED),100) $(or $(COUNT),20)

.PHONY: bench-predict
bench-predict: venv ## Foretell recorded failures, and see how often nothing fails (DATA=folder)
	@DATA="$(DATA)" $(BIN)/python -m tests.bench.predict

.PHONY: bench-logs
bench-logs: venv ## Measure how well and how fast log lines are grouped, beside drain3 (DATA=folder)
	DATA="$(DATA)" $(BIN)/python -m tests.bench.logs

.PHONY: bench-web
bench-web: venv ## Read the incident list 1,000 times a second with 100,000 incidents stored, beside a bare endpoint
	$(BIN)/python -m tests.bench.web

.PHONY: bench-limits
bench-limits: venv ## Let 200 clients ask without end under the stock limits, and see what health costs meanwhile
	$(BIN)/python -m tests.bench.limits

.PHONY: bench
bench: bench-detect bench-kinds bench-live bench-series bench-models bench-resting ## Run every benchmark of detection, one after the other, for half an hour (DATA=folder)

.PHONY: bench-detect
bench-detect: venv $(CACHE)/bench/.made ## Score `opsmend detect` on labelled data (DATA=folder with its score.py), and NAB
	SCORER_PYTHON=$(CACHE)/bench/bin/python $(BIN)/python -m tests.bench.detect "$(DATA)"

.PHONY: bench-series
bench-series: venv ## Measure the layer for every series beside a plain mean and deviation (SERIES=100000)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.series

.PHONY: bench-kinds
bench-kinds: venv ## Put anomalies of all kinds into simulated series: what is found, called what, how surely (ROUNDS=3 SEED=0)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.detect_kinds $(or $(ROUNDS),3) $(or $(SEED),0)

.PHONY: bench-young
bench-young: venv ## Replay recorded machines as if they were watched for the first time: false alarms, faults found (DATA=folder JUDGE=)
	OPENBLAS_NUM_THREADS=1 JUDGE=$(JUDGE) $(BIN)/python -m tests.bench.young "$(DATA)"

.PHONY: bench-live
bench-live: venv ## Poll simulated entities, and recorded ones, as the agent does: false alarms, faults found (DATA=folder)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.live "$(DATA)"

.PHONY: bench-ablation
bench-ablation: venv ## Measure what each mechanism of detection is worth: everything with it and without (DATA=folder WITHOUT="models,absence")
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.ablation "$(DATA)"

.PHONY: bench-models
bench-models: venv ## Measure training and asking the models of whole entities (ENTITIES=200 SERIES=20 DAYS=7 JOBS=2)
	$(BIN)/python -m tests.bench.models

.PHONY: bench-train
bench-train: venv ## Train the diagnosis on 5,000 synthetic incidents, undisturbed and killed half way (INCIDENTS=5000 SIGNALS=200 FAULTS=12)
	$(BIN)/python -m tests.bench.training

# what the scoring script of the data needs, and the product does not
$(CACHE)/bench/.made:
	$(PYTHON) -m venv $(CACHE)/bench
	$(CACHE)/bench/bin/python -m pip install -q --disable-pip-version-check numpy pandas scikit-learn statsmodels
	$(CACHE)/bench/bin/python -m pip install -q --disable-pip-version-check --no-deps TSB_AD
	touch $@

.PHONY: bench-diagnose-speed
bench-diagnose-speed: venv ## Measure the diagnosis of large incidents, 200 and 2,000 entities
	@$(BIN)/python -m tests.bench.diagnosespeed

.PHONY: deb
deb: packages venv ## Build packages, sdist and wheel into dist: the core and one package an extra (FORMATS="deb rpm", EXTRAS="charts kafka")
	$(BIN)/python packaging/build/package.py --formats $(or $(FORMATS),deb) $(if $(EXTRAS),--extras $(EXTRAS))

.PHONY: test-package
test-package: packages venv ## Build the packages, install them on hosts under systemd, and live through everything (BEFORE=commit, 15 minutes)
	command -v lintian >/dev/null || $(SUDO) apt-get install -qy --no-install-recommends lintian
	$(BIN)/python -m tests.package.build $(CACHE)/packages
	$(SUDO) env PATH="$(PATH)" PACKAGES="$(CURDIR)/$(CACHE)/packages" $(BIN)/pytest -m package -x -s tests/package $(PYTEST_ARGS)

.PHONY: schemas
schemas: venv ## Write the JSON Schemas that editors use for settings, rules and remediations, and docs/settings.md
	$(BIN)/python -m agent.config.publish

.PHONY: coverage
coverage: venv ## Write docs/coverage.md: which kinds of trouble of the usual lists are found, and by what
	$(BIN)/python -m agent.workshop.coveragepage

.PHONY: lint
lint: venv ## Style, types, import contracts, YAML, playbooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .
	cd playbooks && ANSIBLE_ROLES_PATH=$(CURDIR)/playbooks/roles ansible-lint --offline --profile production -q

.PHONY: format
format: venv ## Put the code into its common form
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format .

.PHONY: venv
venv: $(VENV)/.made ## Make the Python environment from locked versions

$(VENV)/.made: pyproject.toml $(LOCK) | packages
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r $(LOCK)
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --editable .
	touch $@

.PHONY: lock
lock: ## Take the newest versions that pyproject.toml allows into the lock file
	rm -rf .cache/lock
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install -q --disable-pip-version-check '.[dev,charts,dask,deep,kafka,mcp,pyod]'
	.cache/lock/bin/python -m pip freeze --exclude opsmend > $(LOCK)
	rm -rf .cache/lock build

.PHONY: packages
packages: ## Install the Debian packages that demo and tests need
	@missing=""
	for package in $(PACKAGES); do
	    dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -q '^installed$$' || missing="$$missing $$package"
	done
	if [ -n "$$missing" ]; then
	    echo "installing$$missing"
	    $(SUDO) apt-get update -q
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing
	fi

.PHONY: servers
servers: venv ## Fetch the servers that tests talk to, without installing them
	$(BIN)/python -m tests.servers.debian prometheus prometheus-alertmanager victoria-metrics
	$(BIN)/python -m tests.servers.maven kafka opensearch

.PHONY: clean
clean: ## Remove what was built here; test hosts' images stay
	rm -rf $(VENV) .cache build dist .pytest_cache .mypy_cache .ruff_cache *.egg-info
