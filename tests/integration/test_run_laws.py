"""The laws over whole runs of the simulated company: repeat, a day later, full refresh, portions, readers, identity."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks import cx_effects
from cli.config import load_company
from cli.idle import stir
from cli.run import STAGES, Outcome, run
from cli.stores import snapshot as files_of
from cli.stores import unlisted, unlisted_schemas
from demo.generate import generate
from pipelines.errors import BlockedError
from tests import commerce_oracle, cx_oracle, histories, laws

PEOPLE = 300
ROOT = Path(__file__).resolve().parents[2]
# What may move when only the clock does, counted from as_of or cut by periods that have begun since: table -> columns.
TIME_RELATIVE: dict[str, set[str]] = {
    "acquisition_costs": {"is_complete"},
    "acquisition_costs_by_channel": {"is_complete"},
    "audience_guards": {"members", "held_out", "entered", "departed", "changed_at", "change_share"},
    "audience_history": set(),
    "audience_members": {"reason"},
    "audience_sizes": set(),
    "audience_stays": {"left_at", "is_member"},
    "audience_uplift": {"n", "holdout_n", "share", "holdout_share", "uplift", "ci_low", "ci_high", "enough_n"},
    "calendar": {"is_complete"},
    "campaign_tests": {
        "n", "buyers", "baseline_n", "baseline_buyers", "share", "baseline_share", "difference", "ci_low", "ci_high",
        "enough_n", "z", "z_needed", "comparisons", "is_significant",
    },
    "carts": {"state", "hours_abandoned"},
    "consents": {"state"},
    "customer_360": {
        "churn_prob", "clv_12m", "health", "health_is_validated", "lifecycle", "open_cases", "predicted_revenue_12m",
        "profile_kind", "rfm_frequency_score", "rfm_monetary_score", "rfm_recency_score", "rfm_score",
        "rfm_segment",
    },
    "customer_affinity": {"score", "share"},
    "customer_health": {
        "health", "recency_points", "score_points", "session_points", "weight_known", "auc", "auc_low", "auc_high", "auc_n",
        "is_validated", "unvalidated_because",
    },
    "customer_lifecycle": {"lifecycle", "days_since_last", "overdue"},
    "customer_predictions": {
        "churn_prob", "churn_reason", "predicted_revenue_12m", "order_revenue_12m", "subscription_revenue_12m",
        "revenue_reason", "clv_12m", "clv_reason",
    },
    "cx_cases": {"is_overdue", "met_deadline", "value_at_risk"},
    "cx_nps_monthly": {"response_rate", "change_significant"},
    "cx_recovery": {
        "contacted_n", "uncontacted_n", "contacted_before", "uncontacted_before", "contacted_after", "uncontacted_after",
        "difference", "ci_low", "ci_high", "uncontacted_over_contacted", "ratio_low", "ratio_high", "enough_n",
    },
    # changes are corrected together with those of segments, which are of other people
    "cx_scores": {"invited", "open_invitations", "response_rate", "change_p_adjusted", "change_significant"},
    "deals": {"age_days", "days_in_stage", "is_overdue", "probability", "probability_basis", "weighted_amount"},
    "health_validation": set(),
    "journey_customers": {"status", "next_due_at", "days_in_stage"},
    "journey_stages": {
        "waiting", "dropped", "n", "converted", "conversion", "conversion_low", "conversion_high", "drop_off", "enough_n",
    },
    "kpis": {"is_complete", "lost", "lost_rate"},
    "landing_pages": {"mature_n", "led_to_order", "order_rate", "order_low", "order_high", "enough_mature_n"},
    "model_backtests": set(),
    "model_fits": set(),
    "recommendations": {"product_key", "reason", "because_product_key", "n", "score"},
    "retention_cohorts": {"is_mature", "active", "share"},
    "rfm_thresholds": set(),
    "sales_performance": {
        "is_mature", "deals", "won", "lost", "win_rate", "win_rate_low", "win_rate_high", "enough_n", "valued_won",
        "won_amount", "mean_won_amount", "mean_days_to_win", "median_days_to_win", "velocity_per_day",
    },
    "sales_pipeline": {
        "probability", "probability_basis", "probability_n", "weighted_amount", "median_days_in_stage", "overdue_deals",
    },
    "sales_stage_conversion": {
        "is_mature", "moved_on", "won", "lost", "moved_on_share", "moved_on_low", "moved_on_high", "won_share", "won_low",
        "won_high", "median_days_to_move_on", "enough_n",
    },
    "sales_stages": {"n", "won", "lost", "won_share", "won_share_low", "won_share_high", "probability", "probability_basis"},
    "service_metrics": set(),
    "survey_eligibility": {"last_invited_at", "eligible_from", "eligible", "reason"},
    "text_models": {"is_current"},
    "trigger_messages": {"state", "reason", "due_at", "entered_at", "sent_at", "is_entered"},
}  # fmt: skip
# Tables that get rows by the clock alone, and those that lose some.
NEW_ROWS = {
    "acquisition_costs", "acquisition_costs_by_channel", "audience_history", "audience_members", "audience_sizes",
    "audience_stays", "calendar", "carts", "customer_affinity", "cx_recovery", "health_validation", "kpis",
    "model_backtests", "model_fits", "retention_cohorts", "rfm_thresholds", "sales_performance",
    "sales_stage_conversion", "service_metrics", "text_models", "trigger_messages",
}  # fmt: skip
GONE_ROWS = {
    "audience_members",
    "calendar",
    "customer_affinity",
    "health_validation",
    "recommendations",
    "trigger_messages",
}
# Rows that are of other people when somebody's segment changes: those move as a whole.
OTHER_PEOPLE = {"cx_scores": "dimension = 'segment'"}
HISTORIES = 30 if os.environ.get("CDP_PROOF") else 5
LATER = (1, 45, 200) if os.environ.get("CDP_PROOF") else (1,)


def go(root: Path, *, full_refresh: bool = False, stages: Sequence[str] = STAGES) -> Outcome:
    """`cdp run` in this process, or some of its stages; it must end well."""
    outcome = run(load_company(root / "cdp.yml"), tuple(stages), full_refresh=full_refresh)
    assert (outcome.exit_code, outcome.problems) == (0, [])
    return outcome


def move_clock(root: Path, days: int) -> None:
    """Pin as_of some days later."""
    path = root / "cdp.yml"
    pinned = load_company(path).file.clock.as_of
    assert isinstance(pinned, datetime)
    text = path.read_text()
    old = next(line for line in text.splitlines() if line.startswith("clock:"))
    path.write_text(text.replace(old, f'clock: {{as_of: "{(pinned + timedelta(days=days)).isoformat()}"}}'))


@dataclass
class Ran:
    """A company that took its deliveries in three runs."""

    root: Path
    before: set[Path]
    portions: dict[str, list[str]]
    outcome: Outcome


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Three runs: old deliveries, then newer, then the newest; as cron would."""
    root = tmp_path_factory.mktemp("laws") / "demo"
    generate(root, people=PEOPLE)
    before = files_of(root)
    held = laws.hold_back(root, "2025-12-31")
    later = [pair for pair in held if "2026-06-30" in pair[0].name]
    # each on the day of its delivery: RFM thresholds of June would else be those of people who had not bought since December
    move_clock(root, -181)
    go(root)
    laws.deliver([pair for pair in held if pair not in later], root, root)
    move_clock(root, 151)
    go(root)
    laws.deliver(later, root, root)
    move_clock(root, 30)
    outcome = go(root)
    return Ran(root, before, laws.snapshot(root), outcome)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_any_history_equals_a_full_refresh_and_ids_stay(ran: Ran, tmp_path: Path, seed: int) -> None:
    """Law 2 and 4: after random deliveries on top of three every mart is that of a full refresh, row for row, ids included."""
    rng = np.random.default_rng(seed)
    root = laws.copy_company(ran.root, tmp_path / "history")
    ways: Counter[str] = Counter()
    for number in range(int(rng.integers(2, 6))):
        ways.update(histories.deliver(root, rng, f"s{seed}n{number}"))
        move_clock(root, int(rng.integers(0, 21)))
        made = go(root, stages=("load", "build"))
        assert made.stages["build"]["full"] is False
    history = laws.snapshot(root)
    go(root, full_refresh=True, stages=("build",))

    assert laws.differences(history, laws.snapshot(root)) == []
    assert min(ways[way] for way in histories.WAYS) > 10
    assert len({line.split(":")[0] for line in laws.differences(ran.portions, history)}) > 40


def test_months_and_cohorts_equal_the_shops_own_files(ran: Ran) -> None:
    """Active, new, reactivated, lost, dormant, repeat, orders, revenue by pandas from the raw orders; owners as identity says."""
    with duckdb.connect(str(ran.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        owners = dict(con.execute("select order_key, customer_id from marts.orders").fetchall())
        months = con.execute(
            """select month_start, active_customers, new_customers, reactivated, lost, at_stake, dormant, repeat_customers,
                orders, revenue from marts.kpis order by month_start"""
        ).fetchall()
        ages = con.execute(
            "select cohort_month, age_months, cohort_size, active from marts.retention_cohorts"
        ).fetchall()
    bought = commerce_oracle.demo_purchases(ran.root)
    bought["customer"] = bought["key"].map(owners)
    as_of = pd.Timestamp("2026-06-30 19:00")  # in the reporting zone
    names = ["active", "new", "reactivated", "lost", "stake", "dormant", "repeat", "orders", "revenue"]
    expected = commerce_oracle.kpis(bought, as_of)

    for found, (_, month) in zip(months, expected.iterrows(), strict=True):
        wanted = [None if name == "lost" and not month["complete"] else month[name] for name in names]
        assert [pd.Timestamp(found[0]), *found[1:]] == [month["month"], *wanted]
    seen = {(pd.Timestamp(month), age): (size, active) for month, age, size, active in ages}
    assert seen == commerce_oracle.cohorts(bought, as_of)
    assert expected["revenue"].sum() > 0


@dataclass
class Again:
    """A second run with nothing new, during which another process held the published file open."""

    root: Path
    outcome: Outcome
    reader_said: str
    published_run: str


@pytest.fixture(scope="module")
def again(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Again:
    """The reader opens, the run goes, the reader asks once more."""
    root = laws.copy_company(ran.root, tmp_path_factory.mktemp("again") / "demo")
    published = root / "warehouse" / "marts.duckdb"
    code = (
        "import duckdb, sys\n"
        "con = duckdb.connect(sys.argv[1], read_only=True)\n"
        "ask = lambda: con.execute('select count(*), max(run_id) from ops.published').fetchone()\n"
        "first = ask(); print('open', flush=True); sys.stdin.readline(); print(first == ask(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(published)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == "open"
        outcome = go(root)
        reader.stdin.write("\n")
        reader.stdin.flush()
        said = reader.stdout.readline().strip()
    with duckdb.connect(str(published), read_only=True) as con:
        (run_id,) = con.execute("select max(run_id) from ops.published").fetchall()[0]
    return Again(root, outcome, said, run_id)


def test_a_reader_keeps_its_snapshot_and_the_run_goes_on(again: Again) -> None:
    """Law 7: another process holds the published file open during a whole run."""
    assert again.reader_said == "True"
    assert again.published_run == again.outcome.run_id


def test_a_second_run_sends_nothing_and_changes_no_mart_row(ran: Ran, again: Again) -> None:
    """Law 6: unchanged data means no operation at all."""
    root, outcome = again.root, again.outcome

    assert {sync["acked"] for sync in outcome.stages["export"]} == {0}
    tests = outcome.stages["validate"]
    assert (
        tests["tests"]
        == tests["tests_asked"] + tests["tests_carried_over"]
        == ran.outcome.stages["validate"]["tests"]
    )
    assert tests["tests_carried_over"] > 0
    assert laws.sent(root) == laws.sent(ran.root)
    assert laws.files_sent(root) == laws.files_sent(ran.root)
    assert laws.differences(laws.snapshot(root), ran.portions) == []

    # that run left out what had nothing to do; running it all changes nothing either
    with duckdb.connect(str(root / "warehouse" / "cdp.duckdb")) as con:
        stir(con)
    assert go(root).stages["build"]["models"] > outcome.stages["build"]["models"]
    assert laws.differences(laws.snapshot(root), ran.portions) == []


def test_something_was_sent_and_some_were_held_back(ran: Ran) -> None:
    """The two tests around this one would pass on a company that never sends."""
    syncs = ran.outcome.stages["export"]

    assert len(laws.sent(ran.root)) > 0
    assert sum(sync["excluded"] for sync in syncs) > 0
    assert all(path.stat().st_size for path in (ran.root / "exports" / "out").glob("*.csv"))


@pytest.mark.parametrize("days", LATER)
def test_a_day_later_only_time_relative_columns_move(ran: Ran, tmp_path: Path, days: int) -> None:
    """Nothing new was delivered: facts, identity, golden records and every other column stay as they are."""
    root = laws.copy_company(ran.root, tmp_path / "later")
    move_clock(root, days)
    go(root, stages=("load", "build"))
    moved = laws.movements(ran.root, root, OTHER_PEOPLE)

    assert {name: found.columns - TIME_RELATIVE.get(name, set()) for name, found in moved.items()} == {
        name: set() for name in moved
    }
    assert {name for name, found in moved.items() if found.new} <= NEW_ROWS
    assert {name for name, found in moved.items() if found.gone} <= GONE_ROWS
    assert moved.keys() <= TIME_RELATIVE.keys() | OTHER_PEOPLE.keys()
    assert moved["customer_lifecycle"].columns >= {"days_since_last"}
    assert moved["kpis"].new or moved["rfm_thresholds"].new


def test_identity_is_precise_against_the_planted_truth(ran: Ran) -> None:
    """Precision at least 0.999; recall is what exact identifiers can give, and stated."""
    command = [sys.executable, "-m", "cli.main", "identity", "evaluate", "--json"]
    arguments = ["--truth", str(ran.root / "truth" / "persons.csv"), "--config", str(ran.root / "cdp.yml")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=ROOT, check=True)
    found: dict[str, Any] = json.loads(done.stdout)

    assert found["precision"] >= 0.999
    assert 0.85 < found["recall"] < 1
    assert found["missing_records"] <= 0.01 * found["records"]


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
@pytest.mark.parametrize("question", list(cx_oracle.QUESTIONS))
def test_scores_equal_the_surveys_own_files(ran: Ran, question: str) -> None:
    """NPS, CSAT and CES of every period and cut by pandas from the raw rows; owners as identity says, segments as RFM does."""
    with duckdb.connect(str(ran.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        owners = dict(
            con.execute(
                """select replace(record_id, 'survey.responses:', ''), customer_id from marts.customer_records
                where source = 'survey' and entity = 'response' and customer_id is not null"""
            ).fetchall()
        )
        segments = dict(
            con.execute(
                "select customer_id, rfm_segment from marts.customer_360 where rfm_segment is not null"
            ).fetchall()
        )
        rows = con.execute(
            """select period, period_start::varchar, dimension, dimension_value, n, respondents,
                coalesce(promoters, satisfied), coalesce(detractors, n - satisfied), sum_score / n, score, ci_low, ci_high
            from marts.cx_scores where question = ? and dimension not in ('source', 'brand')""",
            [question],
        ).fetchall()
    wanted = cx_oracle.scores(cx_oracle.responses(ran.root), question, owners, segments)

    assert {row[:4] for row in rows} == set(wanted)
    assert {row[2] for row in rows} >= {"all", "segment", "touchpoint", "language"}
    for row in rows:
        one, respondents = wanted[row[:4]]
        assert row[4:8] == (one.n, respondents, one.high, one.low)
        assert row[8:10] == pytest.approx((one.mean, one.score), rel=1e-12, abs=1e-12)
        if np.isnan(one.ci_low):
            assert row[10:] == (None, None)
        else:
            # an interval never leaves out its own figure
            bounds = (min(one.ci_low, one.score), max(one.ci_high, one.score))
            assert row[10:] == pytest.approx(bounds, rel=1e-9, abs=1e-9)


@pytest.fixture(scope="module")
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company that effects are looked for in; the proof's is large enough to find each of them."""
    if not os.environ.get("CDP_PROOF"):
        ran: Ran = request.getfixturevalue("ran")
        return ran.root
    root = tmp_path_factory.mktemp("grown") / "demo"
    generate(root, people=5000)
    go(root)
    return root


def test_each_planted_effect_lies_in_its_interval_and_nothing_else_is_significant(grown: Path) -> None:
    """All ten of truth/effects.yml, and whatever the marts call significant; the large company finds each, the small one some."""
    with duckdb.connect(str(grown / "warehouse" / "marts.duckdb"), read_only=True) as marts:
        found = list(cx_effects.effects(marts, grown / "truth" / "effects.yml"))
        false = cx_effects.unplanted(marts)
        asked = cx_effects.tests_made(marts)

    assert len(found) == 10
    assert [row for row in found if not row[4] <= row[1] <= row[5]] == []
    assert false == []
    # intervals that hold everything would pass too: none holds the absence of what is large
    ends = {row[0]: row[4:] for row in found}
    sure = [
        "late_minus_on_time_csat_delivery",
        "late_minus_on_time_nps_score",
        "mobile_minus_desktop_conversion",
    ]
    if os.environ.get("CDP_PROOF"):
        sure += [name for name in ends if name.startswith(("support_minus", "slow_minus"))]
        assert ends["uncalled_over_called_orders_after"][1] < 1
        assert asked > 500
    assert all(ends[name][1] < 0 for name in sure)
    assert asked > 30


def test_every_row_is_accounted_for_and_planted_rows_are_where_they_belong(ran: Ran) -> None:
    """Law 1, against the generator's own list of broken rows."""
    with duckdb.connect(str(ran.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        wrong = con.execute(
            "select * from ops.load_counts where received <> loaded + duplicates + quarantined + suppressed"
        ).fetchall()
        staged = con.execute(
            "select count(*) from staging.stg_rows where status not in"
            " ('loaded', 'duplicate', 'quarantined', 'suppressed')"
        ).fetchone()
        quarantined = con.execute("select count(*) from quarantine.rows").fetchone()

    assert wrong == []
    assert staged == (0,)
    assert quarantined is not None
    assert quarantined[0] > 0


def test_no_run_writes_a_place_that_is_not_listed(ran: Ran) -> None:
    """`cli/stores.py` is what erasure will go by: a file or schema it does not know is a leak."""
    company = load_company(ran.root / "cdp.yml")

    assert unlisted(company, ran.before, files_of(ran.root)) == []
    with duckdb.connect(str(company.warehouse), read_only=True) as con:
        assert unlisted_schemas(con) == []


def test_ten_runs_at_once_one_works_nine_leave_with_exit_five(ran: Ran, tmp_path: Path) -> None:
    """One lock, gone with its process; the others say who holds it."""
    root = laws.copy_company(ran.root, tmp_path / "ten")
    command = [sys.executable, "-m", "tests.quick_cdp", "run", "--config", str(root / "cdp.yml")]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in started]

    assert sorted(code for _, code in ended) == [0] + [5] * 9
    assert all("process" in text or "pid" in text for text, code in ended if code == 5)


def test_plain_dbt_works_on_what_cdp_env_prints(ran: Ran, tmp_path: Path) -> None:
    """An analyst's `dbt build --select` in the same project, without `cdp`."""
    root = laws.copy_company(ran.root, tmp_path / "plain")
    printed = subprocess.run(
        [sys.executable, "-m", "cli.main", "env", "--json", "--config", str(root / "cdp.yml")],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    dbt = Path(sys.executable).with_name("dbt")
    done = subprocess.run(
        [str(dbt), "build", "--select", "customer_360"], env=os.environ | json.loads(printed.stdout),
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-2000:]
    assert laws.differences(laws.snapshot(root), ran.portions) == []
    # nobody knows what it wrote: the next run asks every test
    assert (passed_tests(ran.root) > 700, passed_tests(root)) == (True, 0)


def passed_tests(root: Path) -> int:
    """Tests that the next run need not ask."""
    with duckdb.connect(str(root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        row = con.execute("select count(*) from ops.passed_tests").fetchone()
    assert row is not None
    return int(row[0])


def test_by_hand_nothing_leaves_that_was_not_checked(ran: Ran, tmp_path: Path) -> None:
    """A build after the last checks, or one that was cut short, is neither published nor sent (exit 3)."""
    root = laws.copy_company(ran.root, tmp_path / "unchecked")
    company = load_company(root / "cdp.yml")
    published = company.published.read_bytes()
    with duckdb.connect(str(company.warehouse)) as con:
        con.execute("update ops.build_state set finished = false")
    for stage in ("publish", "export"):
        with pytest.raises(BlockedError, match="the last build was cut short"):
            run(company, (stage,), command=stage)
    run(company, ("build",), command="build")
    for stage in ("publish", "export"):
        with pytest.raises(BlockedError, match="nothing has been checked since the build"):
            run(company, (stage,), command=stage)

    assert company.published.read_bytes() == published


def test_the_published_file_holds_no_salt_and_no_inner_state(ran: Ran) -> None:
    """Salted ids protect nobody when the salt lies beside them."""
    with duckdb.connect(str(ran.root / "warehouse" / "marts.duckdb"), read_only=True) as con:
        tables = con.execute(
            "select table_name from information_schema.tables where table_schema = 'ops' order by 1"
        ).fetchall()

    assert [name for (name,) in tables] == [
        "freshness", "load_counts", "published", "quality_results", "run_steps", "runs",
    ]  # fmt: skip
