import pytest

from authprobe.core.executors import parse_executor


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("dask://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("dask://[::1]:1", "tcp://[::1]:1"),
        ("dask+tls://node-1.example:65535", "tls://node-1.example:65535"),
    ],
)
def test_address_is_read(text: str, address: str) -> None:
    executor = parse_executor(text)
    assert (str(executor), executor.dask_address) == (text, address)


@pytest.mark.parametrize(
    "text",
    [
        *("", "dask", "dask://host", "dask://host:0", "dask://host:65536", "tcp://host:1"),
        *("dask://:1", "dask://user@host:1", "dask://host:1/", "dask://host:1\n"),
        "dask://host:\N{FULLWIDTH DIGIT ONE}",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dask://HOST:PORT"):
        parse_executor(text)
