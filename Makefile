# Everything is installed into this folder (.venv, .runtime); state lies in var/ (STATE=dir for another).
PYTHON ?= python3
BIN := .venv/bin
STATE ?=
ONCE ?=

.PHONY: run demo-callbacks test prove storm chaos lint lock clean

run:  ## from nothing to a call: ONCE=1 ends after its story, STATE=dir keeps everything there
	@$(PYTHON) tools/bootstrap.py
	@$(BIN)/ivr demo $(if $(STATE),--state "$(STATE)") $(if $(filter-out 0 no,$(ONCE)),--once)

demo-callbacks:  ## rings sixty customers of every kind after a visit; ONCE=1 and STATE=dir as above
	@$(PYTHON) tools/bootstrap.py
	@$(BIN)/ivr demo callbacks $(if $(STATE),--state "$(STATE)") $(if $(filter-out 0 no,$(ONCE)),--once)

test:  ## lint, then every test; in CI (CI=true) a skipped test fails
	@$(PYTHON) tools/bootstrap.py --test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n 4 --no-loadscope-reorder -m "not long" $(PYTEST_ARGS)

prove:  ## the live stories that take minutes each
	@$(PYTHON) tools/bootstrap.py --test
	@$(BIN)/python -m pytest -n 0 -m long $(PYTEST_ARGS)

storm:  ## five minutes of 30 callers on 3 agents while every Python process is killed in turn
	@$(PYTHON) tools/bootstrap.py --test
	@IVR_STORM_SECONDS=300 $(BIN)/python -m pytest -n 0 tests/live/test_storm.py $(PYTEST_ARGS)

chaos:  ## 500 customers are rung after their visits while scheduler, flows, ingestion, database and Asterisk are killed
	@$(PYTHON) tools/bootstrap.py --test
	@IVR_CHAOS_CALLBACKS=500 $(BIN)/python -m pytest -n 0 -s tests/live/test_survey_chaos.py $(PYTEST_ARGS)

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict ivr tools/bootstrap.py

lock:  ## newest versions allowed by pyproject.toml, with hashes
	$(BIN)/pip-compile --quiet --upgrade --extra dev --build-deps-for editable --allow-unsafe --strip-extras \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --output-file requirements.lock pyproject.toml
	@! grep -nE '://|^-' requirements.lock || { echo "requirements.lock names an address"; exit 1; }

clean:  ## what `make run` makes again; never var/
	rm -rf .venv .runtime .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
