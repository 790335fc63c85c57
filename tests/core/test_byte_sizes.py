import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.byte_sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("123", 123),
        ("10G", 10**10),
        ("10gb", 10**10),
        ("1.5 GB", 1_500_000_000),
        ("512MiB", 512 * 2**20),
        ("2ki", 2048),
        (" 1T ", 10**12),
        ("7 B", 7),
    ],
)
def test_a_size_is_parsed(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    "text",
    ["", "G", "-1", "5X", "1e9", "10 G B", "1.G", "iB", "1iB", "9" * 400],
    ids=lambda text: text[:8],
)
def test_text_that_is_no_size_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size; write it as 10G or 500M"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (84_049_000, "84.0 MB"),
        (364_000_000, "364 MB"),
        (999_600_000, "1.00 GB"),
        (20_000_000_000, "20.0 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_a_size_is_formatted_with_three_digits(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@given(st.integers(0, 10**15))
def test_a_formatted_size_can_be_parsed(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == pytest.approx(size_bytes, rel=0.006)
