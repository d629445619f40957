"""Training: from the user's records to a model, or to the reason why there can be none."""

from dataclasses import replace
from importlib.metadata import version

import duckdb

from cli.fuzzy import blocking, calibrate, comparisons
from cli.fuzzy.frequencies import count_terms
from cli.fuzzy.levels import Comparison
from cli.fuzzy.mixture import Fit, fit
from cli.fuzzy.model import Grade, Model, Trained
from cli.fuzzy.observe import GRADED, observe, usable
from cli.fuzzy.prepare import PREPARED, prepare
from cli.fuzzy.score import predict, weighed_sql
from cli.fuzzy.scratch import SCHEMA, scratch
from cli.fuzzy.temper import temper

SEED = 20260101
LEAST_RECORDS = 100
LEAST_FILLED = 0.05
LEAST_SUPPORT = 20.0  # matched pairs from which on a comparison counts as trained
LEAST_MATCHES = 10.0
LEAST_PLAUSIBLE = -20.0  # bits


def train(con: duckdb.DuckDBPyConnection, records: str, *, as_of: str, seed: int = SEED) -> Model:
    """Fit a model to `records`. The same records, as_of and seed give the same file, byte for byte."""
    with scratch(con):
        prepare(con, records)
        blank = _blank(con, as_of, seed)
        shares = usable(con, comparisons.ALL, LEAST_FILLED)
        refused = _refusal(blank.records, shares)
        if refused:
            return replace(blank, refused_because=refused)
        compared = [comparisons.BY_NAME[name] for name in shares]
        rules = blocking.choose(con)
        blocking.key_blocks(con, [rule.keys for rule in rules], blocking.CAP)
        blocking.pair_up(con, [rule.keys for rule in rules])
        observed = observe(con, compared, seed, blank.records)
        fitted = fit(compared, observed, blank.records)
        model = _filled(con, blank, compared, shares, fitted)
        model = replace(
            model,
            rules=tuple(rule.keys for rule in rules),
            block_cap=blocking.CAP,
            temper=temper(compared, observed, fitted),
        )
        refused = _too_weak(model)
        if refused:
            return replace(blank, refused_because=refused)
        return _calibrated(con, model)


def _blank(con: duckdb.DuckDBPyConnection, as_of: str, seed: int) -> Model:
    """What is known before anything is fitted."""
    row = con.execute(f"""
        select count(*), md5(coalesce(cast(sum(cast(md5_number_lower(to_json(p)::varchar) as hugeint)) as varchar), ''))
        from (select * exclude (row_id) from {PREPARED}) as p
    """).fetchone()
    assert row is not None
    versions = {"splink": version("splink"), "duckdb": version("duckdb")}
    return Model(as_of, int(row[0]), str(row[1]), seed, versions)


def _refusal(records: int, shares: dict[str, float]) -> str | None:
    """Why these data cannot be trained on at all."""
    if records < LEAST_RECORDS:
        return f"{records} records are too few to learn from (at least {LEAST_RECORDS})"
    telling = [name for name in shares if name not in ("gender", "source", "region")]
    if not {"given", "family", "email", "phone", "national_id"} & set(telling):
        return "no name, e-mail address, telephone or id is filled in enough to compare people"
    if len(telling) < 2:
        return f"only `{telling[0]}` is filled in enough; one comparison cannot tell two people from one with an error"
    return None


def _filled(
    con: duckdb.DuckDBPyConnection,
    blank: Model,
    compared: list[Comparison],
    shares: dict[str, float],
    fitted: Fit,
) -> Model:
    """The model with the fitted figures."""
    trained, chance = [], {}
    for i, comparison in enumerate(compared):
        grades = tuple(
            Grade(level.label, float(m), float(u))
            for level, m, u in zip(comparison.levels, fitted.m[i][::-1], fitted.u[i][::-1], strict=True)
        )
        reason = None
        if fitted.support[i] < LEAST_SUPPORT:
            reason = (
                f"usual values weigh most: only about {fitted.support[i]:.0f} matching pairs to learn from"
            )
        trained.append(
            Trained(
                comparison.name, shares[comparison.name], fitted.support[i], fitted.shared[i], grades, reason
            )
        )
        for level, grade in zip(comparison.levels, grades, strict=True):
            if level.term:
                # a value may also be shared as part of a better grade
                chance[level.term] = grade.u if level == comparison.levels[0] else grade.u + grades[0].u
    notes = []
    if fitted.expected_matches < LEAST_MATCHES:
        notes.append(
            f"about {fitted.expected_matches:.1f} duplicate pairs expected: weights are mostly usual values"
        )
    return replace(
        blank,
        match_share=fitted.match_share,
        relative_share=fitted.relative_share,
        namesake_share=fitted.namesake_share,
        expected_matches=fitted.expected_matches,
        comparisons=tuple(trained),
        terms=tuple(count_terms(con, chance)),
        notes=tuple(notes),
    )


def _too_weak(model: Model) -> str | None:
    """Data whose best possible pair would still be doubtful carry no fuzzy link."""
    odds = model.match_share / (1 - model.match_share)
    for trained in model.comparisons:
        odds *= max(1.0, 2 ** (trained.grades[0].weight * trained.filled))
    if odds < 9:
        return "even two records that agree in everything would be one person with less than 90 %: too few telling columns"
    return None


def _calibrated(con: duckdb.DuckDBPyConnection, model: Model) -> Model:
    """Score the training pairs and say what each weight is worth."""
    counted = con.execute(f"select count(*) from {SCHEMA}.sampled").fetchone()
    all_pairs = con.execute(f"select count(*) from {blocking.PAIRS}").fetchone()
    assert counted is not None
    assert all_pairs is not None
    # what stands far below any threshold without frequencies stands there with them
    bits = " + ".join(
        f"list_extract({[0.0, *(grade.weight for grade in c.grades[::-1])]}, g_{c.name} + 2)"
        for c in model.comparisons
    )
    con.execute(f"""
        create or replace table {SCHEMA}.plausible as select l, r from {GRADED}
        where log2({model.match_share}) + {bits} > {LEAST_PLAUSIBLE}
    """)
    predicted = predict(con, model, 0.001, f"{SCHEMA}.plausible")
    joined = " or ".join(f"coalesce(l.{c} = r.{c}, false)" for c in calibrate.JOINS)
    con.execute(f"""
        create or replace table {SCHEMA}.weighed as
        select w.match_weight, not ({joined}) as doubtful
        from ({weighed_sql(model, predicted)}) as w
        inner join {PREPARED} as l on w.row_id_l = l.row_id
        inner join {PREPARED} as r on w.row_id_r = r.row_id
    """)
    stands_for = all_pairs[0] / counted[0] if counted[0] else 1.0
    steps = calibrate.mixture_steps(con, f"{SCHEMA}.weighed", stands_for, model.temper)
    return replace(model, calibration=steps)
