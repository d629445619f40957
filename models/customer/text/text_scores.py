"""Grain: one row per different text (text_key): what was read in it, by which fit.

Each text is read once: on an incremental build the new ones, and those of a language whose fit has changed; texts that
nobody has said any more are gone. What a text says depends on its words, the rules and the fits only, so that a full
build gives the same.
"""

from scoring.text_memory import read_texts

ALL = """
    select text_key, min(text) as text, min(declared_language) as declared_language
    from texts
    group by text_key
    order by text_key
"""
UNREAD = """
    select texts.text_key, min(texts.text) as text, min(texts.declared_language) as declared_language
    from texts
    left join known on texts.text_key = known.text_key
    left join current on known.language = current.language and current.mark is not null
    where known.text_key is null or known.mark <> coalesce(current.mark, 'shipped')
    group by texts.text_key
    order by texts.text_key
"""
CURRENT = "select * from fits where fit_seq = (select max(fit_seq) from fits)"
RULES = (
    "select topic, language, pattern from rules union select topic, language, pattern from own order by all"
)


def model(dbt, session):
    """Read what is not read yet."""
    dbt.config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        touch_column="text_key",
        touched_sql="select known.text_key from customer.text_scores as known "
        "left join customer.texts as texts on known.text_key = texts.text_key "
        "left join customer.text_fits as fits on known.language = fits.language and fits.mark is not null "
        "and fits.fit_seq = (select max(fit_seq) from customer.text_fits) "
        "where texts.text_key is null or known.mark <> coalesce(fits.mark, 'shipped')",
    )
    # DuckDB finds these by the names of the variables
    texts, fits = dbt.ref("texts"), dbt.ref("text_fits")
    rules, own = dbt.ref("text_topics"), dbt.ref("config_topics")
    current = session.sql(CURRENT).to_arrow_table()
    patterns = session.sql(RULES).fetchall()
    unread = ALL
    if dbt.is_incremental:
        known = session.sql(f"select text_key, language, mark from {dbt.this}")
        unread = UNREAD
    found = session.sql(unread).to_arrow_table()
    del texts, fits, rules, own
    if dbt.is_incremental:
        del known
    return read_texts(found, patterns, current)
