"""The dashboard in a real Superset and a real browser: imported, opened, its charts filled with what the marts say.

Installing Superset takes minutes, so this is a proof (`make proof`); `make test` runs every chart's query (test_report.py).
The picture in the docs is the one taken here.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import duckdb
import pytest

from dashboard.charts import CHARTS
from dashboard.datasets import CASES, CHURN, EXPORTS, FRESHNESS
from dashboard.pack import SLUG, pack
from tests import clients
from tests.ops_company import PROJECT

PEOPLE = 1000
PICTURE = PROJECT / "docs" / "dashboard.png"
LARGEST_PICTURE = 300_000
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Nobody logs in: the server of this test is on loopback, and whoever comes may look.
CONFIG = """
SECRET_KEY = "of a test on this machine"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
AUTH_ROLE_PUBLIC = "Admin"
"""
SMALLER = """
import sys
from PIL import Image
with Image.open(sys.argv[1]) as whole:
    half = whole.convert("RGB").resize((whole.width * 5 // 6, whole.height * 5 // 6), Image.Resampling.LANCZOS)
    half.quantize(64).save(sys.argv[2], optimize=True)
"""
pytestmark = pytest.mark.timeout(3600)


@dataclass
class Served:
    """A Superset with the dashboard in it: its address, its program for pictures, and the file that it reads."""

    url: str
    python: Path
    published: Path
    folder: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Simulate a company, publish it twice (the second file has the sends), import the dashboard, serve it."""
    folder = tmp_path_factory.mktemp("dashboard")
    company = folder / "demo"
    ran("-m", "demo.generate", "--people", PEOPLE, "--out", company)
    for command in ("run", "publish"):
        ran("-m", "cli.main", command, "--config", company / "cdp.yml")
    published = company / "warehouse" / "marts.duckdb"
    (folder / "cdp.zip").write_bytes(pack(published))
    program = clients.superset()
    (folder / "superset_config.py").write_text(CONFIG.format(folder=folder))
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"), "SUPERSET_HOME": str(folder), "FLASK_APP": "superset",
    }  # fmt: skip
    who = [
        "--username",
        "admin",
        "--firstname",
        "a",
        "--lastname",
        "b",
        "--email",
        "a@b.example",
        "--password",
        "x",
    ]
    for words in (
        ["db", "upgrade"], ["fab", "create-admin", *who], ["init"],
        ["import-dashboards", "--path", str(folder / "cdp.zip"), "--username", "admin"],
    ):  # fmt: skip
        done = subprocess.run([str(program), *words], env=env, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "served.log").open("w") as log:
        server = subprocess.Popen(
            [str(program), "run", "--port", str(port)], env=env, cwd=folder, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/health", server)
        yield Served(url, program.with_name("python"), published, folder)
    finally:
        server.terminate()
        server.wait()


def ran(*words: object) -> None:
    """A command of this project."""
    subprocess.run([sys.executable, *map(str, words)], cwd=PROJECT, check=True, capture_output=True)


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Until somebody answers."""
    for _ in range(240):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail("Superset did not start within two minutes")


def browse(served: Served, *more: str) -> str:
    """Open the dashboard; what the browser prints."""
    assert CHROMIUM is not None, "the proof needs Chromium: apt-get install chromium"
    words = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1400,2640",
    ]
    words += [f"--user-data-dir={served.folder / 'chromium'}", "--virtual-time-budget=60000", *more]
    page = f"{served.url}/superset/dashboard/{SLUG}/?standalone=1"
    return subprocess.run(
        [CHROMIUM, *words, page], check=True, capture_output=True, text=True, timeout=300
    ).stdout


def test_the_dashboard_opens_with_every_chart_filled(served: Served) -> None:
    """Each title is there, each drawing is drawn, and the numbers and rows are those of the published file."""
    page = unescape(re.sub(r"<style.*?</style>", "", browse(served, "--dump-dom"), flags=re.DOTALL))
    drawn = [chart for chart in CHARTS if "timeseries" in chart.kind]
    with duckdb.connect(str(served.published), read_only=True) as con:
        numbers = con.execute(
            f"select sum(customers) from ({CHURN.sql}) union all select sum(cases) from ({CASES.sql})"
        ).fetchall()
        names = con.execute(
            f"select sync from ({EXPORTS.sql}) union select source from ({FRESHNESS.sql})"
        ).fetchall()

    assert [chart.title for chart in CHARTS if chart.title not in page] == []
    assert page.count("<canvas") == len(drawn)
    assert re.findall(r"(?i)no results were returned|unexpected error|ant-alert-error|timed out", page) == []
    assert [number for (number,) in numbers if f">{int(number):,}<" not in page] == []
    assert [name for (name,) in names if f">{name}<" not in page] == []


def test_no_request_of_a_chart_failed_and_nobody_wrote(served: Served) -> None:
    """What the server was asked, by its own log; and a tool that only reads leaves nothing beside the file."""
    log = (served.folder / "served.log").read_text()
    asked = re.findall(r'"POST /api/v1/chart/data.* HTTP/1\.1" (\d+)', re.sub(r"\x1b\[\d+m", "", log))

    assert len(asked) >= len(CHARTS)
    assert set(asked) == {"200"}
    assert sorted(path.name for path in served.published.parent.iterdir()) == [
        "analysts.duckdb", "cdp.duckdb", "marts.duckdb",
    ]  # fmt: skip


def test_a_new_publish_is_seen_without_a_restart(served: Served) -> None:
    """Superset opens a connection per query: the publish before shows once there is a file that knows of its end."""
    before = browse(served, "--dump-dom")
    ran("-m", "cli.main", "publish", "--config", served.published.parent.parent / "cdp.yml")
    after = browse(served, "--dump-dom")

    assert (before.count(">publish<"), after.count(">publish<")) == (0, 1)


def test_the_picture_in_the_docs_is_of_this_dashboard(served: Served) -> None:
    """Taken anew at every proof."""
    whole = served.folder / "whole.png"
    browse(served, f"--screenshot={whole}")
    subprocess.run([str(served.python), "-c", SMALLER, str(whole), str(PICTURE)], check=True)

    assert 50_000 < PICTURE.stat().st_size < LARGEST_PICTURE
