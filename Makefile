# Every target works as the first command typed on a fresh Debian 12: scripts/setup installs what is missing and says so.
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test quick bench kernels lint build deb docs lock clean setup lab

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: lab  ## a web server under floods, without hardtack and with it (root, four minutes)
	@$(BIN)/hardtack demo

test: lab lint  ## lint, then every test (root for the ones with real kernels; the others run without)
	@scripts/test

quick: lint  ## lint, and the tests that take seconds; under two minutes in all
	@$(BIN)/python -m pytest -m quick -q

bench: lab  ## CPU ns a frame and Mpps beside Linux's own means (root)
	@$(BIN)/hardtack bench

kernels: setup  ## on Debian's kernels, in virtual machines: KERNELS="6.1 6.12" or all (20 minutes for two; installs nothing)
	@nice $(BIN)/python -m hardtack.lab.machines $(KERNELS)

lint: setup  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/mypy

build:  ## wheel (with prebuilt eBPF images) and source archive in dist/
	@scripts/setup --build
	@.venv-build/bin/python -m hatchling build --clean

deb:  ## Debian packages of front and agent in dist/
	@scripts/setup --build
	@PYTHONPATH=src .venv-build/bin/python packages/deb.py dist

docs: setup  ## a site of README and docs/ in out/site
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=src $(BIN)/python -m mkdocs build --quiet
	@echo "out/site/index.html"

lock: setup  ## requirements.txt anew from pyproject.toml, newest versions
	@$(BIN)/uv pip compile pyproject.toml --output-file requirements.txt --upgrade --quiet --universal \
		--python-version 3.11 --all-extras --group dev --generate-hashes --no-header

clean:  ## remove what was made here: .venv, caches, dist, out
	rm -rf .venv .venv-build .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist out
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@scripts/setup

lab:
	@scripts/setup --lab
