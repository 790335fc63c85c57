"""Three shards on three machines with caches of their own are, merged, the single run."""

from pathlib import Path

import pytest

from tests.support.command import lasting_results, run
from tests.support.exhaustive import EXHAUSTIVE
from tests.support.registry import UNREACHABLE

pytestmark = [pytest.mark.slow, pytest.mark.clients, EXHAUSTIVE]

CASES = ("--suite", "full", "--client", "anthropic-node", "-k", "api-sdk")


def test_shards_with_caches_of_their_own_are_the_single_run(tmp_path: Path) -> None:
    whole = run("run", *CASES, "--out", "whole", cwd=tmp_path)
    if UNREACHABLE in whole.out:
        pytest.skip("NO PACKAGE REGISTRY: the client could not be installed or tested")
    assert whole.code == 0, whole.out
    versions = []
    for index in (1, 2, 3):
        cache = tmp_path / f"cache-{index}"
        shard = ("--shard", f"{index}/3", "--out", f"shard-{index}")
        ended = run("run", *CASES, *shard, cwd=tmp_path, AUTHPROBE_CACHE=str(cache))
        assert ended.code == 0, ended.out
        versions += [path.name for path in (cache / "anthropic-node").iterdir() if path.is_dir()]
    assert len(versions) <= 3 + 2
    merged = run("merge", "shard-1", "shard-2", "shard-3", "--out", "merged", cwd=tmp_path)
    assert merged.code == 0, merged.out
    of_shards = lasting_results(tmp_path / "merged")
    assert of_shards.pop("merged_shards") == 3
    assert of_shards | {"merged_shards": None} == lasting_results(tmp_path / "whole")
