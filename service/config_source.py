"""Where settings come from: flags over environment over one YAML file, each value with its origin."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from processor.calls.errors import ConfigError

PREFIX = "SPANLEDGER_"
TEST_PREFIX = "SPANLEDGER_TEST_"
"""Variables of the test suite (CONTRIBUTING.md): they name servers and sizes, never a setting."""
FILE_VARIABLE = "SPANLEDGER_CONFIG"

Model = TypeVar("Model", bound=BaseModel)
Path_ = tuple[str | int, ...]


class Settings:
    """Nested values, and beside each path where it was said (`spanledger.yaml:12`, a variable, a flag)."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[Path_, str] = {}

    def put(self, path: Sequence[str], value: Any, origin: str) -> None:
        """Set one value; what was said later wins."""
        level = self.values
        for key in path[:-1]:
            if not isinstance(level.get(key), dict):
                level[key] = {}
            level = level[key]
        level[path[-1]] = value
        self.origins[tuple(path)] = origin

    def origin(self, path: Path_) -> str:
        """The most exact known origin of a path: of itself, or of the nearest section above it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return "settings"


def add_file(settings: Settings, path: Path) -> None:
    """Read a YAML file into `settings`.

    Raises:
        ConfigError: unreadable, not YAML, not a mapping, or a key twice; with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{path}:1: expected sections such as `receiver:`, found something else")
        settings.origins[()] = f"{path}:1"
        settings.values.update(_mapping(loader, root, (), path, settings.origins))
    except yaml.MarkedYAMLError as error:
        # Only the problem and its line: the snippet that PyYAML prints may hold a password.
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{path}:{mark.line + 1 if mark else 1}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}:1: not YAML: {getattr(error, 'reason', 'unreadable')}") from None
    finally:
        loader.dispose()


def _mapping(
    loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path_, file: Path, origins: dict[Path_, str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        here = (*path, key)
        if key in values:
            raise ConfigError(f"{file}:{line}: {dotted(here)}: duplicate key")
        origins[here] = f"{file}:{line}"
        values[key] = _value(loader, value_node, here, file, origins)
    # `receiver:` with nothing below it is an empty section, not a null.
    return {key: value for key, value in values.items() if value is not None}


def _value(
    loader: yaml.SafeLoader, node: yaml.Node, path: Path_, file: Path, origins: dict[Path_, str]
) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, file, origins)
    if not isinstance(node, yaml.SequenceNode):
        return loader.construct_object(node, deep=True)
    for place, entry in enumerate(node.value):
        origins[*path, place] = f"{file}:{entry.start_mark.line + 1}"
    entries = enumerate(node.value)
    return [_value(loader, entry, (*path, place), file, origins) for place, entry in entries]


def add_environment(settings: Settings, model: type[BaseModel], environment: Mapping[str, str]) -> None:
    """Read `SPANLEDGER_<SECTION>__<KEY>` into `settings`.

    Raises:
        ConfigError: a variable with our prefix that names no setting.
    """
    known = {variable(path): path for path in leaves(model)}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name.startswith(TEST_PREFIX) or name == FILE_VARIABLE:
            continue
        path = known.get(name)
        if path is None:
            raise ConfigError(f"environment {name}: no such setting{_nearest(name, list(known))}")
        settings.put(path, _structured(environment[name]), f"environment {name}")


def _structured(text: str) -> Any:
    """A list or mapping written in YAML's short form, else the text itself (pydantic reads numbers)."""
    if text[:1] not in "[{" or not text:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def leaves(model: type[BaseModel], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every setting of a model as a path, in the order of its definition."""
    found: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        found += leaves(section, (*above, name)) if section else [(*above, name)]
    return found


def _nested(model: type[BaseModel], above: Path_ = ()) -> list[Path_]:
    """As `leaves`, and the settings of the entries of lists, each as that of the first entry."""
    found: list[Path_] = []
    for name, field in model.model_fields.items():
        here = (*above, name)
        section = section_of(field.annotation)
        entry = next(filter(None, map(section_of, get_args(field.annotation))), None)
        if section:
            found += _nested(section, here)
        elif entry:
            found += [here, *_nested(entry, (*here, 0))]
        else:
            found.append(here)
    return found


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model behind an annotation (`X` or `X | None`), None for a plain value or a list of models."""
    if get_origin(annotation) in (list, tuple, dict):
        return None
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def variable(path: Sequence[str]) -> str:
    """The environment variable of a setting: `("receiver", "grpc")` → `SPANLEDGER_RECEIVER__GRPC`."""
    return PREFIX + "__".join(part.upper() for part in path)


def dotted(path: Path_) -> str:
    """A path as people write it: `receiver.grpc`, `receiver.keys[2]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".")


def validate(settings: Settings, model: type[Model]) -> Model:
    """Make the model of the settings.

    Raises:
        ConfigError: one line per fault: origin, setting, reason. Pydantic's copy of the value is left out: it
            may be a secret.
    """
    try:
        return model.model_validate(settings.values)
    except ValidationError as error:
        known = [dotted(path) for path in _nested(model)]
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise ConfigError("\n".join(_explain(settings, fault, known) for fault in faults)) from None


def _explain(settings: Settings, fault: Any, known: list[str]) -> str:
    path: Path_ = tuple(part for part in fault["loc"] if part != "[key]")
    origin, name = settings.origin(path), dotted(path)
    if fault["type"] == "extra_forbidden":
        alike = dotted(tuple(0 if isinstance(part, int) else part for part in path))
        return f"{origin}: {name}: no such setting{_nearest(alike, known)}"
    reason = str(fault["msg"]).removeprefix("Value error, ")
    return f"{origin}: {name}: {reason}" if name else f"{origin}: {reason}"


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f" (did you mean {near[0]}?)" if near else ""
