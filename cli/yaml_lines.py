"""YAML text -> plain data plus the line of every key, so that each error can name its line."""

from typing import Any

import yaml

from pipelines.errors import UsageError

Path = tuple[str | int, ...]
MAX_KEYS = 50_000


def load(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """Parse one YAML document; lines count from 1 and are keyed by the path of keys and indexes.

    Raises UsageError with file:line for text that is not YAML, for values
    that cannot be read and for a key that stands twice.
    """
    lines: dict[Path, int] = {(): 1}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None, lines
        _walk(node, (), lines, name, ())
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(
            f"{name}:{line}: not valid YAML: {error.problem or error.context}",
            hint="check indentation, quotes and brackets at that line",
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(
            f"{name}:{line}: not readable as text: {error.reason}", hint="save the file as UTF-8"
        ) from error
    except RecursionError as error:
        raise UsageError(
            f"{name}:1: nested too deeply", hint="no part of it needs that; see README"
        ) from error


def _walk(
    node: yaml.Node, path: Path, lines: dict[Path, int], name: str, above: tuple[yaml.Node, ...]
) -> None:
    here = node.start_mark.line + 1
    if node in above or len(lines) > MAX_KEYS:
        why = "an alias stands inside its own anchor" if node in above else f"more than {MAX_KEYS} keys"
        raise UsageError(f"{name}:{here}: {why}", hint="write the part out instead of an alias")
    if isinstance(node, yaml.MappingNode):
        _keys(node, path, lines, name, (*above, node))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _walk(value, (*path, index), lines, name, (*above, node))
    else:
        _check_scalar(node, name)


def _keys(
    node: yaml.MappingNode, path: Path, lines: dict[Path, int], name: str, above: tuple[yaml.Node, ...]
) -> None:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UsageError(f"{name}:{line}: a key must be a word", hint="quote it if it holds { or [")
        _check_scalar(key, name)
        if key.value in seen:
            raise UsageError(
                f"{name}:{line}: `{key.value}` stands twice; first at line {seen[key.value]}",
                hint="keep one of them",
            )
        seen[key.value] = line
        lines[(*path, str(key.value))] = line
        _walk(value, (*path, str(key.value)), lines, name, above)


def _check_scalar(node: yaml.Node, name: str) -> None:
    # PyYAML lets Python's own errors out for values that look like a date or a number and are none.
    try:
        yaml.SafeLoader("").construct_object(node)
    except (ValueError, OverflowError, LookupError) as error:
        raise UsageError(
            f"{name}:{node.start_mark.line + 1}: `{node.value}` cannot be read: {error}",
            hint="correct it, or put it in quotes if it is meant as text",
        ) from error


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of the nearest known ancestor of `path`."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
