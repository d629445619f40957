"""What an incremental build need not run: every model that nothing it is made of has changed for.

A build that ends records what it read beside raw rows (`inputs`): the moment, and a mark of the content of each table that other
commands write (overrides, decisions, the ledger). The next build compares: changed sources and their descendants in dbt's own
lineage run, the others hold what they would hold again. A build after changed rules skips nothing, one after a build that did
not end little.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from cli import dbt
from cli.config import Company
from cli.generate import GENERATED_MODELS
from cli.warehouse import has_table, quoted

# Raw rows count through the loads that no build has taken in; these hold no rows of a delivery, but say what is known of it.
BOOKS = ("_cdp_files", "_cdp_replays", "_dlt_loads")
# What a finished build writes matters to the next one by the loads that are new; a run, by what it delivered.
SETTLED = ("ops.built_loads", "ops.runs")
CLOCK = "clock"
IDLE = "cdp_idle"
# The loads to take in: asked anew in every build, for the last one's are taken in by now.
WORK = "work_loads"
# How SQL asks which build this is, or looks at what there is: columns, relations, rows.
_ASKS = re.compile(
    r"\b(is_incremental|should_full_refresh|flags|execute|adapter\.get_\w+|load_cached_relation|load_relation|run_query|statement)\b"
)


def inputs(company: Company, con: duckdb.DuckDBPyConnection, select: Sequence[str]) -> str:
    """What a build that ends now has read, as text."""
    manifest = dbt.project(company)
    marks = {
        one.unique_id: _mark(con, str(one.schema), str(one.identifier)) for one in manifest.sources.values()
    }
    read = {
        "select": list(select),
        "sources": marks,
        "built": sorted(_relations(con, _nodes(manifest).values())),
    }
    return json.dumps(read, sort_keys=True)


@dataclass(frozen=True)
class Work:
    """What a part of a build leaves out (`skipped`, names of nodes), and unique ids of what is other than it was: sources that
    changed, and all nodes that will run (`moved`).
    """

    skipped: list[str]
    moved: set[str]


def idle(company: Company, con: duckdb.DuckDBPyConnection, select: Sequence[str]) -> Work:
    """Which models, seeds included, need not run. Needs the raw tables of every source.

    After a build that did not end these are seeds, views and the models of sources that deliver nothing.
    """
    before = _recorded(con)
    manifest = dbt.project(company)
    nodes = _nodes(manifest)
    if before and before["select"] != list(select):
        return Work([], {*nodes, *manifest.sources})
    delivered = {source.name for source in company.sources if _has_work(con, source.name)}
    quiet = tuple(
        f"{GENERATED_MODELS}/staging/{source.name}/"
        for source in company.sources
        if source.name not in delivered
    )
    changed: list[str] = []
    if before is None:
        busy = {uid for uid, node in nodes.items() if not node.original_file_path.startswith(quiet)}
    else:
        changed = _changed(con, manifest.sources.values(), before["sources"], delivered)
        busy = _descendants(nodes, changed, quiet)
    # A view says the same as long as the rules do; what reads through it does not.
    running = {uid for uid in busy & set(nodes) if nodes[uid].config.materialized not in ("view", "seed")}
    running |= _read_through(nodes, running, Fickle(manifest))
    if before is None or delivered or f"staging.{WORK}" not in before["built"]:
        running |= {uid for uid, node in nodes.items() if node.name == WORK}
    else:
        con.execute(f"delete from staging.{WORK}")  # the last build's, taken in by now
    skipped = sorted(node.name for uid, node in nodes.items() if uid not in running)
    if before is None:
        return Work(skipped, {*nodes, *manifest.sources})
    settled = {one.unique_id for one in manifest.sources.values() if _is_settled(one)} if delivered else set()
    return Work(skipped, running | settled | {*changed})


def to_run(manifest: Any, which: Sequence[str], skipped: Sequence[str], built: Sequence[str]) -> set[str]:
    """Kinds of the nodes (`model`, `seed`) that are left: `which` selects them (all, when it is empty), `skipped` does not name
    them, and `built` does not select them. Nothing left is an empty set.

    Asked here because dbt takes a second to find that there is none. Of dbt's selections `+name` is understood; another one is
    taken to select everything.
    """
    nodes, left_out = _nodes(manifest), set(skipped)
    plain = all(word.startswith("+") and word[1:].isidentifier() for word in which)
    wanted = _ancestors(nodes, which) if which and plain else set(nodes)
    left = [nodes[uid] for uid in wanted - _ancestors(nodes, built)]
    return {str(node.resource_type) for node in left if node.name not in left_out}


def _ancestors(nodes: Mapping[str, Any], selected: Iterable[str]) -> set[str]:
    """Unique ids of what selections `+name` name: the nodes and all they are made of."""
    found: set[str] = set()
    names = {word.removeprefix("+") for word in selected}
    left = [uid for uid, node in nodes.items() if node.name in names]
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += [parent for parent in nodes[one].depends_on_nodes if parent in nodes]
    return found


def exclusion(company: Company, skipped: Sequence[str], built: Sequence[str]) -> list[str]:
    """Dbt's arguments that leave out the nodes `skipped` and what the selections `built` name."""
    left_out = set(skipped)
    nodes = dbt.project(company).nodes
    dbt.mark(company, IDLE, {uid for uid, node in nodes.items() if node.name in left_out})
    words = [*([f"tag:{IDLE}"] if skipped else []), *built]
    return ["--exclude", *words] if words else []


def missing(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and views that the last build left and that are gone: a part of a build could not fill them."""
    before = _recorded(con)
    return sorted(set(before["built"]) - _there(con)) if before else []


def stir(con: duckdb.DuckDBPyConnection) -> None:
    """Let the next build run everything: a command has changed what a model owns."""
    con.execute("update ops.build_state set inputs = null")


def _recorded(con: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    row = con.execute("select inputs from ops.build_state").fetchone()
    return json.loads(row[0]) if row and row[0] else None


def _changed(
    con: duckdb.DuckDBPyConnection, sources: Iterable[Any], before: Mapping[str, str], delivered: set[str]
) -> list[str]:
    return [
        one.unique_id
        for one in sources
        if str(one.schema).removeprefix("raw_") in delivered
        or before.get(one.unique_id) != _mark(con, str(one.schema), str(one.identifier))
    ]


def _is_settled(source: Any) -> bool:
    return f"{source.schema}.{source.identifier}" in SETTLED


def _mark(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> str:
    """Equal for equal content. The sum, unlike an exclusive or, does not lose pairs of equal rows."""
    if f"{schema}.{name}" in SETTLED or (schema.startswith("raw_") and name not in BOOKS):
        return ""
    if not has_table(con, schema, name):
        return "absent"
    # which run it is moves no value
    what = "as_of" if name == CLOCK else "one"
    row = con.execute(
        f"select count(*), sum(cast(hash({what}) as hugeint)) from {quoted(schema)}.{quoted(name)} as one"
    ).fetchone()
    return str(row)


def _nodes(manifest: Any) -> dict[str, Any]:
    return {uid: node for uid, node in manifest.nodes.items() if str(node.resource_type) in ("model", "seed")}


def _relations(con: duckdb.DuckDBPyConnection, nodes: Iterable[Any]) -> set[str]:
    """Tables and views of these nodes that are there."""
    return {f"{node.schema}.{node.alias}" for node in nodes} & _there(con)


def _there(con: duckdb.DuckDBPyConnection) -> set[str]:
    found = con.execute("select table_schema || '.' || table_name from information_schema.tables").fetchall()
    return {str(name) for (name,) in found}


def _descendants(nodes: Mapping[str, Any], changed: Iterable[str], quiet: tuple[str, ...]) -> set[str]:
    """`changed` and all that is made of it. Loads of others are no work for the models in the folders of `quiet` sources."""
    children: dict[str, list[str]] = {}
    for uid, node in nodes.items():
        for parent in node.depends_on_nodes:
            if not (parent.endswith(f".{WORK}") and node.original_file_path.startswith(quiet)):
                children.setdefault(parent, []).append(uid)
    found: set[str] = set()
    left = list(changed)
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += children.get(one, [])
    return found


def _read_through(nodes: Mapping[str, Any], running: Iterable[str], fickle: "Fickle") -> set[str]:
    """What running models read of this build only: tables of work (schema staging), also behind views, and views that select
    something else in a part of a build than in a whole one. The unions of the entities hide no work.
    """
    unions = f"{GENERATED_MODELS}/staging/entities/"
    found: set[str] = set()
    seen: set[str] = set()
    left = list(running)
    while left:
        for parent in set(nodes[left.pop()].depends_on_nodes) & set(nodes) - seen:
            node = nodes[parent]
            is_work = node.schema == "staging" and node.config.materialized == "table"
            through = is_work or node.config.materialized in ("view", "ephemeral")
            if through and not node.original_file_path.startswith(unions):
                seen.add(parent)
                left.append(parent)
                if is_work or fickle.asks(node):
                    found.add(parent)
    return found


class Fickle:
    """Models whose SQL asks which build this is."""

    def __init__(self, manifest: Any) -> None:
        self.nodes = manifest.nodes
        self.macros = manifest.macros
        self.known: dict[str, bool] = {}

    def asks(self, node: Any) -> bool:
        """Does this model look at the kind of the build or at what the last one left: itself, in a macro that it calls or in an
        ephemeral model, whose text becomes its own?
        """
        inlined = (self.nodes[parent] for parent in node.depends_on_nodes if parent in self.nodes)
        return (
            _ASKS.search(node.raw_code) is not None
            or any(map(self._macro, node.depends_on.macros))
            or any(self.asks(parent) for parent in inlined if parent.config.materialized == "ephemeral")
        )

    def _macro(self, name: str) -> bool:
        if name not in self.known:
            macro = self.macros[name]
            self.known[name] = False  # while a macro that calls itself is looked at
            self.known[name] = _ASKS.search(macro.macro_sql) is not None or any(
                map(self._macro, macro.depends_on.macros)
            )
        return self.known[name]


def _has_work(con: duckdb.DuckDBPyConnection, source: str) -> bool:
    """Is there a complete load that no finished build has taken in? As `work_loads` sees it."""
    found = con.execute(
        f"""select 1 from raw_{source}._cdp_files as files
            inner join raw_{source}._dlt_loads as loads on files._dlt_load_id = loads.load_id and loads.status = 0
            where files._dlt_load_id not in (select load_id from ops.built_loads where source = ?) limit 1""",
        [source],
    ).fetchone()
    return found is not None
