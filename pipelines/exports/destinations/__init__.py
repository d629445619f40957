"""Destinations by type (`pipelines/destination_types.py`). A new one is one module with a `KIND`: here, with one entry
there, or in a company's folder.

Its options are a pydantic model: `cdp validate-config` names a wrong one with file:line. A destination takes single
operations (`open_rows`) or holds a whole set (`open_set`).
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from pipelines.destination_types import TYPES, is_known, is_own
from pipelines.errors import UsageError
from pipelines.exports.destinations.base import MODES, Kind, Opening, RowDestination, SetDestination
from pipelines.exports.destinations.options import parse, problems

__all__ = [
    "LOADED",
    "MODES",
    "TYPES",
    "check_options",
    "fills_empty",
    "kind_of",
    "modes_of",
    "open_rows",
    "open_set",
    "option_problems",
    "requests_for",
    "takes_back",
    "target_of",
    "writes_full_set",
]


# types that were used already
LOADED: dict[str, Kind] = {}


def kind_of(kind: str) -> Kind:
    """How to check, count and open one type of destination; `kind` is a name of ours, or the path of a company's own module.

    Raises KeyError for a type that does not exist, UsageError for a module that is none of a destination.
    """
    if kind not in LOADED:
        LOADED[kind] = _own(Path(kind)) if is_own(kind) else import_module(f"{__name__}.{TYPES[kind]}").KIND
    return LOADED[kind]


def _own(path: Path) -> Kind:
    hint = "docs/destinations.md, A new destination"
    if not path.is_file():
        raise UsageError(f"there is no {path}", hint=hint)
    spec = spec_from_file_location(f"cdp_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        line = getattr(error, "lineno", None) or _line(error, path)
        raise UsageError(f"{path}:{line or 1}: {type(error).__name__}: {error}", hint=hint) from error
    kind = getattr(module, "KIND", None)
    if not isinstance(kind, Kind) or (kind.open_rows is None) == (kind.open_set is None):
        raise UsageError(f"{path} has no `KIND` (a Kind with open_rows or open_set)", hint=hint)
    if extra := sorted({*kind.modes} - {*MODES}):
        raise UsageError(f"{path}: unknown modes {', '.join(extra)}; modes: {', '.join(MODES)}", hint=hint)
    return kind


def _line(error: BaseException, path: Path) -> int | None:
    """The line of the module at which it failed."""
    lines = []
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1] if lines else None


def modes_of(kind: str) -> tuple[str, ...]:
    """The modes that a type of destination can carry out."""
    return kind_of(kind).modes


def fills_empty(kind: str) -> bool:
    """Whether a type of destination can write a column only where it is empty."""
    return kind_of(kind).fills_empty


def takes_back(kind: str, options: Mapping[str, Any]) -> bool:
    """Whether rows can be taken back; wrong options are told elsewhere."""
    found = kind_of(kind)
    return bool(check_options(kind, options)) or found.takes_back(parse(found.options, options))


def open_rows(kind: str, options: Mapping[str, Any], sync: str) -> RowDestination | None:
    """The destination, ready for the operations of one sync; None when the type holds a whole set."""
    found = kind_of(kind)
    return found.open_rows(parse(found.options, options), Opening(sync)) if found.open_rows else None


def open_set(kind: str, options: Mapping[str, Any], sync: str) -> SetDestination | None:
    """The destination, ready for the set of one sync; None when the type takes single operations."""
    found = kind_of(kind)
    return found.open_set(parse(found.options, options), Opening(sync)) if found.open_set else None


def option_problems(kind: str, options: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the options of a destination, each with the path of the option."""
    return problems(kind_of(kind).options, options)


def check_options(kind: str, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options of a destination; empty when nothing is."""
    return [problem for _, problem in option_problems(kind, options)]


def requests_for(kind: str, options: Mapping[str, Any], operations: int) -> int:
    """Requests (or file writes) that so many operations take when all goes well."""
    found = kind_of(kind)
    return found.requests(parse(found.options, options), operations) if operations else 0


def target_of(kind: str, options: Mapping[str, Any], sync: str) -> str | None:
    """The file or table that a sync would write, if that is what the type does and its options are right."""
    if not is_known(kind) or check_options(kind, options):
        return None
    found = kind_of(kind)
    return found.target(parse(found.options, options), sync)


def writes_full_set(kind: str) -> bool:
    """Whether the destination holds the whole set: then rows that left the model cannot stay in it."""
    return kind_of(kind).open_set is not None
