# Everything runs in .venv; `make bench` and `make test` are all a new machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
RUN ?= results/latest
PICTURE ?= results/calibration.svg
WEB_PORT ?= 8089

.PHONY: help bench spectrum algorithms payload population slo rtt revocation refresh outage aa report smoke \
  ui test test-failed fuzz check \
  compare gate bench-servers bench-logins bench-generator bench-dispatch bench-workers calibrate crosscheck \
  up down lock clean
.DEFAULT_GOAL := help

help: ## show this list
	@echo "authbench: server-side sessions or JWTs? Numbers from this machine."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# python3 -m venv fails without ensurepip, which Debian keeps in a package of its own.
$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
	  { echo "no venv: install it (Debian, Ubuntu: apt install python3-venv) and try again"; exit 2; }
	@echo "installing locked dependencies into $(VENV) (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

bench: $(INSTALLED) ## run the headline experiment and write its report (about 5 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=headline

spectrum: $(INSTALLED) ## every strategy: capacity, latency, CPU and bytes (about 10 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=spectrum

algorithms: $(INSTALLED) ## what signing, verifying and remembering cost, by algorithm (about 9 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=algorithms

payload: $(INSTALLED) ## what 0.1, 1 and 4 kB of state cost, and what fits nowhere (about 9 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=payload

population: $(INSTALLED) ## where each cache stops paying, from all hits to all misses (about 13 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=population

slo: $(INSTALLED) ## the highest rate each design takes with p99 within 20 ms (about 8 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=slo

refresh: $(INSTALLED) ## what refreshing costs, and whom rotation logs out: tabs and thieves (about 6 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=refresh

aa: $(INSTALLED) ## six copies of one server: can intervals and verdicts be trusted? (about 8 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=aa THEN=aa

rtt: $(INSTALLED) ## the store 0, 0.5, 2 and 10 ms further away: from where look-ups lose (about 12 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=rtt

revocation: $(INSTALLED) ## every law on trial: how long a revoked user stays in (about 15 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=revocation

outage: $(INSTALLED) ## every strategy through twelve faults: store, network, replica (about 17 minutes)
	@$(MAKE) --no-print-directory _run EXPERIMENT=outage

smoke: $(INSTALLED) ## the same path in half a minute: every strategy and scenario once
	@$(MAKE) --no-print-directory _run EXPERIMENT=smoke

# ARMS=none,session_redis,… measures only these; with GROUPS=2 the arms of outages go in two groups,
# one after the other. A run judged INVALID (status 3) still gets its report, and what else THEN asks
# of the analysis, before make fails.
.PHONY: _run
_run:
	@status=0; $(BIN)/python -m loadtests run $(EXPERIMENT) $(if $(ARMS),--arms $(ARMS)) $(if $(GROUPS),--groups $(GROUPS)) || status=$$?; \
	  for step in report $(THEN); do \
	    case $$status in 0|3) status=0; $(BIN)/python -m analysis $$step results/latest || status=$$? ;; esac; \
	  done; exit $$status

report: $(INSTALLED) ## write the report of RUN again (default results/latest)
	@$(BIN)/python -m analysis report $(RUN)

compare: $(INSTALLED) ## compare two run folders, arm by arm: make compare A=results/… B=results/latest
	@test -n "$(A)" -a -n "$(B)" || { echo "make compare A=FOLDER B=FOLDER [FORCE=1]"; exit 2; }
	@$(BIN)/python -m analysis compare $(A) $(B) $(if $(FORCE),--force)

gate: $(INSTALLED) ## judge the gates of RUN, and GATE='RULE' besides; fails when one failed
	@$(BIN)/python -m analysis gate $(RUN) $(if $(GATE),--gate '$(GATE)')

ui: $(INSTALLED) ## Locust's web UI on 127.0.0.1:8089; servers start when a test does
	@$(BIN)/python -m loadtests ui --web-port $(WEB_PORT)

test: $(INSTALLED) ## run every test
	@status=0; $(BIN)/python -m pytest -n 2 --dist loadfile -m 'not alone' || status=$$?; \
	  $(BIN)/python -m pytest -m alone || status=$$?; exit $$status

test-failed: $(INSTALLED) ## run the tests that failed last once more, one at a time
	@$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

fuzz: $(INSTALLED) ## millions of hostile credentials against every strategy (about 15 minutes)
	@AUTHBENCH_FUZZ=full $(BIN)/python -m pytest tests/servers/test_fuzz.py

check: $(INSTALLED) ## ruff, mypy --strict and the import arrows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_imports.py

bench-servers: $(INSTALLED) ## what the frame costs: our servers against hand-written ones
	@$(BIN)/python -m servers.bench

bench-logins: $(INSTALLED) ## what 100,000 logins cost to mint and to keep, every strategy (minutes)
	@$(BIN)/python -m servers.bench --logins

bench-generator: $(INSTALLED) ## what the generator can do: requests a core, against Locust's own client (1 to 5 minutes)
	@$(BIN)/python -m loadtests.bench generator

bench-dispatch: $(INSTALLED) ## how late requests leave, at 1,000 to 10,000 a second
	@$(BIN)/python -m loadtests.bench dispatch

crosscheck: $(INSTALLED) ## whether wrk tells the same of the same servers (4 to 18 minutes, until it can be told; needs wrk on PATH)
	@$(BIN)/python -m loadtests.bench crosscheck

bench-workers: $(INSTALLED) ## whether three generator processes measure what one does (about 8 minutes)
	@$(BIN)/python -m loadtests.bench workers

# The picture and what failed are worth seeing whether or not everything passed.
calibrate: $(INSTALLED) ## the harness against known answers, and its limits here (6 minutes)
	@status=0; $(BIN)/python -m loadtests.calibration || status=$$?; \
	  case $$status in 0|1) $(BIN)/python -m analysis calibration results/calibration.json --picture $(PICTURE) > /dev/null && \
	  echo "picture: $(PICTURE)" ;; esac; exit $$status

up: ## start the container stack (web UI on 127.0.0.1:8089)
	@umask 077; test -f .env || $(PYTHON) -c 'import secrets; [print(f"{n}={secrets.token_urlsafe(32)}") for n in ("AUTHBENCH_ADMIN_SECRET", "AUTHBENCH_SIGNING_KEY", "AUTHBENCH_USER_PASSWORD")]' > .env
	docker compose up --build --detach --scale session=3 --scale jwt=3 --scale locust-worker=2

down: ## stop the container stack and remove what it made
	docker compose down --volumes --remove-orphans
	rm -f .env

lock: ## resolve pyproject.toml into requirements.lock anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml --output-file requirements.lock --quiet

clean: ## remove the environment, caches and every run but results/reference
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find results -mindepth 1 -maxdepth 1 ! -name reference ! -name README.md -exec rm -rf {} +
