# Every target makes .venv first if it is missing or older than the pins.
.PHONY: book serve lab notebooks test bench help
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

book: .venv/ready ## build the site into _build/html
	@.venv/bin/python -m convbook book

serve: book ## build the site and serve it on this machine
	@.venv/bin/python -m convbook serve

lab: .venv/ready ## open JupyterLab on the labs
	@.venv/bin/python -m convbook lab

notebooks: .venv/ready ## run the sources that changed, and release the labs
	@.venv/bin/python -m convbook notebooks
	@.venv/bin/python -m convbook labs

test: .venv/ready ## run every test and compare every notebook output
	@.venv/bin/python -m pytest --nbval

bench: .venv/ready ## measure, side by side with peers
	@.venv/bin/python -m bench

.venv/ready: requirements.txt pyproject.toml
	@sh setup.sh
	@touch $@
