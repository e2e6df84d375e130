"""One list of dimensions, with the nearest name where one is misspelt."""

from __future__ import annotations

import pytest

from operations.dimensions import DIMENSIONS, dimension, split


def test_every_name_finds_its_dimension() -> None:
    assert [dimension(name).name for name in DIMENSIONS] == list(DIMENSIONS)


@pytest.mark.parametrize("old", ["prompt", "prompt_version"])
def test_names_of_earlier_versions_still_work(old: str) -> None:
    assert dimension(old) == DIMENSIONS["prompt-version"]


def test_two_dimensions_can_be_given_at_once() -> None:
    both = split("tenant, prompt-version")
    assert (both.sql, both.name, both.title) == (
        "tenant,prompt_version", "tenant,prompt-version", "tenant and prompt version",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tennant", "Did you mean tenant"),
        ("", "not a dimension"),
        ("tenant,", "not a dimension"),
        ("tenant,tenant", "twice"),
        ("tenant,model,user", "one dimension or two"),
    ],
)
def test_what_is_no_dimension_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        split(text)
