"""Mutated csv, JSON lines, API answers and cdp.yml: no traceback, an honest exit code, every row accounted for.

A trial damages a delivery of each of three sources and loads them in a process forked from a warm one. What is refused is
refused in words and leaves nothing behind; what is taken is counted by the reader, and after one build over all of them every
received row is loaded, a duplicate, or quarantined. Lines and records are counted a second time here, by Python. 500 with
`CDP_PROOF=1`.
"""

import csv
import io
import json
import os
import random
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.faults.forking import Trial, forking
from tests.faults.mutations import mutated

SEED = 20260630
# Of each: csv, JSON lines, answers, cdp.yml.
EACH = 125 if os.environ.get("CDP_PROOF") else 25
CSV = "id,email,born,note\n" + "".join(
    f'{n},person{n}@mail.example,19{n + 10}-02-0{n % 9 + 1},"said ""no"", twice"\n' for n in range(40)
)
EVENTS = "".join(
    json.dumps({
        "messageId": f"m{n}", "type": "track", "event": "Seen", "anonymousId": f"a{n}",
        "timestamp": "2026-06-01T10:00:00Z", "properties": {"price": n + 0.5, "tags": ["a", None]},
    }) + "\n" for n in range(40)
)  # fmt: skip
ANSWER = json.dumps(
    {"items": [{"id": n, "at": "2026-03-01T10:00:00Z", "total": n + 0.5, "note": "né"} for n in range(40)]}
)
CONFIG = """\
clock: {as_of: 2026-06-30T00:00:00Z}
identity: {salt: test}
reporting: {timezone: Asia/Ho_Chi_Minh, currency: VND}
sources:
  - name: crm
    connector: files
    tables:
      - name: contacts
        entity: contact
        path: data/contacts*.csv
        key: [id]
        columns: {email: email, birth_date: born}
  - name: web
    connector: segment
    path: spool/*.jsonl
  - name: shop
    connector: rest
    base_url: URL
    tables:
      - name: orders
        entity: order
        key: [id]
        endpoint: {path: orders, data_selector: items, paginator: single_page}
        columns: {order_id: id, ordered_at: at, gross_amount: total}
quality: {max_quarantine: 1}
"""


class Answers:
    """An API whose one answer is `body`, whatever is asked."""

    def __init__(self) -> None:
        self.body = ANSWER.encode()
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answers.body)))
                self.end_headers()
                self.wfile.write(answers.body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """A process that forks trials."""
    with forking() as run:
        yield run


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    """The API, running."""
    found = Answers()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def make(folder: Path, url: str) -> Path:
    """The company with a good delivery of everything."""
    (folder / "data").mkdir(parents=True)
    (folder / "spool").mkdir()
    (folder / "cdp.yml").write_text(CONFIG.replace("URL", url), encoding="utf-8")
    (folder / "data" / "contacts.csv").write_text(CSV, encoding="utf-8")
    (folder / "spool" / "events.jsonl").write_text(EVENTS, encoding="utf-8")
    return folder


def said(folder: Path) -> str:
    """What the last trials wrote, and a clean page for the next."""
    log = folder.parent / f"{folder.name}.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    log.unlink(missing_ok=True)
    return text


def query(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask the private warehouse."""
    with duckdb.connect(str(folder / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def received(folder: Path, source: str) -> dict[str, int]:
    """Rows received per file of a source, as the reader counted them."""
    rows = query(folder, f"select file, sum(received) from raw_{source}._cdp_files group by file")
    return {str(file): int(str(count)) for file, count in rows}


def test_mutated_deliveries_are_taken_or_refused_in_words(
    trial: Trial, answers: Answers, tmp_path: Path
) -> None:
    """Each trial: exit 0 when nothing was refused, 4 (1: all of them) with the file and reason when something was."""
    company = make(tmp_path / "company", answers.url)
    assert trial(company, command="load")["code"] == 0, said(company)
    chance = random.Random(SEED)
    taken = refused = 0
    for number in range(EACH):
        files = {
            "crm": company / "data" / f"contacts-{number}.csv",
            "web": company / "spool" / f"events-{number}.jsonl",
        }
        files["crm"].write_bytes(mutated(chance, CSV.encode()))
        files["web"].write_bytes(mutated(chance, EVENTS.encode()))
        answers.body = mutated(chance, ANSWER.encode())
        damage = f"seed {SEED}, trial {number}"
        ended = trial(company, command="load")
        text = said(company)
        assert "Traceback" not in text, f"{damage}: {text}"
        assert "person" not in text, f"{damage}: an address on stderr: {text}"
        failed = [name for name in ("crm", "web", "shop") if f"source {name}: " in text]
        # When all are refused the run failed; its message names the files instead.
        assert ended["code"] == (4 if failed else 0) or (ended["code"] == 1 and "no source" in text), (
            f"{damage}: {ended} {text}"
        )
        for source, path in files.items():
            label = str(path.relative_to(company))
            if label in received(company, source):
                taken += 1
                assert source not in failed
                if source == "web":
                    lines = [
                        line for line in path.read_bytes().split(b"\n") if line.strip(b" \t\r\n\x0b\x0c")
                    ]
                    assert received(company, source)[label] == len(lines), damage
            else:
                refused += 1
                assert source in failed or ended["code"] == 1, f"{damage}: {label} left no trace: {text}"
                assert label in text, f"{damage}: {text}"
                path.unlink()
    assert taken > EACH, "hardly any damaged file is refused: their good rows count"
    assert_all_accounted_for(trial, company)
    print(f"{taken} damaged files taken, {refused} refused")


def lines_of(path: Path) -> int:
    """Lines that are not blank: each is an event or a broken one."""
    return sum(1 for line in path.read_bytes().split(b"\n") if line.strip(b" \t\r\n\x0b\x0c"))


def records_of(path: Path) -> int | None:
    """Records below the header, where Python's strict reader has no doubt about them."""
    data = path.read_bytes()
    if b"\r" in data or b"\0" in data:
        return None
    try:
        return (
            sum(1 for record in csv.reader(io.StringIO(data.decode(), newline=""), strict=True) if record) - 1
        )
    except (UnicodeDecodeError, csv.Error):
        return None


def assert_all_accounted_for(trial: Trial, company: Path) -> None:
    """After a build every row the readers counted has one status, in every load."""
    assert trial(company, command="build")["code"] == 0, said(company)
    counts = query(
        company,
        "select source, load_seq, sum(received), sum(loaded + duplicates + quarantined + suppressed), sum(quarantined)"
        " from ops.load_counts group by all",
    )
    wrong = [row for row in counts if row[2] != row[3]]
    assert not wrong
    assert sum(int(str(row[4])) for row in counts) > 0, "damage that quarantines nothing is no damage"
    for source in ("crm", "web", "shop"):
        counted = sum(received(company, source).values())
        assert counted == sum(int(str(row[2])) for row in counts if row[0] == source)


def test_a_mutated_configuration_is_read_or_refused_with_its_place(
    trial: Trial, answers: Answers, tmp_path: Path
) -> None:
    """Exit 2 and nothing done, or a valid file; a valid one loads or says why not."""
    answers.body = ANSWER.encode()
    company = make(tmp_path / "company", answers.url)
    good = (company / "cdp.yml").read_bytes()
    chance = random.Random(SEED + 1)
    codes: dict[int, int] = {}
    for number in range(EACH):
        (company / "cdp.yml").write_bytes(mutated(chance, good))
        ended = trial(company, command="validate-config")
        text = said(company)
        damage = f"seed {SEED + 1}, trial {number}: {text}"
        assert ended["code"] in (0, 2), damage
        assert "Traceback" not in text, damage
        codes[ended["code"]] = codes.get(ended["code"], 0) + 1
        if ended["code"] == 2:
            assert "cdp.yml" in text, damage
            assert not (company / "warehouse").exists()
        elif stays_inside(company):
            loaded = trial(company, command="load")
            text = said(company)
            assert loaded["code"] in (0, 1, 2, 4), damage + text
            assert "Traceback" not in text, damage + text
            for name in ("warehouse", ".cdp"):
                shutil.rmtree(company / name, ignore_errors=True)
    assert set(codes) == {0, 2}, "some damage is harmless, most is not"


def stays_inside(company: Path) -> bool:
    """No damaged path may lead a test out of its folder."""
    text = yaml.safe_load((company / "cdp.yml").read_bytes())
    return "warehouse" not in text and not any(
        str(table.get("path", "")).startswith(("/", "..")) or "**" in str(table.get("path", ""))
        for source in text["sources"]
        for table in [source, *source.get("tables", [])]
    )
