# The two commands of the README; each sets up all that it needs in .venv.
PYTHON ?= python3

.PHONY: report test
report: .venv/ready
	.venv/bin/authprobe run

test: .venv/ready
	PATH="$(CURDIR)/.venv/bin:$$PATH" .ci/check

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
