"""`spanledger prices calculate`, by its old name `price` too, and `spanledger identity hash`."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from processor.calls.errors import BadData, ConfigError
from processor.calls.identity import keyed_hash

EXAMPLES = Path(__file__).parent.parent / "fixtures" / "pricing" / "examples.csv"
HEADER = "provider,model,timestamp,input_tokens,output_tokens"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(build(), list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def priced(tmp_path: Path, rows: str, *options: str, header: str = HEADER) -> list[dict[str, str]]:
    file = tmp_path / "calls.csv"
    file.write_text(f"{header}\n{rows}\n", encoding="utf-8")
    return list(csv.DictReader(io.StringIO(run("prices", "calculate", str(file), *options))))


def test_every_example_gets_its_exact_cost() -> None:
    rows = list(csv.DictReader(io.StringIO(run("price", str(EXAMPLES)))))
    assert len(rows) == 62
    for row in rows:
        assert Decimal(row["cost_usd"]) == Decimal(row["expected_cost_usd"])
        assert row["price_status"] == "priced"


def test_json_holds_the_same_rows() -> None:
    rows = json.loads(run("price", str(EXAMPLES), "--json"))
    assert len(rows) == 62
    assert all(Decimal(row["costUsd"]) == Decimal(row["expected_cost_usd"]) for row in rows)


def test_an_unknown_model_has_an_empty_cost_and_a_reason(tmp_path: Path) -> None:
    (row,) = priced(tmp_path, "openai,gpt-99,2026-11-01T00:00:00Z,1,1")
    assert (row["cost_usd"], row["price_status"]) == ("", "unpriced_model")


def test_a_cost_that_may_be_wrong_says_why(tmp_path: Path) -> None:
    header = f"{HEADER},service_tier"
    sure, unsure = priced(
        tmp_path,
        "openai,gpt-4o,2026-11-01T00:00:00Z,1,1,\nopenai,gpt-4o,2026-11-01T00:00:00Z,1,1,scale",
        header=header,
    )
    assert sure["price_flags"] == ""
    assert set(unsure["price_flags"].split()) == {"rate_missing", "cost_uncertain"}


def test_missing_usage_is_no_zero(tmp_path: Path) -> None:
    (row,) = priced(tmp_path, "openai,gpt-4o,2026-11-01T00:00:00Z,,")
    assert (row["cost_usd"], row["price_status"]) == ("", "no_usage")


def test_a_pricing_map_can_be_tried_out(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "version: 1\nmodels:\n"
        "- {provider: vllm, model: own, prices: [{usd_per_mtok: {input: '1', output: '2'}}]}\n",
        encoding="utf-8",
    )
    (row,) = priced(tmp_path, "vllm,own,2026-11-01,1000,100", "--prices", str(prices))
    assert row["cost_usd"] == "0.0012"


def test_the_output_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    with pytest.raises(BadData):
        priced(tmp_path, "openai,gpt-4o,2026-11-01,1,1\nopenai,gpt-4o,never,1,1", "-o", str(target))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.csv"]
    priced(tmp_path, "openai,gpt-4o,2026-11-01,1,1", "-o", str(target))
    assert target.read_text(encoding="utf-8").splitlines()[1].endswith(",0.0000125,priced,")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("openai,gpt-4o,yesterday,1,1", "calls.csv:2: timestamp: expected a time such as"),
        ("openai,gpt-4o,2026-11-01,-1,1", "calls.csv:2: input_tokens: expected a whole number"),
        ("openai,gpt-4o,2026-11-01,1.5,1", "calls.csv:2: input_tokens: expected a whole number"),
        ("openai,gpt-4o,2026-11-01,1,99999999999", "calls.csv:2: output_tokens: expected a whole number"),
        ("openai,gpt-4o,2026-11-01,1", "calls.csv:2: expected 5 columns"),
        ("openai,gpt-4o,2026-11-01,1,1,1", "calls.csv:2: expected 5 columns"),
        ('openai,"gpt-4o,2026-11-01,1,1', "calls.csv: not CSV after line 1"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(tmp_path: Path, row: str, error: str) -> None:
    with pytest.raises(BadData) as raised:
        priced(tmp_path, row)
    assert str(raised.value).startswith(error)


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("provider,model,timestamp,input_tokens", "column output_tokens is missing"),
        (f"{HEADER},cost_usd", "column cost_usd already exists"),
        ("", "column provider is missing"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: str, error: str) -> None:
    with pytest.raises(BadData, match=error):
        priced(tmp_path, "", header=header)


def test_a_missing_file_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="No such file"):
        run("price", str(tmp_path / "none.csv"))


def test_a_wrong_map_is_told_with_its_line(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("version: 1\nmodel: []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prices\.yaml:2: model: unknown key"):
        run("price", str(EXAMPLES), "--prices", str(prices))


def test_the_stored_form_of_an_identity_is_printed(tmp_path: Path) -> None:
    key = "a secret of at least sixteen bytes"
    (tmp_path / "identity.key").write_text(f"{key}\n", encoding="utf-8")
    stored = run("identity", "hash", "user-42", "--data-dir", str(tmp_path)).strip()
    assert stored == keyed_hash("user-42", key.encode())
    assert run("identity", "hash", "acme", "--kind", "tenant", "--data-dir", str(tmp_path)).strip() == "acme"


def test_no_hash_is_printed_without_the_key_of_the_service(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"identity\.key: no identity key there"):
        run("identity", "hash", "user-42", "--data-dir", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_every_earlier_form_is_printed_as_json(tmp_path: Path) -> None:
    (tmp_path / "identity.key").write_text("the newest secret key\nthe older secret key\n", encoding="utf-8")
    told = json.loads(run("identity", "hash", "jane@example.com", "--json", "--data-dir", str(tmp_path)))
    assert told["rawIdentity"] is True
    assert told["storedForms"] == [
        keyed_hash("jane@example.com", b"the newest secret key"),
        keyed_hash("jane@example.com", b"the older secret key"),
    ]
