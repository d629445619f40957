"""YAML text -> plain data plus the line of every key, so that each error can name its line."""

from typing import Any

import yaml

from pipelines.errors import UsageError

Path = tuple[str | int, ...]


def load(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """Parse one YAML document; lines count from 1 and are keyed by the path of keys and indexes.

    Raises UsageError with file:line for text that is not YAML, and for a key that stands twice.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(
            f"{name}:{line}: not valid YAML: {error.problem or error.context}",
            hint="check indentation, quotes and brackets at that line",
        ) from error
    except yaml.reader.ReaderError as error:
        raise UsageError(
            f"{name}: not readable as text: {error.reason}", hint="save the file as UTF-8"
        ) from error
    lines: dict[Path, int] = {(): 1}
    if node is None:
        return None, lines
    _walk(node, (), lines, name)
    return yaml.safe_load(text), lines


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            at, line = (*path, str(key.value)), key.start_mark.line + 1
            if key.value in seen:
                raise UsageError(
                    f"{name}:{line}: `{key.value}` stands twice; first at line {seen[key.value]}",
                    hint="keep one of them",
                )
            seen[key.value] = line
            lines[at] = line
            _walk(value, at, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _walk(value, (*path, index), lines, name)


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of the nearest known ancestor of `path`."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
