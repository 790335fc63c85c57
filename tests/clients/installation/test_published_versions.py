import json
import time
from pathlib import Path

import filelock
import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.storage import ClientLock
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import ClientKind, package_of
from authprobe.errors import InstallError
from authprobe.scenario.clients import Client
from authprobe.settings import PUBLISHED_VERSIONS_TTL
from tests.support.registry import OFFLINE, UNREACHABLE, Registry, fault, install, prepare


def test_latest_version_is_cached(registry: Registry, cache: Cache, children: Children) -> None:
    registry.publish("1.2.3")
    assert prepare(cache, "claude-code") == ["asking for the latest version", "installing 1.2.3"]
    registry.publish("1.2.4")
    assert install(Cache(cache.folder, children), "claude-code").version == "1.2.3"
    assert registry.calls == ["view", "install"]


def age_file(cache: Cache, seconds: float, name: str = "latest.json") -> None:
    """Make a cache file `seconds` older."""
    file = cache.folder / "claude-code" / name
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | {"at": time.time() - seconds}))


@pytest.mark.parametrize(("age", "version"), [(-60, "1.2.3"), (60, "1.2.4")])
def test_latest_version_is_refetched_after_a_day(
    registry: Registry, cache: Cache, age: float, version: str
) -> None:
    registry.publish("1.2.3")
    install(cache, "claude-code")
    registry.publish("1.2.4")
    age_file(cache, PUBLISHED_VERSIONS_TTL.total_seconds() + age)
    assert install(cache, "claude-code").version == version


def test_latest_version_of_a_time_to_come_is_refetched(registry: Registry, cache: Cache) -> None:
    registry.publish("1.2.3")
    install(cache, "claude-code")
    registry.publish("1.2.4")
    age_file(cache, -3600)
    assert install(cache, "claude-code").version == "1.2.4"


def test_stale_latest_version_is_used_offline(registry: Registry, cache: Cache) -> None:
    registry.publish("1.2.3")
    install(cache, "claude-code")
    age_file(cache, PUBLISHED_VERSIONS_TTL.total_seconds() * 100)
    registry.fail(OFFLINE)
    assert install(cache, "claude-code").version == "1.2.3"


def test_latest_version_without_cache_is_unreachable_offline(
    registry: Registry, cache: Cache
) -> None:
    registry.fail(OFFLINE)
    error = f"the latest version of @anthropic-ai/claude-code: {UNREACHABLE}"
    assert fault(cache, "claude-code") == error


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"version": "1.0.0"}', '{"version": "../..", "at": 9e9}', "\0"],
)
def test_invalid_cache_of_the_latest_version_is_ignored(
    registry: Registry, cache: Cache, text: str
) -> None:
    file = cache.folder / "claude-code" / "latest.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    registry.publish("1.2.3")
    assert install(cache, "claude-code").version == "1.2.3"


def test_registry_without_latest_version_is_an_error(registry: Registry, cache: Cache) -> None:
    registry.publish("soon")
    error = "the registry names no latest version of @anthropic-ai/claude-code"
    assert fault(cache, "claude-code") == error


@pytest.mark.parametrize("text", ["{}", "{", "[]", "null", "\\377"])
@pytest.mark.parametrize("kind", ["agent-sdk-node", "claude-max-api-proxy"])
def test_broken_package_manifest_makes_one_client_unavailable(
    registry: Registry, cache: Cache, text: str, kind: str
) -> None:
    registry.after(f"printf '{text}' > \"$modules/$package/package.json\"")
    assert fault(cache, f"{kind}@1.0.0") == f"{kind}: its package.json has no readable version"


def test_pip_without_registry_reports_it_unreachable(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    error = fault(cache, "agent-sdk-python@0.1.0")
    assert error == "claude-agent-sdk==0.1.0: the package registry cannot be reached"


def test_staging_directory_of_another_version_is_left_alone(
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
def test_invalid_version_is_not_installed(registry: Registry, cache: Cache, version: str) -> None:
    client = Client(kind=ClientKind.CLAUDE_CODE, version=version)
    cache.prepare(client, lambda _: None)
    with pytest.raises(InstallError, match="is not a version"):
        cache.get(client)


def versions(cache: Cache) -> list[str]:
    return list(cache.versions(package_of(ClientKind.CLAUDE_CODE)))


def test_published_versions_are_cached_for_a_day(
    registry: Registry, cache: Cache, children: Children
) -> None:
    registry.publish_all("1.0.0", "1.0.1-beta.1")
    assert versions(cache) == ["1.0.0", "1.0.1-beta.1"]
    registry.publish_all("1.0.2")
    assert versions(Cache(cache.folder, children)) == ["1.0.0", "1.0.1-beta.1"]
    assert registry.calls == ["view"]
    age_file(cache, PUBLISHED_VERSIONS_TTL.total_seconds() + 60, "published.json")
    assert versions(cache) == ["1.0.2"]


def test_missing_version_is_refetched_at_once(registry: Registry, cache: Cache) -> None:
    registry.publish_all("1.0.0")
    versions(cache)
    registry.publish_all("1.0.0", "1.0.1")
    package = package_of(ClientKind.CLAUDE_CODE)
    assert cache.versions(package, having=["1.0.0"]) == ("1.0.0",)
    assert cache.versions(package, having=["1.0.1"]) == ("1.0.0", "1.0.1")
    registry.fail(OFFLINE)
    assert cache.versions(package, having=["1.0.2"]) == ("1.0.0", "1.0.1")


def test_stale_published_versions_are_used_offline(registry: Registry, cache: Cache) -> None:
    registry.fail(OFFLINE)
    with pytest.raises(InstallError) as caught:
        versions(cache)
    assert str(caught.value) == f"the versions of @anthropic-ai/claude-code: {UNREACHABLE}"
    registry.recover()
    registry.publish_all("1.0.0")
    versions(cache)
    age_file(cache, PUBLISHED_VERSIONS_TTL.total_seconds() * 100, "published.json")
    registry.fail(OFFLINE)
    assert versions(cache) == ["1.0.0"]


@pytest.mark.parametrize("output", ["", "{}", "[]", "[1]", '["soon"]', "null", "["])
def test_registry_without_versions_is_an_error(
    registry: Registry, cache: Cache, output: str
) -> None:
    (registry.folder / "versions").write_text(output)
    with pytest.raises(InstallError) as caught:
        versions(cache)
    assert str(caught.value) == "the registry names no version of @anthropic-ai/claude-code"


@pytest.mark.parametrize("text", ["{", "[]", '{"versions": [1], "at": 9e9}', '{"versions": []}'])
def test_invalid_cache_of_versions_is_ignored(registry: Registry, cache: Cache, text: str) -> None:
    file = cache.folder / "claude-code" / "published.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    registry.publish_all("1.0.0")
    assert versions(cache) == ["1.0.0"]


def test_lock_that_another_run_holds_is_named(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_in_vain(*_: object) -> tuple[str, ...]:
        raise filelock.Timeout("pip.lock")

    monkeypatch.setattr(cache._published, "versions", wait_in_vain)
    with pytest.raises(InstallError, match=r"cannot use the cache: The file lock 'pip\.lock'"):
        versions(cache)


def test_pip_lists_every_published_version(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version in ("0.1.0", "0.2.0", "0.3.0rc1"):
        (tmp_path / f"claude_agent_sdk-{version}-py3-none-any.whl").touch()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert set(cache.versions(package_of(ClientKind.AGENT_SDK_PYTHON))) == {
        "0.1.0",
        "0.2.0",
        "0.3.0rc1",
    }


def test_answer_that_cannot_be_cached_is_used(registry: Registry, cache: Cache) -> None:
    registry.publish_all("1.0.0")
    cache.folder.write_text("a file")
    assert versions(cache) == ["1.0.0"]


def test_current_versions_are_those_of_the_registry_and_are_cached(
    registry: Registry, cache: Cache
) -> None:
    package = package_of(ClientKind.CLAUDE_CODE)
    registry.publish_all("1.2.3")
    assert cache.versions(package) == ("1.2.3",)
    registry.publish_all("1.2.3", "1.2.4")
    assert cache.versions(package) == ("1.2.3",)
    assert cache.current_versions(package) == ("1.2.3", "1.2.4")
    assert cache.versions(package) == ("1.2.3", "1.2.4")
    registry.fail(OFFLINE)
    with pytest.raises(InstallError, match=UNREACHABLE):
        cache.current_versions(package)
