"""Scoring: what each candidate pair weighs, by the file and the two records alone.

Splink computes the comparisons and their weights; the third class (relatives) is added to its sum, and the result
is a table of pairs with the weight of every comparison on it.
"""

import logging
from dataclasses import dataclass
from typing import Any

import duckdb

from cli.fuzzy import blocking
from cli.fuzzy.frequencies import term_table
from cli.fuzzy.mixture import NAMES
from cli.fuzzy.model import Model, Trained
from cli.fuzzy.prepare import PREPARED, prepare
from cli.fuzzy.scratch import SCHEMA, inside, scratch

KEEP_FROM = 0.05  # pairs less probable than this are not written


@dataclass(frozen=True)
class Scored:
    """What a scoring did."""

    pairs: int
    candidates: int
    rescored: int | None  # records looked at again; None: all of them
    skipped_blocks: int  # blocks over the cap


def score(
    con: duckdb.DuckDBPyConnection,
    records: str,
    model: Model,
    *,
    into: str,
    new_ids: str | None = None,
    skipped: str | None = None,
    keep_from: float = KEEP_FROM,
) -> Scored:
    """Score all pairs, or those that touch `new_ids`, into the table `into`.

    `records`: table or view with `record_id` and any of the known columns. `new_ids`: table with `record_id` of new
    and changed records. `skipped`: table that remembers blocks over the cap (rule, key_hash, size); it is read,
    then replaced. When a block crosses the cap either way, all its records are scored again, which is what keeps
    incremental and full equal. `into` has record_a, record_b, ...; `<into>_rescored` (record_id) lists the records
    whose older pairs the caller drops before adding these.
    """
    with scratch(con):
        prepare(con, records)
        blocking.key_blocks(con, model.rules, model.block_cap)
        only_new = new_ids is not None
        if new_ids is not None:
            _new_rows(con, model, new_ids, skipped)
        blocking.pair_up(con, model.rules, only_new=only_new)
        predicted = predict(con, model, keep_from)
        _write(con, model, predicted, into, keep_from)
        if skipped is not None:
            con.execute(f"create or replace table {skipped} as select * from {blocking.BLOCKS} order by all")
        if new_ids is not None:
            con.execute(f"""
                create or replace table {into}_rescored as
                select record_id from {PREPARED} semi join {SCHEMA}.new_rows using (row_id)
            """)
        return Scored(
            _count(con, into),
            _count(con, blocking.PAIRS),
            _count(con, f"{SCHEMA}.new_rows") if only_new else None,
            _count(con, blocking.BLOCKS),
        )


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _new_rows(con: duckdb.DuckDBPyConnection, model: Model, new_ids: str, skipped: str | None) -> None:
    """Rows to score: the new ones, and all members of blocks that crossed the cap since last time."""
    con.execute(f"""
        create or replace table {SCHEMA}.new_rows as
        select p.row_id from {PREPARED} as p semi join {new_ids} as n on p.record_id = n.record_id
    """)
    before = (
        skipped
        if skipped is not None and _exists(con, skipped)
        else f"(select * from {blocking.BLOCKS} limit 0)"
    )
    con.execute(f"""
        create or replace table {SCHEMA}.crossed as
        (select rule, key_hash from {blocking.BLOCKS} except select rule, key_hash from {before})
        union all
        (select rule, key_hash from {before} except select rule, key_hash from {blocking.BLOCKS})
    """)
    touched = con.execute(f"select distinct rule from {SCHEMA}.crossed").fetchall()
    for (rule,) in touched:
        keys = rule.split(" + ")
        if any(key not in blocking.KEYS for key in keys):
            continue  # a rule of an older file
        con.execute(f"""
            insert into {SCHEMA}.new_rows
            select row_id from {PREPARED} where cast({blocking.key_sql(keys)} as varchar) in
                (select key_hash from {SCHEMA}.crossed where rule = '{rule}')
            except select row_id from {SCHEMA}.new_rows
        """)


def _exists(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    try:
        con.execute(f"select 1 from {table} limit 0")
    except duckdb.CatalogException:
        return False
    return True


def splink_settings(model: Model) -> dict[str, Any]:
    """The model as Splink 5 settings, so that its charts and tools can read it too.

    They fit the prepared table joined with the keys of the model's rules (`key_0`, `key_1`, ... of `keyed`).
    """
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "row_id",
        "probability_two_random_records_match": model.match_share,
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": False,
        "blocking_rules_to_generate_predictions": [f"l.key_{i} = r.key_{i}" for i in range(len(model.rules))],
        "comparisons": [_splink_comparison(trained) for trained in model.comparisons],
    }


def _splink_comparison(trained: Trained) -> dict[str, Any]:
    silent = {"sql_condition": trained.definition.silent, "label_for_charts": "silent", "is_null_level": True}
    levels: list[dict[str, Any]] = [silent]
    for level, grade in zip(trained.definition.levels, trained.grades, strict=True):
        condition = "ELSE" if level.condition == "true" else level.condition
        held = {
            "sql_condition": condition,
            "label_for_charts": level.label,
            "m_probability": grade.m,
            "u_probability": grade.u,
        }
        if level.term:
            held |= {
                "tf_adjustment_column": level.term,
                "tf_adjustment_weight": 1.0,
                "tf_minimum_u_value": 0.0,
            }
        levels.append(held)
    return {"output_column_name": trained.name, "comparison_levels": levels}


def predict(
    con: duckdb.DuckDBPyConnection, model: Model, keep_from: float, pairs: str = blocking.PAIRS
) -> str:
    """Let Splink score `pairs` (l, r); return the name of its table."""
    from splink import DuckDBAPI, Linker

    for name in ("splink", "splink.internals"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with inside(con):
        con.execute(f"""
            create or replace table {SCHEMA}.blocked as
            select '0' as match_key, l as join_key_l, r as join_key_r from {pairs}
        """)
        api = DuckDBAPI(con)
        linker = Linker(api.register("prepared"), splink_settings(model), validate_settings=False)
        for terms in model.terms:
            table = f"tf_{terms.column}"
            term_table(con, terms, f"{SCHEMA}.{table}")
            linker.table_management.register_term_frequency_lookup(api.register(table), terms.column)
        linker.table_management.register_blocked_pairs_for_predict(api.register("blocked"))
        least = min(keep_from, 0.999) or None
        scored = linker.inference.predict(threshold_match_probability=least, warning_mode="never")
        return f"{SCHEMA}.{scored.physical_name}"


def parts(trained: Trained) -> str:
    """SQL: evidence of one comparison in bits, frequency of the value included."""
    weighed = f"mw_{trained.name}"
    if any(level.term for level in trained.definition.levels):
        weighed += f" + mw_tf_adj_{trained.name}"
    return f"({weighed})"


def _write(con: duckdb.DuckDBPyConnection, model: Model, predicted: str, into: str, keep_from: float) -> None:
    con.execute(f"""
        -- Grain: one row per scored pair of records, record_a before record_b
        create or replace table {into} as
        with scored as ({weighed_sql(model, predicted)})
        select
            least(a.record_id, b.record_id) as record_a,
            greatest(a.record_id, b.record_id) as record_b,
            s.* exclude (row_id_l, row_id_r),
        from scored as s
        inner join {PREPARED} as a on s.row_id_l = a.row_id
        inner join {PREPARED} as b on s.row_id_r = b.row_id
        where s.match_probability >= {keep_from}
    """)


def weighed_sql(model: Model, predicted: str) -> str:
    """SQL: weights of each comparison, of the doubt `relatives` (and namesakes), their sum and its probability."""
    weights = ", ".join(f"{parts(t)} as w_{t.name}" for t in model.comparisons)
    total = " + ".join(f"w_{t.name}" for t in model.comparisons)
    kin = " + ".join(
        f"log2({1 - t.shared} + {t.shared} * pow(2.0, w_{t.name}))" for t in model.comparisons if t.shared
    )
    # two people meet in a name as often as it is frequent, so its frequency does not count among namesakes
    named = " + ".join(f"mw_{t.name}" for t in model.comparisons if t.name in NAMES) or "0"
    rest = 1 - model.match_share - model.relative_share - model.namesake_share
    doubt = (
        f"log2(({model.relative_share} * pow(2.0, least({kin or '0'}, 900))"
        f" + {model.namesake_share} * pow(2.0, least(named, 900)) + {rest}) / {1 - model.match_share})"
    )
    prior = f"log2({model.match_share} / {1 - model.match_share})"
    return f"""
        select row_id_l, row_id_r, {prior} + {total} + w_relatives as match_weight,
            1 / (1 + pow(2.0, -greatest(least({prior} + {total} + w_relatives, 900), -900))) as match_probability,
            {", ".join(f"w_{t.name}" for t in model.comparisons)}, w_relatives,
        from (
            select *, -({doubt}) as w_relatives
            from (select row_id_l, row_id_r, {weights}, {named} as named from {predicted})
        )
    """
