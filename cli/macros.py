"""Macros of the project as SQL text, without dbt: values that somebody types are read as staging reads delivered ones.

dbt takes 4 s to start; Jinja alone renders the same files at once. `return` and `adapter.dispatch` are what dbt offers.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

MACRO = re.compile(r"(?s)({%-? macro (\w+)\(.*?{%-? endmacro -?%})")
PROJECT = Path(__file__).resolve().parent.parent
MACROS = PROJECT / "macros"


class _Returned(Exception):  # noqa: N818
    """How `return(value)` leaves a macro."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _returning(macro: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return str(macro(*args, **kwargs)).strip()
        except _Returned as returned:
            return returned.value

    return call


def _late_template(environment: jinja2.Environment, name: str, text: str) -> Callable[..., Any]:
    @cache
    def compiled() -> Callable[..., Any]:
        module = environment.from_string(text.replace(f"macro {name}(", "macro it(", 1)).module
        return _returning(vars(module)["it"])

    return lambda *args, **kwargs: compiled()(*args, **kwargs)


def _late(found: dict[str, Callable[..., Any]], name: str) -> Callable[..., Any]:
    return lambda *args, **kwargs: found[name](*args, **kwargs)


@cache
def macros(engine: str = "duckdb") -> dict[str, Callable[..., Any]]:
    """Every macro of `macros`, `macros/engine` and `macros/normalise` by name, for one engine."""
    return project(engine)[1]


@cache
def project(engine: str) -> tuple[jinja2.Environment, dict[str, Callable[..., Any]]]:
    """Jinja as the project's files are rendered with, and every macro by name."""
    found: dict[str, Callable[..., Any]] = {}

    class Adapter:
        @staticmethod
        def dispatch(name: str) -> Callable[..., Any]:
            return found.get(f"{engine}__{name}") or found[f"default__{name}"]

    def leave(value: Any) -> None:
        raise _Returned(value)

    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701 -- SQL
    said = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    environment.globals |= {
        "adapter": Adapter,
        "return": leave,
        "ref": lambda name: name,
        "config": lambda **_: "",
        "is_incremental": lambda: False,
        "var": lambda name, default=None: said.get(name, default),
        "env_var": lambda name, default: default,
    }
    # one template per macro, as in dbt: a macro finds the others when it calls them, whatever file they stand in
    for folder in ("engine", "normalise", ""):
        for path in sorted((MACROS / folder).glob("*.sql")):
            for text, name in re.findall(MACRO, path.read_text(encoding="utf-8")):
                environment.globals[name] = _late(found, name)
                found[name] = _late_template(environment, name, text)
    return environment, found


def sql(name: str, *args: Any, **kwargs: Any) -> str:
    """The SQL expression of a macro call."""
    return str(macros()[name](*args, **kwargs))
