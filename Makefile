# Two commands do all the set-up on a fresh machine (Python 3.11+ with venv, and make): `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXAMPLES := grocery_loyalty airport_survey web_shop helpdesk
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export RUNTIME__DLTHUB_TELEMETRY := false

.PHONY: help demo test check proof bench schema lock clean
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## Run four companies with published data, then a simulated one step by step: what would be sent, then `cdp run` sends it
	@for name in $(EXAMPLES); do echo; echo "== examples/$$name"; $(BIN)/cdp run --config examples/$$name/cdp.yml || exit $$?; done
	@echo; echo "== demo"
	$(BIN)/python -m demo.generate --people 5000
	$(BIN)/cdp load --config demo/cdp.yml
	$(BIN)/cdp build --config demo/cdp.yml
	$(BIN)/cdp validate --config demo/cdp.yml
	$(BIN)/cdp plan --config demo/cdp.yml
	$(BIN)/cdp run --config demo/cdp.yml
	$(BIN)/cdp report --config demo/cdp.yml

test: $(STAMP) ## Run every test, small sizes, two modules at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder --durations 12

check: $(STAMP) ## Lint and type-check Python, SQL and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar models
	$(BIN)/python -m tests.lint

proof: $(STAMP) ## Run the heavy proofs at full size and write docs/proofs.md
	CDP_PROOF=1 $(BIN)/python -m tests.proof

bench: $(STAMP) ## Print the figures that the README quotes
	$(BIN)/python -m benchmarks.demo

lock: ## Pin the dependencies again (needs uv)
	@mkdir -p .cache && echo 'duckdb<1.6' > .cache/constraints.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
		--no-annotate --no-header --extra dev -c .cache/constraints.txt pyproject.toml -o requirements.lock

schema: $(STAMP) ## Write docs/cdp.schema.json from the code
	$(BIN)/python -c "from cli.generate import schema_text; open('docs/cdp.schema.json', 'w').write(schema_text())"

clean: ## Remove what runs have written; sources and configuration stay
	rm -rf demo/data demo/spool demo/.cdp demo/warehouse demo/exports examples/*/.cdp examples/*/warehouse
