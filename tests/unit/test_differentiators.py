"""What distinguishes an audience, against scipy and a plain count of pairs."""

import math
from collections.abc import Iterator

import duckdb
import numpy as np
import pytest
from scipy import stats

from cli.audiences import listed, shown
from cli.differentiators import differences, min_sample
from cli.errors import UsageError

MEMBERS, OTHERS = 60, 200


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with two audiences; members of `vip` order more, and more of them are in the north."""
    draw = np.random.default_rng(6)
    orders = np.concatenate([draw.poisson(4, MEMBERS), draw.poisson(2, OTHERS)])
    north = np.concatenate([draw.random(MEMBERS) < 0.7, draw.random(OTHERS) < 0.4])
    noise = draw.normal(size=MEMBERS + OTHERS)
    con = duckdb.connect()
    con.execute("create schema marts; create schema staging")
    con.execute("create table staging.run_clock as select timestamp '2026-06-30' as as_of, 'r1' as run_id")
    con.execute(
        "create table marts.customer_360 (customer_id varchar, email varchar, orders bigint, is_north boolean,"
        " area varchar, noise double)"
    )
    con.executemany(
        "insert into marts.customer_360 values (?, 'x@x.io', ?, ?, ?, ?)",
        [
            [
                f"c{n}",
                int(orders[n]),
                bool(north[n]),
                "north" if north[n] else "south",
                None if n % 2 else float(noise[n]),
            ]
            for n in range(MEMBERS + OTHERS)
        ],
    )
    con.execute("create table marts.audience_members (audience varchar, customer_id varchar)")
    con.executemany(
        "insert into marts.audience_members values ('vip', ?)", [[f"c{n}"] for n in range(MEMBERS)]
    )
    con.executemany(
        "insert into marts.audience_members values ('few', ?)", [[f"c{n}"] for n in range(50, 70)]
    )
    con.execute(
        "create table marts.audience_guards as select audience, 60 as members, 0 as held_out,"
        " timestamp '2026-06-30' as changed_at,"
        " 'ok' as guard, 'warning' as severity, null as change_share, 1 as min_members, 9 as max_members, 0.5 as max_change,"
        " 0.0 as holdout_share from (values ('vip'), ('few')) as names (audience)"
    )
    con.execute(
        "create table marts.audience_sizes as select 'vip' as audience, seq as size_seq, seq as entered, 0 as departed,"
        " timestamp '2026-06-30' as measured_at, 60 as members, 'ok' as guard, 'r' || seq as run_id"
        " from (values (1), (2)) as numbers (seq)"
    )
    con.execute(
        "create table marts.audience_stays as select 'vip' as audience, timestamp '2026-06-01' as entered_at,"
        " timestamp '2026-06-02' as left_at"
    )
    con.execute("create table marts.audience_uplift (audience varchar, uplift double)")
    yield con
    con.close()


def by_name(
    con: duckdb.DuckDBPyConnection, audience: str = "vip"
) -> dict[tuple[str, str | None], dict[str, float]]:
    """Differences by attribute and value."""
    return {(one["attribute"], one["value"]): one for one in differences(con, audience, min_sample())}


def test_values_are_compared_by_all_pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Cliff's delta by counting every pair; the test of no difference agrees with scipy's Mann-Whitney."""
    values = [
        row[0]
        for row in con.execute(
            "select orders from marts.customer_360 order by cast(customer_id[2:] as int)"
        ).fetchall()
    ]
    ours, theirs = values[:MEMBERS], values[MEMBERS:]
    pairs = [np.sign(a - b) for a in ours for b in theirs]
    placements = [np.mean([(np.sign(a - b) + 1) / 2 for b in theirs]) for a in ours]
    other = [np.mean([(np.sign(a - b) + 1) / 2 for a in ours]) for b in theirs]
    error = math.sqrt(np.var(placements, ddof=1) / MEMBERS + np.var(other, ddof=1) / OTHERS)

    found = by_name(con)["customer_360.orders", None]

    assert found["effect"] == pytest.approx(np.mean(pairs))
    assert found["ci_high"] - found["effect"] == pytest.approx(2 * 1.959964 * error, rel=1e-6)
    assert (found["member"], found["other"]) == (np.median(ours), np.median(theirs))
    p = stats.mannwhitneyu(ours, theirs, use_continuity=False, method="asymptotic").pvalue
    # ours leaves the correction for ties out, which makes it the more careful one
    assert p <= 2 * stats.norm.sf(abs(found["z"])) <= 5 * p
    assert found["is_sure"]


def test_shares_are_compared_by_their_difference(con: duckdb.DuckDBPyConnection) -> None:
    """Yes and no, and the same as words: one effect, Newcombe's interval from Wilson's two."""
    found = by_name(con)
    shares = con.execute(
        "select count(*) filter (is_north), count(*) from marts.customer_360 semi join"
        " (from marts.audience_members where audience = 'vip') using (customer_id)"
    ).fetchone()
    assert shares is not None
    wilson = stats.binomtest(shares[0], shares[1]).proportion_ci(method="wilson")
    flag, word = found["customer_360.is_north", "true"], found["customer_360.area", "north"]

    assert flag["effect"] == word["effect"] == pytest.approx(flag["member"] - flag["other"])
    assert flag["member"] == pytest.approx(shares[0] / shares[1])
    assert flag["ci_low"] < flag["effect"] - (flag["member"] - wilson.low) + 1e-12
    assert found["customer_360.area", "south"]["effect"] == pytest.approx(-word["effect"])


def test_noise_is_not_sure_and_nobody_is_named(con: duckdb.DuckDBPyConnection) -> None:
    """Unknown values do not count; addresses and ids are not compared."""
    found = by_name(con)

    assert not found["customer_360.noise", None]["is_sure"]
    assert found["customer_360.noise", None]["n"] == MEMBERS / 2
    assert not {name for name, _ in found} & {"customer_360.email", "customer_360.customer_id"}


def test_small_audiences_are_not_compared(con: duckdb.DuckDBPyConnection) -> None:
    """Twenty members are below the least sample."""
    assert by_name(con, "few") == {}


def test_show_tells_overlap_and_the_change_of_this_run(con: duckdb.DuckDBPyConnection) -> None:
    """Ten of twenty are in both: 2.2 times as many as chance. The last size was measured in run r2, and this is r1."""
    found = shown(con, "vip")

    assert [(one["audience"], one["shared"]) for one in found["overlap"]] == [("few", 10)]
    assert found["overlap"][0]["lift"] == pytest.approx(10 * 260 / (60 * 20))
    assert found["entered"] == 0
    assert [one["entered"] for one in found["changes"]] == [2, 1]
    assert len(listed(con)) == 2
    with pytest.raises(UsageError, match="there is no audience `nobody`"):
        shown(con, "nobody")
