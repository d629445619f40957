"""Our own SQL of scores and intervals without dbt: a model of `models/marts/cx` on made-up sums, run by DuckDB.

sums (Arrow)  ->  int_cx__figures.sql as it stands in the checkout  ->  scores, intervals (Arrow)
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pyarrow as pa
import yaml

ROOT = Path(__file__).resolve().parent.parent
MACRO = re.compile(r"(?s)({%-? macro (\w+)\(.*?{%-? endmacro -?%})")
COUNTS = ("n", "promoters", "passives", "detractors", "satisfied", "sum_score", "sum_squares")
WEIGHTS = ("sum_weight", "w", "ww", "wy", "wyy", "wwy", "wwyy")
REPEATS = ("repeats", "more_nn", "more_ny", "more_yy")
WEIGHTED_REPEATS = ("more_ww", "more_wwy", "more_wwyy")


class _Returned(Exception):  # noqa: N818
    """How `return(value)` leaves a macro."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _callable(template: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return str(template(*args, **kwargs)).strip()
        except _Returned as returned:
            return returned.value

    return call


def _late(found: Mapping[str, Callable[..., Any]], name: str) -> Callable[..., Any]:
    return lambda *args, **kwargs: found[name](*args, **kwargs)


@cache
def environment() -> jinja2.Environment:
    """Jinja with what dbt offers to these models: macros, `ref` as a table's name, vars of dbt_project.yml."""
    found: dict[str, Callable[..., Any]] = {}
    variables = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]

    class Adapter:
        @staticmethod
        def dispatch(name: str) -> Callable[..., Any]:
            return found.get(f"duckdb__{name}") or found[f"default__{name}"]

    def leave(value: Any) -> None:
        raise _Returned(value)

    jinja = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
    jinja.globals |= {"adapter": Adapter, "return": leave, "ref": str, "config": lambda **_: ""}
    jinja.globals |= {"var": lambda name: variables[name], "env_var": lambda _, default="": default}
    texts = [
        (name, text)
        for path in (*sorted(ROOT.glob("macros/engine/*.sql")), *sorted(ROOT.glob("macros/cx_*.sql")))
        for text, name in re.findall(MACRO, path.read_text(encoding="utf-8"))
    ]
    # a macro finds the others when it calls them, whatever file they stand in
    jinja.globals |= {name: _late(found, name) for name, _ in texts}
    for name, text in texts:
        found[name] = _callable(vars(jinja.from_string(text).module)[name])
    return jinja


def model(name: str) -> str:
    """The SQL of a model of `models/marts` that needs nothing of dbt but macros, `ref` and vars."""
    (path,) = (ROOT / "models" / "marts").rglob(f"{name}.sql")
    return environment().from_string(path.read_text(encoding="utf-8")).render()


def expression(text: str) -> str:
    """A Jinja expression over our macros as SQL."""
    return environment().from_string("{{ " + text + " }}").render()


def figures(metric: str, sums: Mapping[str, Any], repeats: Mapping[str, Any] | None = None) -> pa.Table:
    """`int_cx__figures` of one cell per position: columns of `int_cx__sums` and, for clusters, of `int_cx__repeats`.

    Columns that are not given are null (sums) or absent people (repeats); the rows come back in order.
    """
    size = len(sums["n"])
    given = pa.table({"cell": pa.array(range(size), pa.int64())} | dict(sums))
    more = pa.table({"cell": pa.array(range(size), pa.int64())} | dict(repeats or {}))
    with duckdb.connect() as con:
        con.register("given", given)
        con.register("more", more)
        columns = [
            f"cast({name if name in sums else 'null'} as {kind}) as {name}"
            for names, kind in ((COUNTS, "bigint"), (WEIGHTS, "double"))
            for name in names
        ]
        con.execute(
            f"create table int_cx__sums as select '{metric}' as metric, cast(cell as varchar) as question,"
            " 'relational' as kind, 'all' as period, cast(null as date) as period_start, 'all' as dimension,"
            f" 'all' as dimension_value, {', '.join(columns)} from given"
        )
        columns = [
            f"cast({name if name in (repeats or {}) else 0} as {kind}) as {name}"
            for names, kind in ((REPEATS, "bigint"), (WEIGHTED_REPEATS, "double"))
            for name in names
        ]
        con.execute(
            "create table int_cx__repeats as select cast(cell as varchar) as question, 'all' as period,"
            " cast(null as date) as period_start, 'all' as dimension, 'all' as dimension_value,"
            f" {', '.join(columns)} from more {'' if repeats else 'where false'}"
        )
        quantiles = ROOT / "seeds" / "t_quantiles.csv"
        con.execute(f"create table t_quantiles as select * from read_csv('{quantiles}')")
        ordered = con.execute(f"from ({model('int_cx__figures')}) order by cast(question as bigint)")
        return ordered.to_arrow_table()
