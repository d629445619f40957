"""Report, customer show, status and doctor on a company that was really loaded, built and sent from."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.config import load_company
from cli.dbt import environment
from cli.report_figures import interval, score
from cli.summary import summarise
from dashboard.charts import CHARTS, Chart

PROJECT = Path(__file__).resolve().parent.parent.parent
PEOPLE = 400


def cdp(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """The command as a person runs it."""
    return subprocess.run(
        [sys.executable, "-m", "tests.quick_cdp", *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )


def done(*arguments: str | Path) -> str:
    """Run it, demand success, give back its output."""
    result = cdp(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated company, small, after one run; published once more, so that its file has the sends."""
    folder = tmp_path_factory.mktemp("report") / "demo"
    command = [sys.executable, "-m", "demo.generate", "--people", str(PEOPLE), "--out", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    shutil.copy(PROJECT / "demo" / "cdp.yml", folder)
    shutil.copytree(PROJECT / "demo" / "models", folder / "models", dirs_exist_ok=True)
    done("run", "--config", folder / "cdp.yml")
    done("publish", "--config", folder / "cdp.yml")
    return folder / "cdp.yml"


@pytest.fixture(scope="module")
def page(config: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report, as text of the file."""
    out = tmp_path_factory.mktemp("out") / "report.html"
    assert done("report", "--config", config, "--out", out) == f"{out}\n"
    return unescape(out.read_text(encoding="utf-8")).replace("\N{NO-BREAK SPACE}", " ")


def ask(config: Path, sql: str) -> list[Any]:
    """Query the published file."""
    with duckdb.connect(str(config.parent / "warehouse" / "marts.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_no_person_of_the_company_is_on_the_page(config: Path, page: str) -> None:
    """Every name, street, address, number and id of everybody, looked for one by one."""
    values = {
        value
        for row in ask(config, "select customer_id, full_name, email, phone, street from marts.customer_360")
        for value in row
        if value
    }
    values |= {value for (value,) in ask(config, "select value from marts.customer_identifiers")}
    values |= {value for (value,) in ask(config, "select text from marts.feedback where length(text) > 12")}

    assert len(values) > 4 * PEOPLE
    words = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    found = [value for value in values if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", words)]
    assert found == []


def test_the_page_says_simulated_before_anything_else(page: str) -> None:
    """Nobody may take these figures for those of a real company."""
    main = page.index("<main")

    assert "Simulated data" in page[:main]
    assert '<p class="notice"' in page[:main]


def test_scores_and_kinds_are_those_of_the_file(config: Path, page: str) -> None:
    """By another route: the figures as SQL gives them stand on the page."""
    names = ("metric", "question", "n", "score", "ci_low", "ci_high")
    sql = f"select {', '.join(names)} from marts.cx_scores where period = 'all' and dimension = 'all'"
    rows = [dict(zip(names, row, strict=True)) for row in ask(config, sql)]

    assert {row["metric"] for row in rows} == {"nps", "csat", "ces"}
    for row in rows:
        told = f"{row['question']}: {score(row['metric'], row['score'])}, 95 % interval"
        interval_told = interval(row["metric"], row).replace("\N{NO-BREAK SPACE}", " ")
        expected = f"{told} {interval_told}, n {row['n']:,}".replace("\N{NO-BREAK SPACE}", " ")
        assert expected in page
    for kind, count in ask(config, "select profile_kind, count(*) from marts.customer_360 group by 1"):
        assert f"{count:,} {kind}" in page


def test_the_page_and_the_summary_of_the_run_agree(config: Path, page: str) -> None:
    """Rows in and merged records: one number, wherever it is read."""
    with duckdb.connect(str(config.parent / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        told = summarise(con)

    assert told["merged_records"] > 0
    assert f">{told['rows']['received']:,}<" in page
    assert f"{told['merged_records']:,} person records were merged" in page


def metrics(config: Path, names: str, by: str, folder: Path) -> dict[str, dict[str, str]]:
    """What MetricFlow answers: group -> metric -> figure as text. The variables are those `cdp env` prints."""
    variables = environment(load_company(config))
    project, out = variables["DBT_PROJECT_DIR"], folder / "answer.csv"
    question = ["query", "--metrics", names, "--group-by", by, "--csv", str(out)]
    result = subprocess.run(
        [str(Path(sys.executable).with_name("mf")), *question],
        cwd=project,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    with out.open(encoding="utf-8", newline="") as file:
        return {row[by]: row for row in csv.DictReader(file)}


def test_sql_command_and_metric_query_give_one_number(config: Path, tmp_path: Path) -> None:
    """One definition, three ways to ask: the mart, `cdp report --json`, and the semantic layer."""
    told = json.loads(done("report", "--config", config, "--out", tmp_path / "r.html", "--json"))["figures"]
    shown = {row["question"]: row for row in told["scores"]}
    scores = (
        "nps_relational,nps_answers,csat_relational,csat_transactional,csat_answers,share_easy_transactional"
    )
    asked = metrics(config, scores, "answer__question", tmp_path)
    mart = dict(
        ask(config, "select question, score from marts.cx_scores where period = 'all' and dimension = 'all'")
    )

    assert (
        float(asked["nps_overall"]["nps_relational"]) == shown["nps_overall"]["score"] == mart["nps_overall"]
    )
    assert int(asked["nps_overall"]["nps_answers"]) == shown["nps_overall"]["n"] > 0
    for question in ("csat_delivery", "csat_support"):
        assert float(asked[question]["csat_transactional"]) == shown[question]["score"] == mart[question]
        assert asked[question]["csat_relational"] == "", "kinds are never pooled"
        assert int(asked[question]["csat_answers"]) == shown[question]["n"] > 0
    easy = "select share_easy from marts.cx_ces_by_touchpoint where question = 'ease_support' and touchpoint = 'support'"
    assert [(float(asked["ease_support"]["share_easy_transactional"]),)] == ask(config, easy)

    months = metrics(
        config,
        "purchases,purchase_revenue,active_customers,revenue_per_active_customer",
        "metric_time__month",
        tmp_path,
    )
    marts = ask(
        config, "select month_start, orders, revenue, active_customers, revenue_per_active from marts.kpis"
    )
    kpis = {row["month_start"]: row for row in told["kpis"]}
    assert len(marts) > 10
    for month, orders, revenue, active, per_active in marts:
        found, command = months[f"{month} 00:00:00"], kpis[str(month)]
        assert int(found["purchases"]) == orders == command["orders"]
        assert float(found["purchase_revenue"]) == float(revenue) == float(command["revenue"])
        assert int(found["active_customers"]) == active == command["active_customers"]
        assert round(float(found["revenue_per_active_customer"]), 2) == float(per_active)
    ages = metrics(config, "retention_rate", "cohort_age__age_months", tmp_path)
    rates = ask(
        config,
        "select age_months, cast(sum(active) as double) / sum(cohort_size) from marts.retention_cohorts"
        " where is_mature group by age_months",
    )
    assert {
        int(age): float(row["retention_rate"]) for age, row in ages.items() if row["retention_rate"]
    } == dict(rates)


def test_sends_and_their_reasons_are_on_the_page(config: Path, page: str) -> None:
    """The republished file knows what the run sent, and whom it left out."""
    syncs = ask(config, "select sync, added, exclusions from exports.runs")
    sends = page[page.index('id="sends"') :]

    assert syncs
    for sync, _, exclusions in syncs:
        assert sync in sends
        for reason in json.loads(exclusions):
            assert reason.replace("_", " ") in sends


def test_a_customer_by_mail_phone_and_id(config: Path) -> None:
    """The three handles of the help lead to one person; what is printed is theirs."""
    ((customer_id, email, phone, name),) = ask(
        config,
        """select customer_id, email, phone, full_name from marts.customer_360
        where email is not null and phone is not null and full_name is not null
        order by records desc, customer_id limit 1""",
    )
    found = [
        json.loads(done("customer", "show", who, "--json", "--config", config))
        for who in (email, customer_id)
    ]
    shown = done("customer", "show", phone, "--config", config)

    assert [one["customer_id"] for one in found] == [customer_id] * 2
    assert found[0]["timeline"]
    assert {row["source"] for row in found[0]["golden"]} <= {"crm", "shop_north", "shop_south", "web"}
    assert all(value in shown for value in (customer_id, email, phone, name))


def test_nobody_is_exit_2(config: Path) -> None:
    """And stdout stays empty, so that no script takes an error for data."""
    result = cdp("customer", "show", "nobody@nowhere.example", "--config", config)

    assert (result.returncode, result.stdout) == (2, "")
    assert "hint:" in result.stderr


def test_status_and_doctor_speak_of_this_run(config: Path) -> None:
    """Wired to the record and the checks; JSON on stdout and nothing else."""
    status = json.loads(done("status", "--json", "--config", config))
    findings = json.loads(done("doctor", "--json", "--config", config))

    assert {run["command"] for run in status["runs"]} == {"run", "publish"}
    assert status["published"]["rows"] > 0
    assert "error" not in {finding["level"] for finding in findings}
    assert "last runs" in done("status", "--config", config)
    assert "configuration" in done("doctor", "--config", config)


def test_a_new_folder_loads_what_is_dropped_into_it(tmp_path: Path) -> None:
    """`cdp init`, a csv with the columns the file names, `cdp load`: rows are in."""
    folder = tmp_path / "acme"
    done("init", folder)
    (folder / "data" / "crm").mkdir()
    (folder / "data" / "crm" / "contacts.csv").write_text(
        "id,email,phone,first_name,last_name,created_at,updated_at,tier\n"
        "1,an@example.com,+84901234567,An,Le,2026-01-02T03:04:05Z,2026-01-02T03:04:05Z,gold\n"
    )
    done("load", "--config", folder / "cdp.yml")
    with duckdb.connect(str(folder / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        loaded = con.execute("select count(*) from raw_crm.contacts").fetchone()

    assert loaded == (1,)
    assert cdp("init", folder).returncode == 2
    assert cdp("report", "--config", folder / "cdp.yml").returncode == 1


@pytest.mark.parametrize("file", ["marts.duckdb", "analysts.duckdb"])
@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.title)
def test_every_chart_of_the_dashboard_is_filled(config: Path, chart: Chart, file: str) -> None:
    """The columns that the export declares, and the queries that Superset makes of the chart: some rows, some numbers.

    In the masked file too: nothing on the dashboard is about one person.
    """
    with duckdb.connect(str(config.parent / "warehouse" / file), read_only=True) as con:
        declared = [column[0] for column in con.execute(chart.dataset.sql).description or []]
        answers = [con.execute(sql).fetchall() for sql in chart_queries(chart)]

    assert declared == list(chart.dataset.columns)
    assert answers
    assert all(any(row[-1] is not None for row in rows) for rows in answers)


def chart_queries(chart: Chart) -> list[str]:
    """One query a layer of the chart; a metric, or the last of its columns, stands last."""
    params, queries = chart.params, []
    for layer in ("", "_b"):
        metrics = params.get(f"metrics{layer}") or ([params["metric"]] if "metric" in params else [])
        axes = [one for one in (params.get("x_axis"), *params.get(f"groupby{layer}", [])) if one]
        columns = [*axes, *params.get("all_columns", []), *(one["sqlExpression"] for one in metrics)]
        conditions = [one["sqlExpression"] for one in params.get(f"adhoc_filters{layer}", [])] or ["true"]
        if layer == "" or f"metrics{layer}" in params:
            queries.append(
                f"select {', '.join(columns)} from ({chart.dataset.sql}) where {' and '.join(conditions)}"
                + (f" group by {', '.join(axes)}" if axes else "")
            )
    return queries
