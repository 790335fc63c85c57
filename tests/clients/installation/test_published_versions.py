import json
import time
from pathlib import Path

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.storage import ClientLock
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import ClientKind
from authprobe.errors import InstallError
from authprobe.settings import LATEST_AGE
from tests.support.registry import OFFLINE, UNREACHABLE, Registry, fault, install, prepare


def test_the_latest_version_is_asked_for_once(
    registry: Registry, cache: Cache, children: Children
) -> None:
    registry.publish("1.2.3")
    assert prepare(cache, "claude-code") == ["asking for the latest version", "installing 1.2.3"]
    registry.publish("1.2.4")
    assert install(Cache(cache.folder, children), "claude-code").version == "1.2.3"
    assert registry.calls == ["view", "install"]


def age_note(cache: Cache, seconds: float, name: str = "latest.json") -> None:
    """Make a note of what the registry said so much older."""
    note = cache.folder / "claude-code" / name
    heard = json.loads(note.read_text())
    note.write_text(json.dumps(heard | {"at": time.time() - seconds}))


@pytest.mark.parametrize(("age", "version"), [(-60, "1.2.3"), (60, "1.2.4")])
def test_the_latest_version_is_asked_for_again_after_a_day(
    registry: Registry, cache: Cache, age: float, version: str
) -> None:
    registry.publish("1.2.3")
    install(cache, "claude-code")
    registry.publish("1.2.4")
    age_note(cache, LATEST_AGE.total_seconds() + age)
    assert install(cache, "claude-code").version == version


def test_offline_the_latest_version_is_the_one_last_heard_of(
    registry: Registry, cache: Cache
) -> None:
    registry.publish("1.2.3")
    install(cache, "claude-code")
    age_note(cache, LATEST_AGE.total_seconds() * 100)
    registry.fail(OFFLINE)
    assert install(cache, "claude-code").version == "1.2.3"


def test_offline_and_never_heard_of_is_unreachable(registry: Registry, cache: Cache) -> None:
    registry.fail(OFFLINE)
    told = f"the latest version of @anthropic-ai/claude-code: {UNREACHABLE}"
    assert fault(cache, "claude-code") == told


@pytest.mark.parametrize(
    "note",
    ["", "{", "[]", "null", '{"version": "1.0.0"}', '{"version": "../..", "at": 9e9}', "\0"],
)
def test_a_note_that_cannot_be_read_is_not_believed(
    registry: Registry, cache: Cache, note: str
) -> None:
    file = cache.folder / "claude-code" / "latest.json"
    file.parent.mkdir(parents=True)
    file.write_text(note)
    registry.publish("1.2.3")
    assert install(cache, "claude-code").version == "1.2.3"


def test_a_registry_that_names_no_version_is_told(registry: Registry, cache: Cache) -> None:
    registry.publish("soon")
    told = "the registry names no latest version of @anthropic-ai/claude-code"
    assert fault(cache, "claude-code") == told


@pytest.mark.parametrize("text", ["{}", "{", "[]", "null", "\\377"])
@pytest.mark.parametrize("kind", ["agent-sdk-node", "claude-max-api-proxy"])
def test_a_broken_manifest_makes_one_client_unavailable(
    registry: Registry, cache: Cache, text: str, kind: str
) -> None:
    registry.after(f"printf '{text}' > \"$modules/$package/package.json\"")
    assert fault(cache, f"{kind}@1.0.0") == f"{kind}: its package.json has no readable version"


def test_pip_without_a_registry_is_told_so(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    said = fault(cache, "agent-sdk-python@0.1.0")
    assert said == "claude-agent-sdk==0.1.0: the package registry cannot be reached"


def test_another_version_that_is_being_installed_is_left_alone(
    registry: Registry, cache: Cache
) -> None:
    other = cache.folder / "claude-code" / ".new-1.0.0-beta.1_abcdefgh"
    other.mkdir(parents=True)
    lock = ClientLock(other.with_name("1.0.0-beta.1.lock"))
    assert lock.take(shared=False)
    install(cache, "claude-code@1.0.0")
    assert other.exists()
    lock.release()


@pytest.mark.parametrize("version", ["..", ".", "stable", "2", "2.1", "2.1.31-"])
def test_what_is_no_version_is_not_installed(
    registry: Registry, cache: Cache, version: str
) -> None:
    assert "is not a version" in fault(cache, f"claude-code@{version}")


def versions(cache: Cache) -> list[str]:
    return list(cache.versions(ClientKind.CLAUDE_CODE))


def test_the_published_versions_are_asked_for_once_a_day(
    registry: Registry, cache: Cache, children: Children
) -> None:
    registry.publish_all("1.0.0", "1.0.1-beta.1")
    assert versions(cache) == ["1.0.0", "1.0.1-beta.1"]
    registry.publish_all("1.0.2")
    assert versions(Cache(cache.folder, children)) == ["1.0.0", "1.0.1-beta.1"]
    assert registry.calls == ["view"]
    age_note(cache, LATEST_AGE.total_seconds() + 60, "published.json")
    assert versions(cache) == ["1.0.2"]


def test_a_version_that_was_not_heard_of_is_asked_for_at_once(
    registry: Registry, cache: Cache
) -> None:
    registry.publish_all("1.0.0")
    versions(cache)
    registry.publish_all("1.0.0", "1.0.1")
    kind = ClientKind.CLAUDE_CODE
    assert cache.versions(kind, having=["1.0.0"]) == ("1.0.0",)
    assert cache.versions(kind, having=["1.0.1"]) == ("1.0.0", "1.0.1")
    registry.fail(OFFLINE)
    assert cache.versions(kind, having=["1.0.2"]) == ("1.0.0", "1.0.1")


def test_offline_the_published_versions_are_those_last_heard_of(
    registry: Registry, cache: Cache
) -> None:
    registry.fail(OFFLINE)
    with pytest.raises(InstallError) as caught:
        versions(cache)
    assert str(caught.value) == f"the versions of @anthropic-ai/claude-code: {UNREACHABLE}"
    registry.recover()
    registry.publish_all("1.0.0")
    versions(cache)
    age_note(cache, LATEST_AGE.total_seconds() * 100, "published.json")
    registry.fail(OFFLINE)
    assert versions(cache) == ["1.0.0"]


@pytest.mark.parametrize("told", ["", "{}", "[]", "[1]", '["soon"]', "null", "["])
def test_a_registry_that_names_no_versions_is_told(
    registry: Registry, cache: Cache, told: str
) -> None:
    (registry.folder / "versions").write_text(told)
    with pytest.raises(InstallError) as caught:
        versions(cache)
    assert str(caught.value) == "the registry names no version of @anthropic-ai/claude-code"


@pytest.mark.parametrize("note", ["{", "[]", '{"versions": [1], "at": 9e9}', '{"versions": []}'])
def test_a_note_of_versions_that_cannot_be_read_is_not_believed(
    registry: Registry, cache: Cache, note: str
) -> None:
    file = cache.folder / "claude-code" / "published.json"
    file.parent.mkdir(parents=True)
    file.write_text(note)
    registry.publish_all("1.0.0")
    assert versions(cache) == ["1.0.0"]


def test_pip_names_every_version_that_is_published(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version in ("0.1.0", "0.2.0", "0.3.0rc1"):
        (tmp_path / f"claude_agent_sdk-{version}-py3-none-any.whl").touch()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert set(cache.versions(ClientKind.AGENT_SDK_PYTHON)) == {"0.1.0", "0.2.0", "0.3.0rc1"}


def test_an_answer_that_cannot_be_kept_is_used(registry: Registry, cache: Cache) -> None:
    registry.publish_all("1.0.0")
    cache.folder.write_text("a file")
    assert versions(cache) == ["1.0.0"]
