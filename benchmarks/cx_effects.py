"""Are the planted effects found in the marts? `python -m benchmarks.cx_effects demo/warehouse/marts.duckdb`.

Published marts of the simulated company and `demo/truth/effects.yml`  ->  planted value, figure and 95 % interval of
each; then everything that `cx_scores`, `cx_drivers` and `campaign_tests` call significant. Differences of scores are effects
of one driver (`scoring.drivers`), intervals clustered by respondent; the other figures are the marts' own, or ratios of rates
clustered by customer. Exit 1 when an interval misses its effect or when something is called significant that was not
planted. What people write is chosen by their score, so each topic's association with it is planted; that `topic_impact`
calls nothing significant by chance is shown on made-up answers (tests/unit/test_cx_intervals.py).
"""

import argparse
import sys
from collections.abc import Iterator
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import yaml

from scoring.drivers import analyse
from tests import oracle

TRUTH = Path(__file__).resolve().parent.parent / "demo" / "truth" / "effects.yml"
ANSWERS = """
select feedback.score, feedback.respondent, case when {event} then 1 else 0 end as event
from marts.feedback as feedback
left join marts.orders as orders on feedback.order_id = orders.order_id and feedback.survey = 'post_delivery'
left join marts.tickets as tickets on feedback.ticket_id = tickets.ticket_id
where feedback.question = '{question}' and {event} is not null and {among}
order by feedback.feedback_id
"""
SLOW = "tickets.first_reply_minutes > 24 * 60"
# planted difference -> what makes the two groups, question, among which answers
DIFFERENCES = {
    "late_minus_on_time_csat_delivery": ("orders.is_late", "csat_delivery", "true"),
    "late_minus_on_time_nps_score": ("orders.is_late", "nps_overall", "feedback.survey = 'post_delivery'"),
    "support_minus_delivery_on_time_nps_score": (
        "feedback.touchpoint = 'support'",
        "nps_overall",
        f"(not orders.is_late or (feedback.survey = 'post_support' and not {SLOW}))",
    ),
    "slow_minus_fast_reply_csat_support": (SLOW, "csat_support", "true"),
    "slow_minus_fast_reply_ease_support": (SLOW, "ease_support", "true"),
}
SHARES = {
    "detractor_share_delivery_on_time": "not orders.is_late",
    "detractor_share_support_fast_reply": f"feedback.survey = 'post_support' and not {SLOW}",
}
PLANTED_DRIVERS = {"late", "slow_first_reply"}
# per mail that arrived: did a person (no machine) open it, and what was bought in the 30 days after
MAILS = """
with mails as (
    select message_id, customer_id, min(occurred_at) as delivered_at
    from marts.messages where kind = 'delivered' and customer_id is not null and occurred_at is not null
    group by message_id, customer_id
),
opened as (
    select distinct message_id from marts.messages where kind = 'opened' and not coalesce(is_machine, false)
)
select mails.customer_id, mails.message_id in (from opened) as is_opened, count(orders.order_key) as orders
from mails
left join marts.orders as orders
    on mails.customer_id = orders.customer_id and orders.is_purchase and orders.ordered_at > mails.delivered_at
    and orders.ordered_at <= mails.delivered_at + interval 30 day
where mails.delivered_at + interval 30 day <= (select max(ordered_at) from marts.orders)
group by mails.customer_id, mails.message_id
order by mails.customer_id, mails.message_id
"""
# after everybody's first bad answer: orders of those who were called, and of the others (tests/unit/test_recovery_design.py)
RECOVERY = """
select contacted_n + uncontacted_n, uncontacted_over_contacted, ratio_low, ratio_high from marts.cx_recovery
where trigger_kind = 'detractor' and touchpoint = 'all' and measure = 'orders'
"""
CONVERSION = """
select dimension_value, n, rate, ci_low, ci_high from marts.web_conversion
where period = 'all' and dimension = 'device_type' and dimension_value in ('mobile', 'desktop')
"""
Row = tuple[str, float, int, float, float, float]


def effects(marts: duckdb.DuckDBPyConnection, truth: Path = TRUTH) -> Iterator[Row]:
    """Name, planted value, n, figure, ends of its interval, of every effect in the file."""
    told = yaml.safe_load(truth.read_text(encoding="utf-8"))["effects"]
    planted = {key: value for one in told.values() for key, value in one["observed"].items()}
    found = {row[0]: row[1:] for row in _found(marts)}
    if planted.keys() != found.keys():
        raise KeyError(f"planted and looked for differ: {sorted(planted.keys() ^ found.keys())}")
    for name, (n, figure, low, high) in found.items():
        yield name, planted[name], n, figure, low, high


def _found(marts: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, int, float, float, float]]:
    for name, (event, question, among) in DIFFERENCES.items():
        score, person, groups = _answers(marts, event, question, among)
        found = analyse(score, groups[:, None], person).drivers[0]
        yield name, len(score), found.effect, found.effect_low, found.effect_high
    for name, among in SHARES.items():
        score, person, _ = _answers(marts, "true", "nps_overall", among)
        share = oracle.csat((score <= 6).astype(float), 1, [str(one) for one in person])
        yield name, share.n, share.score, share.ci_low, share.ci_high
    n, ratio, low, high = marts.execute(RECOVERY).fetchall()[0]
    yield "uncalled_over_called_orders_after", n, ratio, low, high
    yield "mobile_minus_desktop_conversion", *_mobile_less_desktop(marts)
    yield "opened_over_not_opened_orders", *_opened_over_not(marts)


def _mobile_less_desktop(marts: duckdb.DuckDBPyConnection) -> tuple[int, float, float, float]:
    """Difference of two shares with Wilson intervals (Newcombe's method 10)."""
    kinds = {row[0]: row[1:] for row in marts.execute(CONVERSION).fetchall()}
    (m_n, mobile, m_low, m_high), (d_n, desktop, d_low, d_high) = kinds["mobile"], kinds["desktop"]
    figure = mobile - desktop
    low = figure - sqrt((mobile - m_low) ** 2 + (d_high - desktop) ** 2)
    return m_n + d_n, figure, low, figure + sqrt((m_high - mobile) ** 2 + (desktop - d_low) ** 2)


def _opened_over_not(marts: duckdb.DuckDBPyConnection) -> tuple[int, float, float, float]:
    """Ratio of orders per mail, the interval by the delta method on its logarithm, customers as draws."""
    found = marts.execute(MAILS).fetchnumpy()
    person = np.unique(found["customer_id"].astype(str), return_inverse=True)[1]
    opened, orders = found["is_opened"].astype(bool), found["orders"].astype(float)
    rates = [orders[group].mean() for group in (opened, ~opened)]
    # what each mail moves the logarithm of the ratio by, summed per customer who got both kinds
    moved = np.where(
        opened, (orders / rates[0] - 1) / opened.sum(), -(orders / rates[1] - 1) / (~opened).sum()
    )
    spread = oracle.Z95 * sqrt(float((np.bincount(person, moved) ** 2).sum()))
    ratio = float(rates[0] / rates[1])
    return len(orders), ratio, exp(log(ratio) - spread), exp(log(ratio) + spread)


def _answers(marts: duckdb.DuckDBPyConnection, event: str, question: str, among: str) -> tuple[Any, Any, Any]:
    found = marts.execute(ANSWERS.format(event=event, question=question, among=among)).fetchnumpy()
    person = np.unique(found["respondent"].astype(str), return_inverse=True)[1]
    return found["score"].astype(float), person, found["event"].astype(float)


def unplanted(marts: duckdb.DuckDBPyConnection) -> list[str]:
    """What the marts call significant and nobody planted: any change in time, any driver but the two, any campaign's effect."""
    changes = marts.execute("select score_id from marts.cx_scores where change_significant").fetchall()
    drivers = marts.execute("select driver_id, driver from marts.cx_drivers where is_significant").fetchall()
    campaigns = marts.execute(
        "select campaign_test_key from marts.campaign_tests where is_significant"
    ).fetchall()
    return [
        *(row[0] for row in changes),
        *(row[0] for row in drivers if row[1] not in PLANTED_DRIVERS),
        *(row[0] for row in campaigns),
    ]


def tests_made(marts: duckdb.DuckDBPyConnection) -> int:
    """How many times the marts asked whether something is significant."""
    row = marts.execute(
        "select (select count(change_p_value) from marts.cx_scores) + (select count(p_value) from marts.cx_drivers)"
        " + (select count(z) from marts.campaign_tests)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def main() -> None:
    """Print the table; exit 1 when something is missed or made up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("marts", type=Path, help="published file of the simulated company")
    missed = 0
    with duckdb.connect(str(parser.parse_args().marts), read_only=True) as marts:
        print("| planted effect | planted | n | found | 95 % interval | inside |\n|---|---|---|---|---|---|")
        for name, planted, n, found, low, high in effects(marts):
            inside = low <= planted <= high
            missed += not inside
            told = "yes" if inside else "no"
            print(f"| {name} | {planted:.3f} | {n} | {found:.3f} | {low:.3f} to {high:.3f} | {told} |")
        false = unplanted(marts)
        tests = tests_made(marts)
    print(f"\n{tests} tests; significant though not planted: {', '.join(false) or 'none'}")
    sys.exit(1 if missed or false else 0)


if __name__ == "__main__":
    main()
