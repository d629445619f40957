"""One company, built by its own crontab line, and what people do with it: masks, planted defects, ten runs at once, schedules.

Its key is the e-mail address, so that names of records are personal: the hardest case for a masked file.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cli import quality_measures, run, schedule, status, stores, warehouse
from cli.config import Company, load_company
from cli.quality_rules import Last, Measure
from pipelines import failpoints
from pipelines.failpoints import FailPointError
from tests.laws import copy_company
from tests.loopback import loopback
from tests.ops_company import PROJECT

ENV = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT)}
NAMES = ("Amélie", "Bartholomew", "Chrysanthemum", "Desdemona", "Evangeline")
PEOPLE = [f"{name.lower().replace('é', 'e')}.canary{n}@mail.example" for n, name in enumerate(NAMES * 4)]
SETTINGS: dict[str, Any] = {
    "clock": {"as_of": "2026-06-30T00:00:00Z"},
    "identity": {"salt": "s", "fuzzy": {"enabled": False}},
    "alerts": [{"name": "hook", "type": "webhook", "url": "${HOOK_URL}"}],
    "publish": [{"name": "analysts", "mask": "pii"}, {"name": "north", "mask": "pii", "where": "brand = 'north'"}],
    "sources": [
        {
            "name": "crm", "connector": "files", "brand": "north", "region": "GB", "freshness": "26h",
            "tables": [
                {
                    "name": "contacts", "entity": "contact", "path": "data/contacts*.csv", "key": ["email"],
                    "columns": {"email": "email", "phone": "phone", "first_name": "first", "last_name": "last"},
                },
                {
                    "name": "orders", "entity": "order", "path": "data/orders*.csv", "key": ["order"],
                    "columns": {
                        "order_id": "order", "ordered_at": "at", "gross_amount": "amount", "status": "status", "email": "email",
                    },
                },
                {
                    "name": "survey", "entity": "response", "path": "data/survey*.csv", "key": ["id"],
                    "columns": {"respondent_id": "id", "email": "email", "responded_at": "at", "text": "words"},
                    "questions": {"nps_overall": "nps"},
                },
            ],
        }
    ],
    "cx": {"questions": {"nps_overall": {"metric": "nps", "scale": [0, 10]}}},
}  # fmt: skip


def deliver(root: Path) -> None:
    """Twenty people, an order and an answer each."""
    (root / "data").mkdir(parents=True)
    rows = list(enumerate(PEOPLE))
    tables = {
        "contacts": ["email,phone,first,last"]
        + [f"{who},+4420794{n:05d},{NAMES[n % 5]},Featherstonehaugh" for n, who in rows],
        "orders": ["order,at,amount,status,email"]
        + [f"o{n},2026-05-{n + 1:02d},{n + 10}.00,paid,{who}" for n, who in rows],
        "survey": ["id,email,at,words,nps"]
        + [f"{n},{who},2026-06-{n + 1:02d},call me on +4420794{n:05d},{n % 11}" for n, who in rows],
    }
    for name, lines in tables.items():
        (root / "data" / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def shell(line: str) -> "subprocess.CompletedProcess[str]":
    """As cron does: a bare environment, /bin/sh."""
    return subprocess.run(["/bin/sh", "-c", line], env=ENV, cwd="/", capture_output=True, text=True)


def cron_line(company: Company) -> str:
    """The command of the crontab line."""
    last = schedule.cron(company, 5, 30).strip().splitlines()[-1]
    found = re.fullmatch(r"30 5 \* \* \* (.*)", last)
    assert found is not None
    return found[1].replace(r"\%", "%")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Built by the crontab line, with a secret that only `cdp.env` knows."""
    root = tmp_path_factory.mktemp("operations") / "acme co"
    deliver(root)
    settings = SETTINGS | {"identity": SETTINGS["identity"] | {"salt": "${ACME_SALT}"}}
    (root / "cdp.yml").write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    (root / "cdp.env").write_text("ACME_SALT='salt of acme'\nHOOK_URL='http://127.0.0.1:9/'\n")
    found = load_company(root / "cdp.yml")
    done = shell(cron_line(found))
    log = (found.dot / "logs" / "cron.log").read_text()
    assert done.returncode == 0, log
    assert done.stdout + done.stderr == ""  # cron would mail it
    return found


def test_the_run_of_cron_left_a_log_and_a_published_file(company: Company) -> None:
    """The line that is printed is the line that works."""
    with warehouse.connect(company) as con:
        assert con.execute("select command, status from ops.runs").fetchall() == [("run", "succeeded")]
        assert stores.unlisted_schemas(con) == []
    assert "publish" in (company.dot / "logs" / "cron.log").read_text()
    assert company.published.exists()


def texts(file: Path) -> Iterator[tuple[str, str]]:
    """(where, value) of every text in a file."""
    with duckdb.connect(str(file), read_only=True) as con:
        tables = con.execute(
            "select distinct table_schema, table_name from information_schema.tables where table_catalog = current_database()"
        ).fetchall()
        for schema, table in tables:
            for row in con.execute(f'select whole::varchar from "{schema}"."{table}" as whole').fetchall():
                yield f"{schema}.{table}", row[0]


def test_no_person_is_in_a_masked_file(company: Company) -> None:
    """Every table of the real models, read value by value; the main file shows that the search finds."""
    needles = re.compile(
        "|".join([*NAMES, "canary", "Featherston", r"\+44", "mail.example", "20794"]), re.IGNORECASE
    )
    folder = company.published.parent
    found = {
        name: {where for where, text in texts(folder / name) if needles.search(text)}
        for name in ("marts.duckdb", "analysts.duckdb", "north.duckdb")
    }
    with duckdb.connect(str(folder / "analysts.duckdb"), read_only=True) as con:
        joined = con.execute(
            "select count(*) from marts.orders join marts.customer_360 using (customer_id)"
        ).fetchone()
        records = con.execute(
            "select count(*) from marts.feedback join marts.customer_records using (record_id)"
        ).fetchone()

    assert len(found["marts.duckdb"]) > 5
    assert found["analysts.duckdb"] == set()
    assert found["north.duckdb"] == set()
    assert joined == (20,)
    assert records == (20,)


def test_of_ten_runs_at_once_one_works(company: Company) -> None:
    """Nine leave with 5, quickly, and say who works.

    Two seconds on a machine of its own; where others work too, a few times what ten interpreters need to import typer. What they
    cost does not depend on others.
    """
    bare = started([sys.executable, "-c", "import typer"])
    limit = max(2.0, 6 * max(one.seconds for one in bare))
    command = [sys.executable, "-m", "cli.main", "run", "--config", str(company.config_path)]
    done = started(command, ACME_SALT="salt of acme")
    busy = [one for one in done if one.code == 5]

    assert sorted(one.code for one in done) == [0] + [5] * 9
    assert max(one.seconds for one in busy) < limit
    assert max(one.cpu for one in busy) < 0.3
    assert all(re.search(r"`cdp run`, process \d+, started 20\d\d-", one.said) for one in busy)


@dataclass(frozen=True)
class Ended:
    """One of several processes: exit code, seconds from the start of the first, seconds of CPU, what it said."""

    code: int
    seconds: float
    cpu: float
    said: str


def started(command: list[str], **more: str) -> list[Ended]:
    """Start ten at once, and wait for all."""
    clock = time.monotonic()
    running = {
        process.pid: process
        for process in (
            subprocess.Popen(
                command,
                env=ENV | more,
                cwd=PROJECT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(10)
        )
    }
    done = []
    while running:
        for pid, process in list(running.items()):
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                process.returncode = os.waitstatus_to_exitcode(status)
                seconds, cpu = time.monotonic() - clock, usage.ru_utime + usage.ru_stime
                done.append(Ended(process.returncode, seconds, cpu, running.pop(pid).communicate()[1]))
        time.sleep(0.01)
    return done


def test_a_broken_promise_ends_with_4_and_is_told_and_so_is_its_end(company: Company, tmp_path: Path) -> None:
    """Three days without a delivery, of a source that promises one every 26 hours; then one comes."""
    root = copy_company(company.root, tmp_path / "acme")
    with loopback() as hook:
        mine = load_company(root / "cdp.yml")
        with warehouse.connect(mine) as con:
            con.execute("update raw_crm._dlt_loads set inserted_at = inserted_at - interval 3 day")
        late = cdp_run(root, hook.url)
        read_late = promises(mine)
        (root / "data" / "orders2.csv").write_text(
            f"order,at,amount,status,email\nlate1,2026-06-29,9.00,paid,{PEOPLE[0]}\n"
        )
        well = cdp_run(root, hook.url)
        read_well = promises(mine)
    told = [
        [(one["condition"], one["before"], one["now"]) for one in call.json["changes"]] for call in hook.calls
    ]

    assert (late.returncode, well.returncode) == (4, 0), late.stderr + well.stderr
    assert "source crm is stale" in late.stderr
    assert told == [
        [("run", "ok", "partial"), ("freshness crm", "ok", "stale")],
        [("run", "partial", "ok"), ("freshness crm", "stale", "ok")],
    ]
    # a stale source blocks nothing: what is there is published, and says until when it was fresh
    assert (read_late, read_well) == ([("crm", 26 * 60, True)], [("crm", 26 * 60, False)])
    with warehouse.connect(mine) as con:
        ends = con.execute(
            "select status, exit_code from ops.runs order by started_at desc limit 2"
        ).fetchall()
    assert ends == [("succeeded", 0), ("partial", 4)]


def cdp_run(root: Path, hook: str) -> "subprocess.CompletedProcess[str]":
    """`cdp run` as a process of its own, that tells this address."""
    return subprocess.run(
        [sys.executable, "-m", "tests.quick_cdp", "run", "--config", str(root / "cdp.yml")],
        cwd=PROJECT, env=ENV | {"ACME_SALT": "salt of acme", "HOOK_URL": hook}, capture_output=True, text=True,
    )  # fmt: skip


def promises(company: Company) -> list[tuple[Any, ...]]:
    """What a reader sees without a run: source, promised minutes, and whether it is late now."""
    with duckdb.connect(str(company.published), read_only=True) as con:
        return con.execute(
            "select source, promised_minutes, fresh_until < now()::timestamp from ops.freshness"
            " where file = 'marts.duckdb'"
        ).fetchall()


LOST = "update marts.orders set customer_id = 'nobody' where order_id = 'o1'"


def test_a_defect_is_found_by_the_run_that_writes_it_and_by_all_after(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests are carried over while nothing they read was written: also when the run that wrote it died before its tests."""
    monkeypatch.setenv("ACME_SALT", "salt of acme")
    root = copy_company(company.root, tmp_path / "acme")
    copied = load_company(root / "cdp.yml")
    quiet = run.run(copied).stages["validate"]
    assert (quiet["tests_carried_over"] > 700, quiet["tests_asked"] < 40) == (True, True), quiet
    told = status.status(copied)["tests"]
    assert told == {"asked": quiet["tests_asked"], "carried_over": quiet["tests_carried_over"]}

    orders = root / "data" / "orders2.csv"
    orders.write_text(f"order,at,amount,status,email\no99,2026-06-20,5.00,paid,{PEOPLE[0]}\n")
    monkeypatch.setattr(failpoints, "reach", wrong_model(copied))
    with pytest.raises(FailPointError):
        run.run(copied)
    monkeypatch.undo()
    monkeypatch.setenv("ACME_SALT", "salt of acme")
    for _ in range(2):
        found = run.run(copied)
        assert found.exit_code == 3
        assert any("relationships_orders_customer_id" in one for one in found.problems), found.problems
    asked = found.stages["validate"]
    assert asked["tests_carried_over"] > 700


def wrong_model(company: Company) -> Callable[[str], None]:
    """Fail points of a build whose models wrote a wrong row, and which dies when it is marked."""

    def reach(point: str) -> None:
        if point == "build.before_mark":
            with warehouse.connect(company) as con:
                con.execute(LOST)
        if point == "build.marked":
            raise FailPointError(point)

    return reach


# (what is planted, what finds it). One SQL statement is run in a transaction that is rolled back.
ONE = "(select min(customer_id) from marts.customer_360)"
SOME = "(select min({0}) from marts.{1})"
DEFECTS = {
    "a profile twice": (
        f"insert into marts.customer_360 from marts.customer_360 where customer_id = {ONE}",
        "marts.customer_360 key_distinct_share",
    ),
    "an unknown kind of profile": (
        f"update marts.customer_360 set profile_kind = 'friend' where customer_id = {ONE}",
        "marts.customer_360 rule:known_kind",
    ),
    "seen last before first": (
        f"update marts.customer_360 set first_seen_at = last_seen_at + interval 1 day where customer_id = {ONE}",
        "marts.customer_360 rule:seen_in_order",
    ),
    "fewer than no orders": (
        f"update marts.customer_360 set orders = -1 where customer_id = {ONE}",
        "marts.customer_360 min:orders",
    ),
    "addresses lost": ("update marts.customer_360 set email = null", "marts.customer_360 drift:has_email"),
    "an order of nobody": (
        f"update marts.orders set customer_id = 'nobody' where order_key = {SOME.format('order_key', 'orders')}",
        "marts.orders orphan_share:customer_id",
    ),
    "customers lost on the way": (
        "update marts.orders set customer_id = null",
        "marts.orders drift:customer_id_known",
    ),
    "an order twice": (
        f"insert into marts.orders from marts.orders where order_key = {SOME.format('order_key', 'orders')}",
        "marts.orders key_distinct_share",
    ),
    "a negative discount": (
        f"update marts.orders set discount_amount = -5 where order_key = {SOME.format('order_key', 'orders')}",
        "marts.orders min:discount_amount",
    ),
    "a negative refund": (
        f"update marts.orders set refunded_amount = -5 where order_key = {SOME.format('order_key', 'orders')}",
        "marts.orders min:refunded_amount",
    ),
    "orders that are no purchases any more": (
        "update marts.orders set is_purchase = false",
        "marts.orders drift:is_purchase",
    ),
    "a line without its order": (
        "insert into marts.order_lines by name select 'x' as record_id, 'nowhere' as order_key",
        "marts.order_lines orphan_share:order_key",
    ),
    "NPS points between the classes": (
        "update marts.feedback set nps_points = nps_points + 1",
        "marts.feedback rule:nps_points",
    ),
    "a metric nobody defined": (
        "update marts.feedback set metric = 'joy' where record_id = (select min(record_id) from marts.feedback)",
        "marts.feedback rule:known_metric",
    ),
    "everybody is a promoter": (
        "update marts.feedback set nps_points = 100",
        "marts.feedback drift:nps_points",
    ),
    "most answers are gone": (
        "delete from marts.feedback where hash(record_id) % 10 < 7",
        "marts.feedback volume",
    ),
    "a score outside its interval": (
        "update marts.cx_scores set enough_n = true, score = ci_high + 1 where period = 'all' and dimension = 'all'",
        "marts.cx_scores rule:score_inside_interval",
    ),
    "parts that do not add up": (
        "update marts.cx_scores set promoters = promoters + 1 where period = 'all' and dimension = 'all'",
        "marts.cx_scores rule:parts_add_up",
    ),
    "a score of nobody": (
        "update marts.cx_scores set n = 0, promoters = 0, passives = 0, detractors = 0, score = 1, enough_n = false"
        " where period = 'all' and dimension = 'all'",
        "marts.cx_scores rule:no_score_without_sample",
    ),
    "a delivery half unusable": (
        "update ops.load_counts set loaded = loaded - 10, quarantined = quarantined + 10 where table_name = 'orders'",
        "raw_crm.orders quarantine_share",
    ),
    "rows that nobody accounts for": (
        "update ops.load_counts set loaded = loaded - 1 where table_name = 'orders'",
        "raw_crm.orders conservation",
    ),
    "broken lines": ("update raw_crm.orders set _cdp_error = 'x'", "raw_crm.orders share:broken_lines"),
    "a column renamed": (
        "alter table marts.order_lines rename order_key to order_ref",
        "marts.order_lines missing_columns:order_key",
    ),
    "a delivery a tenth of the usual one": (
        "insert into ops.load_counts by name select l.* exclude (load_seq, received, loaded), 1 + n as load_seq,"
        " 200 - 198 * (n = 4)::int as received, 200 - 198 * (n = 4)::int as loaded"
        " from ops.load_counts as l cross join range(1, 5) as r (n) where table_name = 'orders'",
        "raw_crm.orders delivery_volume",
    ),
    "a source that has fallen silent": (
        "update raw_crm._dlt_loads set inserted_at = now() - interval 3 day",
        "raw_crm._dlt_loads stale",
    ),
}


def broken(measures: list[Measure]) -> set[str]:
    """Checks whose number is out of bounds."""
    return {
        f"{one.check.table} {one.check.name}"
        for one in measures
        if one.measured is not None
        and not (
            (one.check.at_least is None or one.measured >= one.check.at_least)
            and (one.check.at_most is None or one.measured <= one.check.at_most)
        )
    }


@pytest.fixture(scope="module")
def measured(company: Company) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[tuple[str, str], Last]]]:
    """The open warehouse, and what the last result would be."""
    with warehouse.connect(company) as con:
        history = {
            (one.check.table, one.check.name): Last(True, one.measured, one.check.threshold)
            for one in quality_measures.measure(con, company, {})
        }
        yield con, history


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_caught_by_its_rule_and_by_no_other(
    company: Company, measured: tuple[duckdb.DuckDBPyConnection, dict[tuple[str, str], Last]], defect: str
) -> None:
    """A rule that sees everything says nothing; one that sees nothing says less."""
    con, history = measured
    sql, rule = DEFECTS[defect]
    assert broken(quality_measures.measure(con, company, history)) == set()
    con.execute("begin")
    try:
        con.execute(sql)
        found = quality_measures.measure(con, company, history)
    finally:
        con.execute("rollback")

    assert broken(found) == {rule}


def test_great_expectations_judges_as_the_bounds_say(
    company: Company, measured: tuple[duckdb.DuckDBPyConnection, dict[tuple[str, str], Last]], tmp_path: Path
) -> None:
    """The measures of all planted defects in one go: it fails the same ones."""
    from cli.quality_judge import judge

    con, history = measured
    gathered: dict[str, Measure] = {}
    for sql, rule in DEFECTS.values():
        con.execute("begin")
        con.execute(sql)
        for one in quality_measures.measure(con, company, history):
            name = f"{one.check.table} {one.check.name}"
            if name == rule or name not in gathered:
                gathered[name] = one
        con.execute("rollback")
    verdicts = judge(list(gathered.values()), tmp_path / "docs", "r1")

    assert {f"{table} {check}" for (table, check), passed in verdicts.items() if not passed} == {
        rule for _, rule in DEFECTS.values()
    }


def test_the_systemd_units_are_well_formed(company: Company, tmp_path: Path) -> None:
    """A folder with a blank and a percent sign in its name is a folder."""
    if not Path("/usr/bin/systemd-analyze").exists():
        pytest.skip("no systemd here")
    odd = tmp_path / "50% off"
    odd.mkdir()
    (odd / "cdp.yml").write_text(company.config_path.read_text())
    units = schedule.systemd(load_company(odd / "cdp.yml"), 5, 30)
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in units)],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert set(units) == {"cdp-50--off.service", "cdp-50--off.timer"}


AIRFLOW = """
import sys, types, json
kept = {}
def module(name, **what):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(what)
class DAG:
    def __init__(self, **how): kept["dag"] = how
    def __enter__(self): return self
    def __exit__(self, *rest): pass
module("pendulum", datetime=lambda *a, **k: "start", duration=lambda **k: k)
module("airflow", DAG=DAG)
for part in ("airflow.providers", "airflow.providers.standard", "airflow.providers.standard.operators"):
    module(part)
module("airflow.providers.standard.operators.bash", BashOperator=lambda **how: kept.update(task=how))
exec(sys.stdin.read())
print(json.dumps(kept))
"""


def test_the_dag_calls_the_same_command(company: Company) -> None:
    """Read with a stand-in for Airflow's two classes; the command is run for its help."""
    text = schedule.airflow(company, 5, 30)
    done = subprocess.run(
        [sys.executable, "-c", AIRFLOW], input=text, capture_output=True, text=True, check=True
    )
    kept = json.loads(done.stdout)
    command = kept["task"]["bash_command"]

    assert kept["dag"]["schedule"] == "30 5 * * *"
    assert kept["task"]["skip_on_exit_code"] == 5
    assert shell(command.replace(" run --config", " validate-config --config")).returncode == 0
