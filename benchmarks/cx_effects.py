"""Are the planted effects on scores found in the marts? `python -m benchmarks.cx_effects demo/warehouse/marts.duckdb`.

Published marts of the simulated company and `demo/truth/effects.yml`  ->  planted value, figure and 95 % interval of
each; then everything that `cx_scores` and `cx_drivers` call significant. Differences are effects of one driver
(`scoring.drivers`), intervals clustered by respondent. Exit 1 when an interval misses its effect or when something
is called significant that was not planted.
"""

import argparse
import sys
from collections.abc import Iterator
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
Row = tuple[str, float, int, float, float, float]


def effects(marts: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    """Name, planted value, n, figure, ends of its interval."""
    truth = yaml.safe_load(TRUTH.read_text(encoding="utf-8"))["effects"]
    planted = {key: value for one in truth.values() for key, value in one["observed"].items()}
    for name, (event, question, among) in DIFFERENCES.items():
        score, person, groups = _answers(marts, event, question, among)
        found = analyse(score, groups[:, None], person).drivers[0]
        yield name, planted[name], len(score), found.effect, found.effect_low, found.effect_high
    for name, among in SHARES.items():
        score, person, _ = _answers(marts, "true", "nps_overall", among)
        share = oracle.csat((score <= 6).astype(float), 1, [str(one) for one in person])
        yield name, planted[name], share.n, share.score, share.ci_low, share.ci_high


def _answers(marts: duckdb.DuckDBPyConnection, event: str, question: str, among: str) -> tuple[Any, Any, Any]:
    found = marts.execute(ANSWERS.format(event=event, question=question, among=among)).fetchnumpy()
    person = np.unique(found["respondent"].astype(str), return_inverse=True)[1]
    return found["score"].astype(float), person, found["event"].astype(float)


def unplanted(marts: duckdb.DuckDBPyConnection) -> list[str]:
    """What the marts call significant and nobody planted: any change in time, any driver but the two."""
    changes = marts.execute("select score_id from marts.cx_scores where change_significant").fetchall()
    drivers = marts.execute("select driver_id, driver from marts.cx_drivers where is_significant").fetchall()
    return [row[0] for row in changes] + [row[0] for row in drivers if row[1] not in PLANTED_DRIVERS]


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
        tests = marts.execute(
            "select (select count(change_p_value) from marts.cx_scores) + (select count(p_value) from marts.cx_drivers)"
        ).fetchall()[0][0]
    print(f"\n{tests} tests; significant though not planted: {', '.join(false) or 'none'}")
    sys.exit(1 if missed or false else 0)


if __name__ == "__main__":
    main()
