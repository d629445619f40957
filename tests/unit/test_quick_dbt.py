"""Shortcuts through dbt give what dbt's own way gives."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests import quick_dbt

SOURCES = [
    "select {{ 1 + 1 }} as two",
    "{% for n in range(3) %}{{ n }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% macro named(x) %}{{ x | upper }}{% endmacro %}{{ 'a' | upper }}",
    "{% do things.append(4) %}{{ things }}",
]


@pytest.fixture
def patch() -> Any:
    """As dbt is; shortcuts that others have taken are undone for a while, those of this test at its end."""
    from dbt.compilation import Linker
    from dbt.context.manifest import ManifestContext
    from dbt_common.clients import agate_helper
    from dbt_common.events.base_types import BaseEvent
    from dbt_common.events.event_manager import EventManager
    from jinja2 import Environment

    with pytest.MonkeyPatch.context() as patch:
        for place, name in (
            (Environment, "compile"),
            (ManifestContext, "_build_namespace"),
            (ManifestContext, "to_dict"),
            (Linker, "find_cycles"),
            (EventManager, "fire_event"),
            (BaseEvent, "__init__"),
            (BaseEvent, "__getattr__"),
            (agate_helper, "empty_table"),
        ):
            now = getattr(place, name)
            patch.setattr(place, name, getattr(now, "original", now))
        yield patch


def context_of(search: str) -> Any:
    """A context over macros of the project, of another package and of dbt's own two, some of one name."""
    from dbt.adapters.factory import FACTORY
    from dbt.context.manifest import ManifestContext

    FACTORY.load_plugin("duckdb")
    names = {
        "acme": ["ours", "shared", "var", "default__shared", "dbt_duckdb"],
        "other": ["theirs", "shared", "ours"],
        "dbt": ["shared", "ref_like", "theirs", "other"],
        "dbt_duckdb": ["shared", "duckdb__thing", "env_var"],
    }
    macros = {
        package: {
            name: SimpleNamespace(
                name=name,
                package_name=package,
                unique_id=f"macro.{package}.{name}",
                macro_sql=f"{package}.{name}",
            )
            for name in of
        }
        for package, of in names.items()
    }
    config: Any = SimpleNamespace(
        to_target_dict=dict, cli_vars={}, credentials=SimpleNamespace(type="duckdb"), project_name="acme"
    )
    manifest: Any = SimpleNamespace(get_macros_by_package=lambda: macros)
    return ManifestContext(config, manifest, search)


def told(value: Any) -> Any:
    """What a context holds, in words: macros by their ids, packages by their macros."""
    if hasattr(value, "macro"):
        return value.macro.unique_id
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items() if key not in ("context", "builtins")}
    return type(value).__name__


@pytest.mark.parametrize("search", ["acme", "other", "dbt", "dbt_duckdb"])
def test_every_name_means_the_same_macro(patch: pytest.MonkeyPatch, search: str) -> None:
    """For nodes of each package: the context, and the search by package that `adapter.dispatch` does."""
    plain = context_of(search)
    before = plain.to_dict()
    quick_dbt._namespaces(patch)
    quick = context_of(search)
    after = quick.to_dict()

    assert type(plain.namespace).__name__ == "MacroNamespace"
    assert type(quick.namespace).__name__ == "Namespace"
    assert {name for name in before if name in after} == set(before) == set(after)
    assert told({name: after[name] for name in before}) == told(before) == told(after)
    assert told(after)["shared"].startswith("macro.")
    assert len(after) == len(before)
    assert ("nothing" in after, after.get("nothing", 7)) == (False, 7)
    with pytest.raises(KeyError):
        after["nothing"]
    for package in (None, "acme", "other", "dbt"):
        for name in ("ours", "shared", "theirs", "duckdb__thing", "nothing"):
            one, other = (space.namespace.get_from_package(package, name) for space in (plain, quick))
            assert (one and told(one)) == (other and told(other)), (package, name)
    generator = after["ours"]
    assert generator is after["ours"]
    assert (generator.context is after, generator.stack is quick.macro_stack) == (True, True)


def test_a_macro_that_changed_is_not_the_one_of_before(patch: pytest.MonkeyPatch) -> None:
    """The same names in another reading of the project are other macros."""
    quick_dbt._namespaces(patch)
    one, other = context_of("acme"), context_of("acme")
    first, second = one.to_dict()["ours"].macro, other.to_dict()["ours"].macro

    assert first is one.manifest.get_macros_by_package()["acme"]["ours"]
    assert second is other.manifest.get_macros_by_package()["acme"]["ours"]
    assert first is not second


@pytest.mark.parametrize("native", [False, True])
def test_a_template_that_was_compiled_before_says_the_same(patch: pytest.MonkeyPatch, native: bool) -> None:
    """Text and values of their own type come from the same words: a kind of environment has code of its own."""
    from dbt_common.clients.jinja import get_environment

    def said() -> list[Any]:
        env = get_environment(native=native)
        return [env.from_string(source).render({"things": [1]}) for source in SOURCES]

    plain = said()
    quick_dbt._templates(patch)
    other = [get_environment(native=not native).from_string(source) for source in SOURCES]

    assert len(other) == len(SOURCES)
    assert said() == said() == plain


def test_a_cycle_is_found_after_a_graph_without(patch: pytest.MonkeyPatch) -> None:
    """Only the very same edges are known to have none."""
    from dbt.compilation import Linker

    quick_dbt._graphs(patch)
    linker: Any = Linker()
    linker.dependency("b", "a")
    linker.dependency("c", "b")

    assert (linker.find_cycles(), linker.find_cycles()) == (None, None)
    linker.dependency("a", "c")
    assert "-->" in linker.find_cycles()
    assert "-->" in linker.find_cycles()


def test_what_a_log_takes_is_written_and_read_as_ever(patch: pytest.MonkeyPatch) -> None:
    """An event that waits says the same when it is read; without a log that takes it nothing is put together."""
    from dbt.adapters.events.types import NewConnection
    from dbt.events.types import MainReportVersion
    from dbt_common.events.event_manager import EventManager

    event: Any = NewConnection
    plain = event(conn_type="duckdb", conn_name="words").to_dict()
    quick_dbt._events(patch)
    manager, heard = EventManager(), []
    manager.add_callback(lambda message: heard.append(message.info.name))
    waiting = event(conn_type="duckdb", conn_name="words")
    manager.fire_event(waiting)
    manager.fire_event(MainReportVersion(version="=1", log_version=3))

    assert "_unread" not in vars(waiting)
    assert waiting.to_dict() == plain
    assert heard == ["NewConnection", "MainReportVersion"]
