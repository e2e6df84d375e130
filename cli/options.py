"""Options that several commands share: groups of them, each a value that a command takes as one argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, get_type_hints

import typer

from operations import times
from operations.dimensions import COLUMNS, Split, not_one_of, split

if TYPE_CHECKING:  # both take a tenth of a second, which `--help` has better uses for
    import psycopg

    from service.config import Config

Parsed = TypeVar("Parsed")
Flag = tuple[tuple[str, ...], str, object]
"""A setting's path, the flag that sets it, and its value; None was not given."""


def parsed(parse: Callable[[str], Parsed]) -> Callable[[object], Parsed]:
    """A parser of texts as an option's parser: what it refuses is the user's to correct."""

    def read(value: object) -> Parsed:
        try:
            return parse(str(value))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return read


def one_of(kind: str, *names: str) -> Callable[[object], str]:
    """A parser that takes one of these names, and guesses which one was meant."""

    def read(value: str) -> str:
        if value not in names:
            raise ValueError(not_one_of(value, kind, names))
        return value

    return parsed(read)


def several_of(kind: str, *names: str) -> Callable[[object], str]:
    """The same for one name or several with commas; `*` takes all."""

    def read(value: str) -> str:
        for name in value.split(","):
            if name != "*" and name not in names:
                raise ValueError(not_one_of(name, kind, names))
        return value

    return parsed(read)


def _moment(text: str) -> datetime:
    return times.instant(text, datetime.now(UTC))


def moment_option(help: str, *names: str) -> Any:
    """An option that takes a moment: `yesterday`, `now-6h`, `2026-05-04T12:00`."""
    return typer.Option(*names, help=help, metavar="TIME", parser=parsed(_moment))


Actor = Annotated[
    str, typer.Option("--by", help="Who does it, for the history. [your user name]", metavar="NAME")
]


def state_of(what: str, *states: str) -> Any:
    """The option `--state` of a list; the first state is the default, `*` all.

    Args:
        what: what the first state means.
    """
    return typer.Option(
        "--state",
        help=f"{states[0]} ({what}), {', '.join(states[1:-1])} or *.",
        metavar="STATE",
        parser=one_of("state", *states),
    )


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Rows as CSV, with every digit.")]
Limit = Annotated[
    int, typer.Option("--limit", help="Rows at most; the total counts all.", min=1, metavar="N")
]
OptionalLimit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        help="Rows at most; the total counts all. [20; all with --csv]",
        min=1,
        metavar="N",
        show_default=False,
    ),
]
Apply = Annotated[bool, typer.Option("--apply", help="Do it; without it nothing is changed.")]
Why = Annotated[str, typer.Option("--why", help="The reason, kept in the journal.", metavar="TEXT")]
By = Annotated[
    Split,
    typer.Option(
        "--by",
        help="endpoint, prompt-version, model, family, provider, tenant, user, service; or two.",
        metavar="DIMENSION",
        parser=parsed(split),
    ),
]


OptionalBy = Annotated[
    Split | None,
    typer.Option("--by", help="The same, as `compare` takes it.", metavar="DIMENSION", parser=parsed(split)),
]


def at_most_one(given: Mapping[str, object]) -> None:
    """Refuse options that contradict each other.

    Raises:
        typer.BadParameter: more than one of them is given.
    """
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise typer.BadParameter(f"{' and '.join(named)} contradict each other; give one of them")


def duration_option(help: str, *names: str) -> Any:
    """An option that takes a length of time such as `5m`."""
    return typer.Option(*names, help=help, metavar="TIME", parser=parsed(times.duration))


class Settings(NamedTuple):
    """Which configuration and database a command works with."""

    config: Annotated[
        Path | None,
        typer.Option("--config", help="The YAML file; SPANLEDGER_CONFIG names it too.", metavar="FILE"),
    ] = None
    database_url: Annotated[
        str | None,
        typer.Option(
            "--database-url",
            help="PostgreSQL or TimescaleDB; else DATABASE_URL, PG*, or the embedded one.",
            metavar="URL",
        ),
    ] = None
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where the embedded PostgreSQL lives.", metavar="DIR")
    ] = None

    def load(self, more: Sequence[Flag] = ()) -> Config:
        """The configuration: flags over environment over file."""
        from service.config import load_config

        return load_config(self.config, self.flags(more))

    def flags(self, more: Sequence[Flag] = ()) -> dict[tuple[str, ...], tuple[str, object]]:
        """What was given, as the configuration takes it."""
        flags: list[Flag] = [
            (("database", "url"), "--database-url", self.database_url),
            (("data_dir",), "--data-dir", self.data_dir),
            *more,
        ]
        return {path: (flag, value) for path, flag, value in flags if value is not None}

    def connected(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """A connection to the ledger that the configuration names."""
        from service import database

        return database.connected(self.load())

    def over(self, before: object) -> Settings:
        """These, and what was given before the command.

        Raises:
            typer.BadParameter: one was given in both places, with two values.
        """
        if not isinstance(before, Settings):
            return self
        for name, here, there in zip(self._fields, self, before, strict=True):
            if here is not None and there is not None and here != there:
                flag = f"--{name.replace('_', '-')}"
                raise typer.BadParameter(f"{flag}: {there} before the command, {here} behind it")
        given = {name: value for name, value in self._asdict().items() if value is not None}
        return before._replace(**given)


class Window(NamedTuple):
    """Which span of time a command looks at."""

    last: Annotated[
        str | None,
        typer.Option(
            "--last",
            help="The window up to --to or now: 30m, 7d. [24h]",
            metavar="TIME",
        ),
    ] = None
    start: Annotated[
        datetime | None,
        moment_option("Start of the window (UTC): yesterday, now-6h, 2026-05-04T12:00.", "--from"),
    ] = None
    end: Annotated[datetime | None, moment_option("End of the window (UTC). [now]", "--to")] = None

    def bounds(self, usual: str = "24h") -> tuple[datetime, datetime]:
        """Start and end in UTC.

        Args:
            usual: the length where none is given.

        Raises:
            typer.BadParameter: the options contradict each other.
        """
        try:
            return times.window(self.last, self.start, self.end, datetime.now(UTC), usual)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error


class LongWindow(Window):
    """The same for what is looked up or changed in the past: 31 days where nothing is said."""

    last: Annotated[  # the same field, with another default in its help
        str | None,
        typer.Option("--last", help="The window up to --to or now: 30m, 7d. [31d]", metavar="TIME"),
    ]

    def bounds(self, usual: str = "31d") -> tuple[datetime, datetime]:
        """Start and end in UTC, as `Window.bounds`."""
        return super().bounds(usual)


def _only(name: str) -> Any:
    return typer.Option(f"--{name}", help=f"Only this {name.replace('-', ' ')}.", metavar="VALUE")


class Filters(NamedTuple):
    """Which calls a command looks at; None and `*` take all."""

    environment: Annotated[
        str | None,
        typer.Option(
            "--env",
            help="Environment, or several with commas; '*' for all. [prod; all in tail, unpriced, unread]",
            metavar="NAME",
        ),
    ] = None
    data_mode: Annotated[
        str | None,
        typer.Option(
            "--data-mode",
            help="real, test or demo; '*' for all. [real; all in tail, unpriced, unread]",
            metavar="MODE",
            parser=one_of("data mode", "real", "test", "demo", "*"),
        ),
    ] = None  # fmt: skip
    endpoint: Annotated[str | None, _only("endpoint")] = None
    prompt_version: Annotated[str | None, _only("prompt-version")] = None
    model: Annotated[str | None, _only("model")] = None
    provider: Annotated[str | None, _only("provider")] = None
    tenant: Annotated[str | None, _only("tenant")] = None
    user: Annotated[str | None, _only("user")] = None
    service: Annotated[str | None, _only("service")] = None

    def place(self, environment: str = "prod", data_mode: str = "real") -> tuple[str, str]:
        """Environment and data mode, with what a command takes where none is given."""
        return self.environment or environment, self.data_mode or data_mode

    def lets_through(self, row: Mapping[str, object], environment: str = "*", data_mode: str = "*") -> bool:
        """Whether a row of the ledger is looked at.

        Args:
            row: by the names of columns in the views of `genai`.

        Raises:
            typer.BadParameter: a filter names what such rows do not have.
        """
        environments, data_mode = self.place(environment, data_mode)
        for name in self.values():
            if COLUMNS[name] not in row:
                raise typer.BadParameter(
                    f"--{name.replace('_', '-')} says nothing here: these rows have none"
                )
        return (
            not {"*", row["environment"]}.isdisjoint(environments.split(","))
            and data_mode in ("*", row["data_mode"])
            and all((row[COLUMNS[name]] or "unknown") == value for name, value in self.values().items())
        )

    def values(self) -> dict[str, str]:
        """What the calls are narrowed to beyond environment and data mode, by the names SQL has."""
        named = self._asdict()
        del named["environment"], named["data_mode"]
        return {name: value for name, value in named.items() if value not in (None, "*")}


GROUPS = (Settings, Window, LongWindow, Filters)


def app(**more: Any) -> typer.Typer:
    """A command, or a group of commands, in the style of all."""
    style: dict[str, Any] = {"no_args_is_help": True, "add_completion": False, "rich_markup_mode": None}
    return typer.Typer(pretty_exceptions_enable=False, **style | more)


def grouped(function: Callable[..., None]) -> Callable[..., None]:
    """Spread each argument that is a group of options into its options, for typer to see.

    `Settings` also take what was given before the command.
    """
    signature = inspect.signature(function, eval_str=True)
    groups = {name: p.annotation for name, p in signature.parameters.items() if p.annotation in GROUPS}

    @wraps(function)
    def run(context: typer.Context, **given: Any) -> None:
        for name, group in groups.items():
            value = group(**{field: given.pop(field) for field in group._fields})
            given[name] = value.over(context.find_root().obj) if isinstance(value, Settings) else value
        if "context" in signature.parameters:
            given["context"] = context
        function(**given)

    run.__signature__ = inspect.Signature(list(_spread(signature, groups)))  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run


def _spread(signature: inspect.Signature, groups: dict[str, Any]) -> Iterable[inspect.Parameter]:
    """The parameters of a command, its groups as their options; those of all commands last."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    yield inspect.Parameter("context", keyword, annotation=typer.Context)
    for name, parameter in signature.parameters.items():
        if name == "context":
            continue
        if name not in groups:
            yield parameter.replace(kind=keyword)
            continue
        hints = get_type_hints(groups[name], include_extras=True)
        for field, default in groups[name]._field_defaults.items():
            yield inspect.Parameter(field, keyword, annotation=hints[field], default=default)
