# Needs Python 3.11 or newer, and make. Everything else goes into .venv, exactly as locked.
# On Windows, where make is rare, CONTRIBUTING.md has the same commands one by one.

PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
CODE := cellrig protocols drivers orchestrator simulators tests $(wildcard benchmarks)

.PHONY: help demo check test faults bench chaos lock clean
.DEFAULT_GOAL := help

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: .venv/demo.stamp ## run the paper's six cells on a simulated tester, in seconds
	.venv/bin/cellrig demo

check: .venv/test.stamp ## check format, lint, types and architecture
	@$(call check,ruff format,.venv/bin/ruff format --check --quiet .)
	@$(call check,ruff check,.venv/bin/ruff check --quiet .)
	@$(call check,mypy,.venv/bin/mypy $(CODE))
	@$(call check,import-linter,.venv/bin/lint-imports --no-logo)

test: check ## check everything: all that `make check` does, then the tests
	@sh .ci/system-packages
	@# One worker more than the two cores of CI: many tests wait for another process.
	@$(call check,pytest,.venv/bin/pytest -n 3)

faults: .venv/test.stamp ## inject the 90 faults, then let the tester lie, the disk fail, three people order, kill 1,000 times
	.venv/bin/python -m tests.faults
	.venv/bin/python -m tests.attack
	.venv/bin/python -m tests.outage
	.venv/bin/python -m tests.orders
	.venv/bin/python -m tests.kill

bench: .venv/test.stamp ## measure speed; COMPARE=REV beside another revision, BENCH="demo path" only these
	.venv/bin/python -m benchmarks $(BENCH) $(if $(COMPARE),--compare $(COMPARE))

chaos: .venv/test.stamp ## 30 simulated days x 8 channels under random faults, for each of NIGHTS=3 seeds from SEED=1
	.venv/bin/python -m tests.chaos --seed $(or $(SEED),1) --nights $(or $(NIGHTS),3)
	.venv/bin/python -m tests.chaos --seed $(or $(SEED),1) --nights $(or $(NIGHTS),3) --instruments --days 10

lock: ## resolve the locked dependency lists anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock: uv is missing; install it with: pip install uv" >&2; exit 1; }
	$(call resolve,requirements.lock,--group build)
	$(call resolve,requirements-test.lock,--group build --group test --constraint requirements.lock)

clean: ## remove the environment and all caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# One check: name, command. Stops at the first that fails, and says which it was.
define check
echo "== $(1)"; $(2) || { echo "make $@: $(1) failed" >&2; exit 1; }
endef

# One environment: lock file. The project itself is built by the locked back end.
define install
echo "installing $(1) into .venv"; \
$(PIP) install --require-hashes -r $(1) && $(PIP) install --no-deps --no-build-isolation --editable .
endef

# One lock: file, options. All extras, for every platform and every Python that pyproject.toml allows, without any
# index address.
define resolve
uv pip compile pyproject.toml --all-extras $(2) --universal --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --quiet --output-file $(1)
endef

# An environment made by hand is kept and brought up to the lock.
.venv/made.stamp:
	@test -x .venv/bin/python || { python=$$(sh .ci/find-python) && "$$python" -m venv .venv; }
	@touch $@

# A stamp older than its lock means that the lock has changed since: it is installed before anything runs.
.venv/demo.stamp: requirements.lock pyproject.toml .venv/made.stamp
	@$(call install,requirements.lock)
	@touch $@

.venv/test.stamp: requirements-test.lock pyproject.toml .venv/made.stamp
	@$(call install,requirements-test.lock)
	@touch $@ .venv/demo.stamp
