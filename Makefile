# report, test and test-all: the commands of README.md and CONTRIBUTING.md; docs: the generated pages; observations: the
# dates of rules that users have seen; model: the trained part of explain. Each sets up .venv first.
PYTHON ?= python3
# Such as --suite full
RUN_OPTIONS ?=
INSTALL = .venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: report test test-all docs observations model
report: .venv/ready
	.venv/bin/authprobe run $(RUN_OPTIONS)

test: .venv/ready-dev
	PATH="$(CURDIR)/.venv/bin:$$PATH" .ci/check

test-all: .venv/ready-dev
	PATH="$(CURDIR)/.venv/bin:$$PATH" .ci/check -m ""

docs: .venv/ready
	.venv/bin/python -m authprobe.diagnosis.bundled_files
	.venv/bin/python -m authprobe.cli.reference > docs/commands.md
	.venv/bin/authprobe emulator --rules --markdown > docs/rules.md
	.venv/bin/python -m authprobe.report.reference.variables > docs/variables.md
	.venv/bin/python -m authprobe.report.reference.reasons > docs/reasons.md
	.venv/bin/python -m authprobe.report.reference.suites > docs/suites.md
	.venv/bin/authprobe schema > scenarios/schema.json
	.venv/bin/authprobe schema --results > docs/results.schema.json
	.venv/bin/authprobe schema --versions > docs/versions/schema.json
	.venv/bin/authprobe schema --diff > docs/diff.schema.json
	.venv/bin/python -m authprobe.cli.config_reference > docs/config.md
	.venv/bin/authprobe schema --config > docs/config.schema.json
	.venv/bin/authprobe schema --watch > docs/watch.schema.json
	.venv/bin/authprobe schema --observation > docs/observation.schema.json
	for client in claude-code agent-sdk-node agent-sdk-python anthropic-node anthropic-python; do \
		.venv/bin/authprobe versions --log --client $$client --data docs/versions/$$client.json > /dev/null; \
	done
	.venv/bin/authprobe explain --causes --markdown > docs/causes.md
	.venv/bin/python -m authprobe.report.reference.completion_words > probes/authprobe/commands/completion_words.json

# The trained part of `explain`; needed after a change of the corpus, the features or the facts of a text.
model: .venv/ready-dev
	.venv/bin/python bench/training.py

# The author of the first commit of each file stands for the account that gave it back (docs/observations.md).
observations: .venv/ready
	git log --diff-filter=A --format='author %aE' --name-only -- observations > .venv/observers
	.venv/bin/python -m authprobe.commands.observation_index observations < .venv/observers
	.venv/bin/authprobe emulator --rules --markdown > docs/rules.md

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

# What tests need takes longer to install than a first report takes.
.venv/ready-dev: .venv/ready
	$(INSTALL) '.[dev]'
	touch $@
