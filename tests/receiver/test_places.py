"""Where a call was served, as the span says it: a place with prices of its own is marked."""

from __future__ import annotations

import pytest

from processor.calls.call import Flag
from tests.receiver.spans import read

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.request.model": "amazon.nova-lite-v1:0",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 10,
}


@pytest.mark.parametrize(
    ("place", "is_marked"),
    [
        ({}, False),
        ({"server.address": "bedrock-runtime.us-east-1.amazonaws.com"}, False),
        ({"server.address": "bedrock-runtime.us-gov-west-1.amazonaws.com"}, True),
        ({"aws.region": "us-gov-west-1"}, True),
        ({"cloud.region": "eu-central-1"}, True),
        ({"server.address": "127.0.0.1"}, False),
    ],
)
def test_a_place_with_prices_of_its_own_is_marked(place: dict[str, str], is_marked: bool) -> None:
    call = read(CALL | place)
    assert bool(call.flags & Flag.REGION_PRICED) is is_marked


def test_the_region_of_the_application_says_nothing_of_the_call() -> None:
    call = read(CALL, resource={"cloud.region": "eu-central-1"})
    assert not call.flags & Flag.REGION_PRICED
