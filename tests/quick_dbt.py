"""What dbt works out again for every node of every build, worked out once in a test process.

Four fifths of a build of a small company are dbt's own Python: templates are compiled again, the macros of the project are sorted
into namespaces again for each context, events are put together that no log takes. None of it depends on the company. Nothing of
the product is changed, and nothing is kept that could differ: `tests/unit/test_quick_dbt.py` holds each against dbt's own way.
"""

import logging
import marshal
import os
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

# (what kind of environment, source, names) -> what Jinja makes of it
_compiled: dict[tuple[Any, ...], CodeType] = {}
# how many of them other processes know, and when their file was written that was read last
_shared = _read_at = 0
# (package of the node, root package, packages of dbt) -> the last layout worked out for it
_layouts: dict[tuple[Any, ...], "Layout"] = {}
# the edges of the last graph in which dbt found no cycle
_acyclic: frozenset[Any] | None = None


def savings(patch: pytest.MonkeyPatch) -> None:
    """Let dbt take these shortcuts until `patch` is undone."""
    _templates(patch)
    _namespaces(patch)
    _graphs(patch)
    _events(patch)
    _empty_tables(patch)


def _templates(patch: pytest.MonkeyPatch) -> None:
    """The same source in the same kind of environment is the same code."""
    from jinja2 import Environment

    original = getattr(Environment.compile, "original", Environment.compile)

    def compiled(
        self: Any, source: Any, name: Any = None, filename: Any = None, *rest: Any, **named: Any
    ) -> Any:
        if rest or named or not isinstance(source, str):
            return original(self, source, name, filename, *rest, **named)
        key = (type(self).__qualname__, tuple(self.extensions), str(source), name, filename)
        if key not in _compiled:
            _compiled[key] = original(self, source, name, filename)
        return _compiled[key]

    compiled.original = original  # type: ignore[attr-defined]
    patch.setattr(Environment, "compile", compiled)


def share_templates(file: Path) -> None:
    """Take over what other processes of this test run have compiled, and give them what is new here."""
    global _shared, _read_at
    if file.is_file() and (written := file.stat().st_mtime_ns) != _read_at:
        _compiled.update(marshal.loads(file.read_bytes()))
        _shared, _read_at = len(_compiled), written
    if len(_compiled) > 1.1 * _shared:
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_bytes(marshal.dumps(_compiled))
        fresh.replace(file)
        _shared = len(_compiled)


@dataclass
class Layout:
    """Which macro stands where in a namespace; of macros by their place in one list."""

    macros: list[Any]
    ids: list[int]
    own: dict[str, int]
    root: dict[str, int]
    packages: dict[str, dict[str, int]]
    internal: dict[str, int]
    flat: dict[str, int]


def _layout(by_package: Any, search: str, root: str, internal: tuple[str, ...]) -> Layout:
    """As `MacroNamespaceBuilder` sorts them; the layout of before when they are the same objects."""
    macros = [macro for package in by_package.values() for macro in package.values()]
    ids = list(map(id, macros))
    known = _layouts.get((search, root, internal))
    if known is not None and known.ids == ids:
        return known
    made = Layout(macros, ids, {}, {}, {}, {}, {})
    inner: dict[str, dict[str, int]] = {}
    for place, macro in enumerate(macros):
        package = macro.package_name
        (inner if package in internal else made.packages).setdefault(package, {})[macro.name] = place
        if package not in internal and package in (search, root):
            (made.own if package == search else made.root)[macro.name] = place
    for package in reversed(internal):
        made.internal.update(inner.get(package, {}))
    made.flat = made.internal | made.root | made.own
    _layouts[search, root, internal] = made
    return made


class Waiting(dict[str, Any]):
    """A dictionary some of whose values are made when somebody asks for them."""

    places: dict[str, int]
    make: Callable[[int], Any]

    @classmethod
    def of(cls, places: dict[str, int], make: Callable[[int], Any]) -> "Waiting":
        """What has a place in `places` is made of it."""
        found = cls()
        found.places, found.make = places, make
        return found

    def __missing__(self, key: str) -> Any:
        if key not in self.places:
            raise KeyError(key)
        self[key] = made = self.make(self.places[key])
        return made

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self.places

    def get(self, key: str, default: Any = None) -> Any:
        """As of any dictionary."""
        try:
            return self[key]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        yield from list(super().keys())
        yield from (key for key in self.places if not super(Waiting, self).__contains__(key))

    def __len__(self) -> int:
        return len(super().keys() | self.places.keys())

    def __bool__(self) -> bool:
        return super().__len__() > 0 or bool(self.places)

    def keys(self) -> Any:
        """All, made or not."""
        return KeysView(self)

    def items(self) -> Any:
        """All, made now."""
        return ItemsView(self)

    def values(self) -> Any:
        """All, made now."""
        return ValuesView(self)


def _namespaces(patch: pytest.MonkeyPatch) -> None:
    """Where a macro stands is known, and what calls it in a context is made for those that are called."""
    from dbt.clients.jinja import MacroGenerator
    from dbt.context.macros import MacroNamespace
    from dbt.context.manifest import ManifestContext
    from dbt.include.global_project import PROJECT_NAME

    class Namespace(MacroNamespace):
        """A namespace that knows what its search by order comes to."""

        layout: Layout

    def build(self: Any) -> Any:
        builder = self._get_namespace_builder()
        layout = _layout(
            self.manifest.get_macros_by_package(),
            builder.search_package,
            builder.root_package,
            tuple(builder.internal_package_names_order),
        )
        made: dict[int, Any] = {}
        self._ctx = context = Waiting.of({}, lambda place: generator(place))

        def generator(place: int) -> Any:
            if place not in made:
                made[place] = MacroGenerator(layout.macros[place], context, builder.node, builder.thread_ctx)
            return made[place]

        found = Namespace(
            Waiting.of(layout.root, generator),
            Waiting.of(layout.own, generator),
            Waiting.of(layout.internal, generator),
            {package: Waiting.of(places, generator) for package, places in layout.packages.items()},
        )
        found.layout = layout
        return found

    original = getattr(ManifestContext.to_dict, "original", ManifestContext.to_dict)

    def to_dict(self: Any) -> Any:
        if not isinstance(self.namespace, Namespace):
            return original(self)
        found, namespace = super(ManifestContext, self).to_dict(), self.namespace
        # a macro stands before what dbt itself calls so, a package before the macros of dbt, and own ones before all
        places, packages = (
            namespace.layout.flat,
            {PROJECT_NAME: namespace.global_project_namespace} | namespace.packages,
        )
        for name in [name for name in found if name in places]:
            del found[name]
        found.places = places
        own = namespace.layout.own.keys() | namespace.layout.root.keys()
        found.update({name: package for name, package in packages.items() if name not in own})
        return found

    to_dict.original = original  # type: ignore[attr-defined]
    own_way = ManifestContext._build_namespace
    build.original = getattr(own_way, "original", own_way)  # type: ignore[attr-defined]
    patch.setattr(ManifestContext, "_build_namespace", build)
    patch.setattr(ManifestContext, "to_dict", to_dict)


def _graphs(patch: pytest.MonkeyPatch) -> None:
    """A graph of the same edges has no cycle either."""
    from dbt.compilation import Linker

    original = getattr(Linker.find_cycles, "original", Linker.find_cycles)

    def find_cycles(self: Any) -> Any:
        global _acyclic
        edges = frozenset(self.graph.edges)
        if edges == _acyclic:
            return None
        found = original(self)
        if found is None:
            _acyclic = edges
        return found

    find_cycles.original = original  # type: ignore[attr-defined]
    patch.setattr(Linker, "find_cycles", find_cycles)


def _events(patch: pytest.MonkeyPatch) -> None:
    """An event below every log's level is not put together."""
    from dbt.tracking import track_behavior_change_warn
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager

    original = getattr(EventManager.fire_event, "original", EventManager.fire_event)

    def heard(manager: Any, e: Any) -> bool:
        # dbt's own listener waits for one event
        listening = any(one is not track_behavior_change_warn for one in manager.callbacks)
        loggers = (log._python_logger for log in manager.loggers)
        logged = any(one is not None and one.isEnabledFor(logging.DEBUG) for one in loggers)
        return listening or logged or type(e).__name__ == "BehaviorChangeEvent"

    def fire_event(self: Any, e: Any, level: Any = None, *rest: Any, **named: Any) -> None:
        if (level or e.level_tag()) not in (EventLevel.DEBUG, EventLevel.TEST) or heard(self, e):
            original(self, e, level, *rest, **named)

    fire_event.original = original  # type: ignore[attr-defined]
    patch.setattr(EventManager, "fire_event", fire_event)
    _unread(patch)


def _unread(patch: pytest.MonkeyPatch) -> None:
    """What an event of that kind says is put into its message when somebody reads it."""
    from dbt_common.events.base_types import BaseEvent, DebugLevel, TestLevel

    made = getattr(BaseEvent.__init__, "original", BaseEvent.__init__)
    read = getattr(BaseEvent.__getattr__, "original", BaseEvent.__getattr__)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if args or not isinstance(self, (DebugLevel, TestLevel)):
            made(self, *args, **kwargs)
        else:
            object.__setattr__(self, "_unread", kwargs)

    def attribute(self: Any, key: str) -> Any:
        unread = self.__dict__.pop("_unread", None)
        if unread is not None:
            made(self, **unread)
            return getattr(self, key)
        return read(self, key)

    init.original, attribute.original = made, read  # type: ignore[attr-defined]
    patch.setattr(BaseEvent, "__init__", init)
    patch.setattr(BaseEvent, "__getattr__", attribute)


def _empty_tables(patch: pytest.MonkeyPatch) -> None:
    """A statement without a result gives an empty table, which nothing changes: agate's tables are immutable."""
    from dbt_common.clients import agate_helper

    made: Any = getattr(agate_helper.empty_table, "original", agate_helper.empty_table)
    empty = made()

    def empty_table() -> Any:
        return empty

    empty_table.original = made  # type: ignore[attr-defined]
    patch.setattr(agate_helper, "empty_table", empty_table)
