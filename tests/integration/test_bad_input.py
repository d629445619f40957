"""Bad input at the level of the command: what is said, how it ends, that nothing is lost or half published.

One small company is run and published once; each test spoils a copy of it. The counts of `ops.load_counts`
are compared with what lies in the drop folders, and the published file byte by byte with what it was.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.companies import BELOW_MARTS, TestCompany
from tests.ops_company import PROJECT, first_line, python

CONFIG = """\
clock: {as_of: 2026-06-30T00:00:00Z}
identity: {salt: test}
quality: {max_quarantine: 0.2}
sources:
  - name: crm
    connector: files
    tables:
      - {name: contacts, entity: contact, path: "data/contacts*.csv", key: [id], columns: {email: email, birth_date: born}}
  - name: web
    connector: segment
    path: spool/*.jsonl
"""
EVENT = (
    '{{"messageId": "m{0}", "type": "page", "anonymousId": "a{0}", "timestamp": "2026-06-01T10:00:00Z"}}\n'
)
HOLD = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""
# The disk is full after that many bytes of any one file.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["cdp", *sys.argv[2:]]
from cli.main import main
main()
"""


@dataclass
class Folder:
    """A published company, and what its published file was."""

    root: Path
    published: bytes

    def cdp(self, *arguments: str, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        """Run the command on the company."""
        command = [*prefix, sys.executable, "-m", "tests.quick_cdp", *arguments]
        return subprocess.run(
            [*command, "--config", str(self.root / "cdp.yml")],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

    def refused(self, done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
        """The exit code, what, where, why and next on stderr; no traceback; readers have what they had."""
        assert done.returncode == code, done.stderr
        for word in words:
            assert word in done.stderr
        assert "hint: " in done.stderr or "problem: " in done.stderr
        assert "Traceback" not in done.stderr
        assert "person" not in done.stderr, "an address on stderr"
        assert (self.root / "warehouse" / "marts.duckdb").read_bytes() == self.published

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the private warehouse."""
        with duckdb.connect(str(self.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def add(self, name: str, data: str | bytes) -> None:
        """A new delivery."""
        (self.root / name).write_bytes(data.encode() if isinstance(data, str) else data)

    def edit(self, old: str, new: str) -> None:
        """Change cdp.yml."""
        path = self.root / "cdp.yml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company after its first run."""
    root = tmp_path_factory.mktemp("bad") / "company"
    (root / "data").mkdir(parents=True)
    (root / "spool").mkdir()
    folder = Folder(root, b"")
    folder.add("cdp.yml", CONFIG)
    folder.add(
        "data/contacts1.csv",
        "id,email,born\n" + "".join(f"{n},person{n}@x.org,1990-01-01\n" for n in range(9)),
    )
    folder.add("spool/day1.jsonl", "".join(EVENT.format(n) for n in range(5)))
    done = folder.cdp("run")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def company(published: Path) -> Iterator[Folder]:
    """To be spoiled, and put back as it was, in its place: elsewhere dbt would read the whole project again."""
    kept = published.with_name("kept")
    if not kept.exists():
        shutil.copytree(published, kept, symlinks=True)
    yield Folder(published, (published / "warehouse" / "marts.duckdb").read_bytes())
    left = list(published.rglob("*.tmp"))
    shutil.rmtree(published)
    shutil.copytree(kept, published, symlinks=True)
    assert not left, "a half written file was left"


def test_a_missing_file_stops_its_source_only(company: Folder) -> None:
    """The other source goes on: partial."""
    company.edit(
        "sources:\n",
        "sources:\n  - name: shop\n    connector: files\n    tables:\n"
        "      - {name: orders, entity: contact, path: data/shop/*.csv, columns: {email: email}}\n",
    )
    company.add("spool/day2.jsonl", EVENT.format(9))
    done = company.cdp("load")
    company.refused(done, 4, "shop.orders: no file matches data/shop/*.csv")
    assert company.query("select count(*) from raw_web.events") == [(6,)]


def test_an_empty_and_a_cut_file_are_refused_and_read_when_whole(company: Folder) -> None:
    """Neither is remembered as read."""
    company.add("data/contacts2.csv", "")
    company.add("data/contacts3.csv.gz", b"\x1f\x8b\x08\x00")
    company.edit("contacts*.csv", "contacts*")
    done = company.cdp("load")
    company.refused(
        done, 4, "data/contacts2.csv: the file is empty", "data/contacts3.csv.gz: cannot be read as csv"
    )
    company.add("data/contacts2.csv", "id,email,born\n20,person20@x.org,\n")
    (company.root / "data" / "contacts3.csv.gz").unlink()
    assert company.cdp("load").returncode == 0
    assert company.query("select count(*) from raw_crm.contacts") == [(10,)]


def test_a_wrong_column_in_the_mapping(company: Folder) -> None:
    """Exit 2: the columns the file has are listed."""
    company.edit("email: email", "email: Mail")
    company.add("data/contacts2.csv", "id,email,born\n20,person20@x.org,\n")
    company.refused(
        company.cdp("run"),
        2,
        "crm.contacts: data/contacts2.csv has no column `Mail`; it has `born`, `email`, `id`",
    )
    assert company.query("select count(*) from raw_crm.contacts") == [(9,)]


def test_an_unknown_destination(company: Folder) -> None:
    """Exit 2 before anything is touched."""
    syncs = company.root / "models" / "syncs"
    syncs.mkdir(parents=True)
    (syncs / "sync_x.sql").write_text("select 1 as customer_id")
    (syncs / "x.yml").write_text(
        "exposures:\n  - name: x\n    type: application\n    owner: {name: a, email: a@b.c}\n"
        "    depends_on: [ref('sync_x')]\n"
        "    config: {meta: {sync: {destination: nowhere, key: customer_id, purpose: mail}}}\n"
    )
    before = company.query("select count(*) from ops.runs")
    company.refused(company.cdp("run"), 2, "nowhere")
    assert company.query("select count(*) from ops.runs") == before


def test_a_locked_warehouse(company: Folder) -> None:
    """Another program writes in the warehouse: busy, with its process."""
    holder = python(HOLD, company.root / "warehouse" / "cdp.duckdb")
    try:
        assert first_line(holder) == "held"
        company.refused(company.cdp("run"), 5, f"is in use by process {holder.pid}")
    finally:
        holder.communicate("go\n")


def test_a_read_only_folder(company: Folder) -> None:
    """A folder mounted read-only, which also root cannot write."""
    mount = (
        f'mount --bind {company.root} {company.root} && mount -o remount,ro,bind {company.root} && exec "$@"'
    )
    company.add("data/contacts2.csv", "id,email,born\n20,person20@x.org,\n")
    done = company.cdp("run", prefix=("unshare", "-rm", "sh", "-c", mount, "sh"))
    company.refused(done, 1, "read-only", str(company.root))
    assert company.query("select count(*) from raw_crm.contacts") == [(9,)]


def test_a_full_disk_loses_nothing(company: Folder) -> None:
    """The load stops; with space again the next one brings every row once."""
    rows = "".join(f"{n},person{n}@x.org,{os.urandom(20).hex()}\n" for n in range(100, 60_100))
    company.add("data/contacts2.csv", "id,email,born\n" + rows)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "3000000", "load", "--config", str(company.root / "cdp.yml")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    company.refused(done, 1 if done.returncode == 1 else 4)
    assert "space" in done.stderr or "too large" in done.stderr.lower()
    assert company.cdp("load").returncode == 0
    assert company.query("select count(*), count(distinct id) from raw_crm.contacts") == [(60_009, 60_009)]


def test_too_many_bad_rows_block_the_run(company: Folder) -> None:
    """Exit 3: over the limit nothing is published; the rows stand in quarantine with file, line and reason."""
    company.add(
        "data/contacts2.csv",
        "id,email,born\n20,person20@x.org,31/12/1990\n,person21@x.org,\n22\n23,person23@x.org,\n",
    )
    company.refused(company.cdp("run"), 3, "blocked by", "quarantine")
    assert company.query("select position, reason from quarantine.rows order by position") == [
        (2, "unreadable date in birth_date"),
        (3, "no key: id is empty"),
        (4, "broken csv line: missing columns"),
    ]
    assert company.query(
        "select received, loaded, duplicates, quarantined from ops.load_counts where table_name = 'contacts' order by load_seq"
    ) == [(9, 9, 0, 0), (4, 1, 0, 3)]


def test_what_changes_in_a_delivery_is_said(company: Folder) -> None:
    """A new column stands in raw and on stderr, and in --json with what was received; twins get two columns; a word where
    a date stood is one row's quarantine, and the column stays what it was.
    """
    company.add(
        "data/contacts2.csv", "born,Email,email,id,shoe\n1990-01-01,twin,person20@x.org,20,42\nsoon,,,21,\n"
    )
    done = company.cdp("load", "--json")
    assert done.returncode == 0, done.stderr
    assert (
        "new columns, kept in raw, to be mapped in cdp.yml: crm.contacts: `Email__2`, `shoe`" in done.stderr
    )
    (crm,) = (one for one in json.loads(done.stdout)["stages"]["load"] if one["source"] == "crm")
    assert (crm["files"], crm["received"]) == (1, {"contacts": 2})
    assert crm["new_columns"] == {"contacts": ["Email__2", "shoe"]}
    assert "\x1b" not in done.stderr, "no moving lines in a log"
    assert company.cdp("build").returncode == 0
    assert company.query(
        "select id, email, Email__2, shoe from raw_crm.contacts where _cdp_load_seq = 2 order by 1"
    ) == [
        ("20", "person20@x.org", "twin", "42"),
        ("21", None, None, None),
    ]
    assert company.query("select position, reason from quarantine.rows") == [
        (3, "unreadable date in birth_date")
    ]
    company.add("data/contacts3.csv", "EMAIL,id,born\nperson22@x.org,22,\n")
    again = company.cdp("load")
    assert again.returncode == 0, again.stderr
    assert company.query("select email, shoe from raw_crm.contacts where id = '22'") == [
        ("person22@x.org", None)
    ]
    assert "new columns" not in again.stderr


def test_bad_rows_are_kept_counted_and_explained(tmp_path: Path) -> None:
    """Broken JSON, an unparseable date, a score out of scale, a duplicate key, amounts nobody can sum."""
    survey = {
        "name": "answers",
        "entity": "response",
        "path": "data/answers.jsonl",
        "key": ["id"],
        "columns": {"responded_at": "at"},
        "questions": {"nps": "q"},
    }
    orders = {
        "name": "orders",
        "entity": "order",
        "path": "data/orders.csv",
        "key": ["{{ no }}"],
        "columns": {"order_id": "{{ no }}", "ordered_at": "at", "gross_amount": "amount"},
    }
    company = TestCompany(
        tmp_path,
        [{"name": "s", "connector": "files", "tables": [survey, orders]}],
        {"cx": {"questions": {"nps": {"metric": "nps", "scale": [0, 10]}}}},
        select=BELOW_MARTS,
    )
    company.jsonl(
        "data/answers.jsonl",
        {"id": 1, "q": 9, "at": "2026-01-01"},
        {"id": 2, "q": 11, "at": "2026-01-01"},
        '{"id": 3, "q": ',
        {"id": 4, "q": 5, "at": "31/12/2025"},
        {"id": 1, "q": 9, "at": "2026-01-01"},
        {"id": 1, "q": 8, "at": "2026-01-01"},
    )
    bad = (
        "infinity,5",
        "294246-01-01,5",
        "31/12/2025,5",
        "2026-01-01,nan",
        "2026-01-01,9999999999999999",
        '2026-01-01,"1,234"',
    )
    company.csv(
        "data/orders.csv",
        "{{ no }},at,amount",
        "1,2026-01-01,-5.50",
        *(f"{n},{row}" for n, row in enumerate(bad, start=2)),
    )
    company.load_and_build()
    assert company.rows(
        "select table_name, received, loaded, duplicates, quarantined from ops.load_counts order by 1"
    ) == [("answers", 6, 3, 1, 2), ("orders", 7, 1, 0, 6)]
    assert company.rows("select source_table, position, reason from quarantine.rows order by all") == [
        ("answers", 3, "broken JSON"),
        ("answers", 4, "unreadable timestamp in responded_at"),
        ("orders", 3, "unreadable timestamp in ordered_at"),
        ("orders", 4, "unreadable timestamp in ordered_at"),
        ("orders", 5, "unreadable timestamp in ordered_at"),
        ("orders", 6, "unreadable money in gross_amount"),
        ("orders", 7, "unreadable money in gross_amount"),
        (
            "orders",
            8,
            "ambiguous money in gross_amount: one sign before three digits; declare `decimal` for the source",
        ),
    ]
    assert company.rows("select raw, reason from quarantine.answers") == [("11", "outside the scale")]
    # all three keys of the survey rows: none of them is lost by its neighbour
    assert company.rows(
        "select record_key, score from staging.stg_answers join staging.stg_responses using (record_id) order by 1"
    ) == [
        ("1", 8),
        ("2", None),
    ]
