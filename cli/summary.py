"""What a run leaves behind, in ten numbers: for the terminal, `--json` and the report."""

from typing import Any

import duckdb

# People merged and parted in the run that the warehouse speaks of, by what did it; no id, record or decision is told.
_CHANGES = r"""
    with told as (
        select
            case when event = 'merged' then 'merged' else 'parted' end as change,
            case when event = 'merged' then cause else regexp_replace(cause, '^[^:]*: ', '') end as cause
        from marts.customer_id_history
        where run_id = (select run_id from ops.clock)
            and (event in ('merged', 'split') or event = 'created' and cause like 'split from %')
    )
    select
        change,
        case
            when cause like 'override %' then 'by hand'
            when cause like 'probably one person%' then 'probably one person'
            else regexp_replace(regexp_replace(cause, ' no longer: .* was corrected$', ' no longer: a record was corrected'),
                ' no longer: .* is gone$', ' no longer: a record is gone')
        end as kind,
        count(*) as n
    from told group by all order by change, n desc, kind
"""


def summarise(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Profiles by kind, merges, feedback scores with interval, orders and revenue, from a built warehouse."""
    kinds = con.execute(
        "select profile_kind, count(*) from marts.customer_360 group by 1 order by 1"
    ).fetchall()
    anonymous = _one(con, "select count(*) from marts.anonymous_profiles")
    merged = _one(con, "select count(*) from marts.customer_records where entity = 'contact'") - _one(
        con, "select count(distinct customer_id) from marts.customer_records where entity = 'contact'"
    )
    scores = con.execute(
        "select metric, question, n, score, ci_low, ci_high, enough_n from marts.cx_scores"
        " where period = 'all' and dimension = 'all' order by metric desc, question"
    ).fetchall()
    orders = con.execute("select count(*), sum(revenue) from marts.orders where is_purchase").fetchone()
    rows = con.execute(
        "select sum(received), sum(loaded), sum(duplicates), sum(quarantined), sum(suppressed) from ops.load_counts"
    ).fetchone()
    assert orders is not None
    assert rows is not None
    names = ("received", "loaded", "duplicates", "quarantined", "suppressed")
    return {
        "rows": dict(zip(names, (int(value or 0) for value in rows), strict=True)),
        "profiles": {str(kind): int(count) for kind, count in kinds} | {"anonymous": anonymous},
        "merged_records": merged,
        "identity_cuts": _one(con, "select count(*) from marts.identity_cuts"),
        "identity_changes": [
            {"change": change, "cause": cause, "n": int(count)}
            for change, cause, count in con.execute(_CHANGES).fetchall()
        ],
        "orders": int(orders[0]),
        "revenue": str(orders[1]) if orders[1] is not None else None,
        "scores": [
            {
                "metric": metric,
                "question": question,
                "n": int(n),
                "score": score,
                "ci": [low, high],
                "enough_n": enough,
            }
            for metric, question, n, score, low, high, enough in scores
        ],
    }


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])
