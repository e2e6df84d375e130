"""Errors on the wire: the sender does the right thing, and learns nothing it should not."""

from __future__ import annotations

import pytest

from processor.calls.errors import BadData, Overloaded, Retryable, StorageUnavailable, TooLarge
from receiver.auth import Forbidden, Unauthenticated
from receiver.reports.reports import NothingUsable, Refused
from receiver.status import (
    HTTP_CODES,
    MAX_RETRY_SECONDS,
    Misdirected,
    grpc_code,
    http_code,
    retry_after_header,
    retry_seconds,
    to_status,
)
from tests.receiver.doors import bad_request, retry_info

FINAL = [
    (BadData("body", "is no protobuf"), "INVALID_ARGUMENT", 400),
    (TooLarge("body", "is too large"), "RESOURCE_EXHAUSTED", 413),
    (Unauthenticated(), "UNAUTHENTICATED", 401),
    (Forbidden("not for this"), "PERMISSION_DENIED", 403),
    (Misdirected(404, "wrong_path", "nothing here"), "NOT_FOUND", 404),
    (Misdirected(405, "wrong_method", "only POST"), "UNIMPLEMENTED", 405),
    (Misdirected(415, "wrong_content_type", "other type"), "INVALID_ARGUMENT", 415),
]
RETRYABLE = [
    Overloaded("full"),
    StorageUnavailable("away"),
    Retryable("later"),
    ValueError("content"),
    MemoryError(),
]


@pytest.mark.parametrize(("error", "name", "code"), FINAL)
def test_what_stays_wrong_is_final_and_without_retry_info(error: Exception, name: str, code: int) -> None:
    assert grpc_code(error).name == name
    assert http_code(error) == code
    assert code not in {429, 500, 502, 503, 504}
    assert retry_info(to_status(error)) is None


@pytest.mark.parametrize("error", RETRYABLE)
def test_everything_else_may_be_sent_again_within_two_seconds(error: Exception) -> None:
    assert grpc_code(error).name == "UNAVAILABLE"
    assert http_code(error) == 503
    assert retry_info(to_status(error)) is not None


@pytest.mark.parametrize(
    ("asked", "told", "header"), [(0.2, 0.2, "1"), (1.5, 1.5, "2"), (60, 2.0, "2"), (-1, 0.0, "0")]
)
def test_the_delay_never_exceeds_what_exporters_bear(asked: float, told: float, header: str) -> None:
    error = Overloaded("full", asked)
    info = retry_info(to_status(error))
    assert info is not None
    assert info.retry_delay.ToTimedelta().total_seconds() == retry_seconds(error) == told <= MAX_RETRY_SECONDS
    assert retry_after_header(error) == header


def test_no_answer_is_unknown_internal_or_500() -> None:
    assert not {code.name for code in HTTP_CODES} & {"UNKNOWN", "INTERNAL"}
    assert 500 not in HTTP_CODES.values()


def test_bad_data_names_its_field() -> None:
    details = bad_request(to_status(BadData("[3].inputTokens", "expected a whole number")))
    assert details is not None
    assert [each.field for each in details.field_violations] == ["[3].inputTokens"]


def test_when_nothing_is_usable_every_record_is_named_up_to_a_hundred() -> None:
    refused = [Refused(place, "attempt", "wrong", f"[{place}].attempt") for place in range(250)]
    status = to_status(NothingUsable(refused))
    details = bad_request(status)
    assert details is not None
    assert len(details.field_violations) == 100
    assert "249 more" in status.message


def test_the_text_of_an_unexpected_error_stays_inside() -> None:
    assert "secret" not in to_status(KeyError("secret prompt")).message


def test_a_text_that_has_no_utf_8_is_encodable_and_a_long_one_is_cut() -> None:
    status = to_status(BadData("x\ud800", "y" * 100_000))
    assert len(status.SerializeToString()) < 8000
