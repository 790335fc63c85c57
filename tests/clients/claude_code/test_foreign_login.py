"""A login that the backend never issued stays as it is: it may be a user's own."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients import claude_code
from authprobe.clients.base import Laboratory
from authprobe.clients.process.children import Children
from authprobe.observation.model import Outcome
from authprobe.plan.case import expand
from authprobe.scenario.model import Matrix
from tests.support.installed import laboratory_with
from tests.support.make import make_clients, make_scenario

CLIENT = "claude-code@2.1.332"
"""A version that erases a stored login after `invalid_grant` (documented for 2.1.206 and later)."""


@pytest.fixture(scope="module")
def claude(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    yield from laboratory_with(children, tmp_path_factory.mktemp("foreign"), CLIENT)


@pytest.mark.parametrize("seconds", [-3600, 3600], ids=["expired", "unexpired"])
def test_a_foreign_login_is_kept(claude: Laboratory, seconds: int) -> None:
    login = {
        "accessToken": "sk-ant-oat01-" + "foreign" * 8,
        "refreshToken": "sk-ant-ort01-" + "foreign" * 8,
        "expiresAt": int((time.time() + seconds) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    content = json.dumps({"claudeAiOauth": login})
    (case,) = expand(make_scenario(matrix=Matrix(client=make_clients(CLIENT)), limit=30.0))
    with claude.sandbox(case) as sandbox:
        file: Path = sandbox.config_folder / ".credentials.json"
        file.parent.mkdir()
        file.write_text(content)
        observation = claude_code.probe(sandbox)
        assert observation.outcome is Outcome.REJECTED
        assert "deny:refresh-token" in [exchange.rule for exchange in observation.exchanges]
        assert file.read_text() == content
