"""SIGKILL in the middle of exports: the destination ends as the model, nothing is lost or doubled.

Small by default; `CDP_PROOF=1` runs the full number of kills on the full number of rows.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from tests.exports_fake import (
    CHILD_BATCH,
    FILE_SYNC,
    HOOK_SYNC,
    Recorder,
    add_people,
    create_tables,
    csv_file,
    hook,
    recorder,
    run,
)

PROOF = os.environ.get("CDP_PROOF") == "1"
HOOK_KILLS = 200 if PROOF else 20
FILE_KILLS = 60 if PROOF else 8
PEOPLE = 10_000 if PROOF else 600
SEED = 20260701
# most often where the destination knows more than the ledger
POINTS = ("export.pending", "export.sent", "export.sent", "export.sent", "export.acked")


def start(warehouse: Path, target: str, run_id: str, fail_at: str | None) -> subprocess.Popen[str]:
    """A child that is about to send."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CDP_FAIL")}
    if fail_at:
        environment["CDP_FAIL_AT"] = fail_at
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from tests.exports_fake import child; child()",
            str(warehouse),
            target,
            run_id,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed_run(
    dice: random.Random,
    warehouse: Path,
    target: str,
    trial: int,
    batches: int,
    seconds: float,
    *,
    at_point: bool,
) -> bool:
    """Run once and kill it, at a fail point or at a random moment; whether it was killed and not done before."""
    fail_at = f"{dice.choice(POINTS)}:{dice.randint(1, batches)}" if at_point else None
    process = start(warehouse, target, f"r{trial}", fail_at)
    if not at_point:
        time.sleep(dice.uniform(0, seconds))
        process.kill()
    process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


def new_warehouse(path: Path) -> None:
    """A warehouse file whose people have all agreed."""
    with duckdb.connect(str(path)) as con:
        create_tables(con)
        add_people(con, 0, PEOPLE)


def move_on(warehouse: Path, dice: random.Random, trial: int) -> None:
    """What a day brings: most rows change, some people withdraw, some of those agree again."""
    with duckdb.connect(str(warehouse)) as con:
        lot, other = dice.randint(0, 4), dice.randint(0, 96)
        con.execute(
            "update activation.sync_hook_people set first_name = $1 where hash(email) % 5 <> $2",
            [f"v{trial}", lot],
        )
        con.execute("update marts.consents set state = 'granted'")
        con.execute(
            "update marts.consents set state = 'withdrawn' where hash(contact_point) % 97 = $1", [other]
        )


def lawful_rows(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the destination should hold, told without the exports."""
    rows = con.execute(
        """
        select people.customer_id, to_json(people)
        from activation.sync_hook_people as people
        inner join marts.consents as consents using (customer_id)
        where consents.state = 'granted'
        """
    ).fetchall()
    return {key: json.loads(row) for key, row in rows}


def repeated(receiver: Recorder) -> int:
    """Operations that arrived more than once; fails when a repetition came under another key or content."""
    by_key: dict[str, set[str]] = defaultdict(set)
    history: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for operation in receiver.operations:
        content = json.dumps([operation["operation"], operation.get("row")], sort_keys=True)
        by_key[operation["idempotency_key"]].add(content)
        history[operation["key"]].append((operation["idempotency_key"], content))
    assert all(len(contents) == 1 for contents in by_key.values()), "one idempotency key, two contents"
    for told in history.values():
        for (key, content), (next_key, next_content) in pairwise(told):
            assert content != next_content or key == next_key, "the same row again, under a new key"
    return len(receiver.operations) - len(by_key)


def test_kills_while_sending_over_http(tmp_path: Path) -> None:
    """Whatever the moment: final state = model, each run repeats at most one batch of those before, under the same keys."""
    warehouse, dice = tmp_path / "cdp.duckdb", random.Random(SEED)
    new_warehouse(warehouse)
    kills, batches, heard, known, killed = 0, PEOPLE // CHILD_BATCH, 0, set[str](), True
    with recorder() as receiver:
        for trial in range(HOOK_KILLS * 4):
            if kills == HOOK_KILLS:
                break
            # every fifth dies at a point where the destination may know more than the ledger, beside the count
            at_point = trial % 5 == 4
            # mostly nothing has changed since the last kill: what was left is sent, under its old keys. A run that ended has left
            # nothing to interrupt, and a point may only come with much to do
            if not killed or at_point or dice.random() < 0.4:
                move_on(warehouse, dice, trial)
            killed = killed_run(
                dice, warehouse, receiver.url, trial, batches, 0.3 + 0.02 * batches, at_point=at_point
            )
            kills += killed and not at_point
            told = [one for request in receiver.requests[heard:] for one in request.operations]
            heard = len(receiver.requests)
            resent = sum(one["idempotency_key"] in known for one in told)
            assert resent <= CHILD_BATCH, f"run {trial} repeated {resent} operations of the runs before"
            known |= {one["idempotency_key"] for one in told}
        with duckdb.connect(str(warehouse)) as con:
            final = run(con, hook(receiver.url, batch_size=CHILD_BATCH), HOOK_SYNC, run_id="last")
            wanted = lawful_rows(con)
            again = repeated(receiver)
            sent = len(receiver.operations)
            receiver.forget()
            quiet = run(con, hook(receiver.url), HOOK_SYNC, run_id="quiet")
            open_rows = con.execute(
                "select count(*) from exports.ledger where state not in ('acked', 'removed')"
            ).fetchall()

    assert kills == HOOK_KILLS
    assert final.exit_code == 0
    assert receiver.rows == wanted
    assert again > 0, "no kill fell between request and answer: these kills prove nothing"
    assert again <= trial * CHILD_BATCH, f"{again} of {sent} operations were repeated in {trial} runs"
    assert (quiet.exit_code, receiver.requests, open_rows) == (0, [], [(0,)])


def versions(path: Path) -> tuple[int, set[str]]:
    """Rows of the file, and the versions among them."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return len(rows), {row["first_name"] for row in rows}


def test_kills_while_writing_a_file(tmp_path: Path) -> None:
    """A reader finds the old set or the new one, whole; the last run leaves no temporary file behind."""
    warehouse, target, dice = tmp_path / "cdp.duckdb", tmp_path / "out" / "people.csv", random.Random(SEED)
    new_warehouse(warehouse)
    kills = 0
    for trial in range(FILE_KILLS * 4):
        if kills == FILE_KILLS:
            break
        with duckdb.connect(str(warehouse)) as con:
            con.execute("update activation.sync_hook_people set first_name = $1", [f"v{trial}"])
        kills += killed_run(dice, warehouse, str(target), trial, 1, 0.3, at_point=trial % 2 == 1)
        if target.exists():
            count, seen = versions(target)
            assert (count, len(seen)) == (PEOPLE, 1), "a file of two versions, or a part of one"
    with duckdb.connect(str(warehouse)) as con:
        final = run(con, csv_file(target), FILE_SYNC, run_id="last")
        wanted = {row["customer_id"]: row["email"] for row in lawful_rows(con).values()}
        deliveries = con.execute(
            "select count(*) from exports.deliveries where status = 'pending'"
        ).fetchall()
        before = target.stat()
        quiet = run(con, csv_file(target), FILE_SYNC, run_id="quiet")
    with target.open(newline="", encoding="utf-8") as stream:
        written = {row["customer_id"]: row["email"] for row in csv.DictReader(stream)}

    assert kills == FILE_KILLS
    assert (final.exit_code, written, deliveries) == (0, wanted, [(0,)])
    assert (quiet.syncs[0].status, target.stat().st_ino) == ("unchanged", before.st_ino)
    assert sorted(path.name for path in target.parent.iterdir()) == ["people.csv", "people.csv.manifest.json"]
