"""Grain: one row per fit and language (kind `sentiment`) or discovered topic (kind `topic`), and one per fit (`fit`).

Memory: append-only, a full refresh keeps it. Fitted again when `as_of` enters a new week, or when there are twice as
many texts as the last fit saw: so what a text means does not change with every run, and a full refresh finds the same
models.
"""

from scoring.text_memory import due, fit_all, nothing

LAST = "select fit_seq, week_start, texts, meta from known where kind = 'fit' order by fit_seq desc limit 1"
# By content, so that which texts are taken does not depend on the order of loads.
TEXTS = """
    select text, declared_language, avg(label) as label, bool_or(is_by_customer) as is_by_customer
    from texts
    group by text_key, text, declared_language
    order by text_key, text, declared_language
    limit 200000
"""


def model(dbt, session):
    """Fit what is due; no row otherwise."""
    dbt.config(
        materialized="incremental",
        incremental_strategy="append",
        full_refresh=False,
        on_schema_change="append_new_columns",
    )
    # DuckDB finds these by the names of the variables
    texts, clock = dbt.ref("texts"), dbt.ref("run_clock")
    # (fetchall: relations of DuckDB 2 have no fetchone)
    ((as_of,),) = session.sql("select as_of from clock").fetchall()
    ((total,),) = session.sql("select count(*) from texts").fetchall()
    last = None
    if dbt.is_incremental:
        known = session.sql(f"select * from {dbt.this}")
        last = next(iter(session.sql(LAST).fetchall()), None)
        del known
    found = nothing()
    if due(as_of, total, last):
        found = fit_all(session.sql(TEXTS).to_arrow_table(), as_of, total, 1 + (last[0] if last else 0))
    del texts, clock
    return found
