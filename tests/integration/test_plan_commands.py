"""`cdp plan`, `apply`, `export` and `why` as people call them, over a company that is built by dbt."""

import csv
import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest

from cli.main import main
from tests.companies import BELOW_MARTS, TestCompany

SOURCES = [
    {
        "name": "crm",
        "connector": "files",
        "tables": [
            {
                "name": "contacts", "entity": "contact", "path": "data/contacts*.csv", "key": ["id"], "updated_at": "changed",
                "columns": {"email": "email", "first_name": "first", "last_name": "last"},
            },
            {
                "name": "consents", "entity": "consent", "path": "data/consents*.csv", "key": ["id"],
                "columns": {"email": "email", "channel": "channel", "purpose": "purpose", "state": "state", "occurred_at": "at"},
            },
        ],
    }
]  # fmt: skip
SETTINGS = {
    "purposes": {"news": {"basis": "consent", "channel": "email"}},
    "destinations": {"list": {"type": "file", "path": "out/vip.csv"}},
    "audiences": {"vip": {"max_members": 6}},
}
AUDIENCE = (
    "select customer_id, 'is a Vip' as reason from {{ ref('golden_records') }} where last_name = 'Vip'\n"
)
SYNC = """-- Grain: one row per member.
select members.customer_id, golden.email, golden.first_name, members.reason
from {{ ref('vip') }} as members
inner join {{ ref('golden_records') }} as golden on members.customer_id = golden.customer_id
"""
EXPOSURE = """exposures:
  - name: vip_to_list
    type: application
    owner: {name: test, email: t@x.io}
    depends_on: ["ref('sync_list_vip')"]
    config: {meta: {sync: {destination: list, key: customer_id, purpose: news, contact_point: email, audience: vip,
      columns: [email, first_name]}}}
"""
CONTACTS, CONSENTS = "id,email,first,last,changed", "id,email,channel,purpose,state,at"


@dataclass
class Said:
    """What a command answered."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass
class Desk:
    """Somebody at the command line of one company."""

    company: TestCompany

    def cdp(self, *arguments: str) -> Said:
        """One command, from its words to its exit code; in this process, for dbt takes seconds to import."""
        words = ["cdp", *arguments, "--config", str(self.company.root / "cdp.yml")]
        out, err, code = io.StringIO(), io.StringIO(), 0
        mask = os.umask(0o077)
        try:
            with patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.umask(mask)
        return Said(code, out.getvalue(), err.getvalue())

    def plan(self) -> Path:
        """A plan file."""
        path = self.company.root / "plan.json"
        self.cdp("plan", "--out", str(path))
        return path

    def sent(self) -> dict[str, str]:
        """Who is in the file, by address; empty without one."""
        path = self.company.root / "out" / "vip.csv"
        if not path.is_file():
            return {}
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["email"]: row["first_name"] for row in csv.DictReader(stream)}

    def sql(self, statement: str) -> None:
        """Something has changed in the warehouse."""
        with duckdb.connect(str(self.company.company.warehouse)) as con:
            con.execute(statement)

    def checked(self) -> None:
        """Say that the gate has seen the last build; it has tests of its own."""
        self.sql(
            """
            insert into ops.quality_results by name
            select
                run_id, 'all' as check_name, 'all' as table_name, 'critical' as severity, true as passed,
                now() as checked_at
            from ops.build_state
            """
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """Seven people: five Vips, of whom one never agreed and one has denied."""
    made = TestCompany(
        tmp_path_factory.mktemp("plan") / "co",
        SOURCES,
        SETTINGS,
        select=(
            *BELOW_MARTS,
            "+sync_list_vip",
            "+audience_history",
            "+audience_guards",
            "+audience_members",
            "+consents",
            "+suppressions",
            "+send_holds",
        ),
    )
    made.model("audiences/vip.sql", AUDIENCE)
    made.model("syncs/sync_list_vip.sql", SYNC)
    made.model("syncs/_syncs.yml", EXPOSURE)
    made.csv(
        "data/contacts1.csv",
        CONTACTS,
        *(f"k{n},p{n}@x.io,Name{n},{'Vip' if n < 5 else 'Other'},2026-01-0{n + 1}" for n in range(7)),
    )
    granted = [f"g{n},p{n}@x.io,email,news,granted,2026-02-01" for n in range(3)]
    made.csv("data/consents1.csv", CONSENTS, *granted, "d4,p4@x.io,email,news,denied,2026-02-01")
    made.load_and_build()
    return made


@pytest.fixture
def desk(built: TestCompany, tmp_path: Path) -> Desk:
    """A copy of the company, checked."""
    shutil.copytree(built.root, tmp_path / "co", symlinks=True)
    copy = TestCompany(tmp_path / "co", SOURCES, dict(SETTINGS), runs=built.runs, select=built.select)
    there = Desk(copy)
    there.checked()
    return there


def test_a_plan_is_shown_written_and_applied_once(desk: Desk) -> None:
    """The same plan three times: for people, as a file without anybody in it, and sent; it is no plan any more after that."""
    shown = desk.cdp("plan")
    path = desk.plan()
    written = path.read_text(encoding="utf-8")
    before = desk.sent()
    applied = desk.cdp("apply", str(path))
    sent = desk.sent()
    again = desk.cdp("apply", str(path))
    nothing = desk.cdp("plan")

    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.splitlines()[:3] == [
        "vip_to_list -> list (mirror, news): 3 added; 1 requests",
        "  excluded 1 denied, 1 no consent",
        "  added    email p***@***, first_name N***",
    ]
    assert "x.io" not in shown.stdout + shown.stderr + written
    assert "Name" not in written
    assert json.loads(written)["syncs"][0]["due"] == 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert before == {}
    assert applied.exit_code == 0, applied.stderr
    assert sent == {f"p{n}@x.io": f"Name{n}" for n in range(3)}
    assert (again.exit_code, desk.sent()) == (3, sent)
    assert "since the plan was made, this has moved: sync `vip_to_list`: data" in again.stderr
    assert nothing.stdout.splitlines()[0] == "vip_to_list -> list (mirror, news): 3 unchanged; 0 requests"


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("update activation.sync_list_vip set first_name = 'Renamed' where email = 'p1@x.io'", "data"),
        ("update marts.consents set state = 'objected' where contact_point = 'p4@x.io'", "consents"),
    ],
)
def test_a_plan_is_refused_once_its_data_or_consents_have_moved(desk: Desk, change: str, moved: str) -> None:
    """A row has changed; somebody who was excluded anyway is so for another reason."""
    path = desk.plan()
    desk.sql(change)
    refused = desk.cdp("apply", str(path))

    assert (refused.exit_code, desk.sent()) == (3, {})
    assert (
        f"nothing was sent: since the plan was made, this has moved: sync `vip_to_list`: {moved}\n"
        in refused.stderr
    )
    assert "hint: look at what would be sent now: `cdp plan`" in refused.stderr


def test_a_plan_is_refused_once_its_configuration_has_moved(desk: Desk) -> None:
    """Another file than the one that was read about; a file that is no plan is a mistake of usage."""
    path = desk.plan()
    desk.company.settings = SETTINGS | {"destinations": {"list": {"type": "file", "path": "out/other.csv"}}}
    desk.company.configure()
    refused = desk.cdp("apply", str(path))
    no_plan = desk.cdp("apply", str(desk.company.root / "cdp.yml"))

    assert refused.exit_code == 3, refused.stderr
    assert "this has moved: sync `vip_to_list`: configuration\n" in refused.stderr
    assert not (desk.company.root / "out" / "other.csv").exists()
    assert no_plan.exit_code == 2
    assert "is no plan of this version" in no_plan.stderr


def test_what_the_gate_has_not_seen_is_neither_applied_nor_exported(desk: Desk) -> None:
    """Exit 3 of all three, and the plan says it before its counts."""
    path = desk.plan()
    with duckdb.connect(str(desk.company.company.warehouse)) as con:
        con.execute("delete from ops.quality_results")
    shown, applied, exported = desk.cdp("plan"), desk.cdp("apply", str(path)), desk.cdp("export")

    assert [one.exit_code for one in (shown, applied, exported)] == [3, 3, 3]
    assert shown.stdout.startswith("gate      nothing may be sent: ")
    assert "nothing has been checked since the build" in applied.stderr + exported.stderr
    assert desk.sent() == {}


def test_a_guard_yields_to_a_reason_that_is_kept(desk: Desk) -> None:
    """Blocked is exit 3 of plan and export; a reason must be one, and name a sync or all."""
    desk.cdp("export")
    desk.sql("update marts.audience_guards set guard = 'too many', members = 7")
    desk.sql("update activation.sync_list_vip set first_name = 'Renamed'")
    planned, blocked = desk.cdp("plan"), desk.cdp("export")
    without = [desk.cdp("export", "--force", one) for one in (" ", "vip_to_list= ")]
    held = set(desk.sent().values())
    forced = desk.cdp("export", "--force", "vip_to_list=more is what we wanted", "--json")
    kept = desk.company.rows("select status, forced from exports.runs where forced is not null")

    assert (planned.exit_code, blocked.exit_code) == (3, 3)
    assert "  guard    audience vip (7 members): too many" in planned.stdout
    assert "sync vip_to_list: blocked: audience vip (7 members): too many" in blocked.stderr
    assert [(one.exit_code, "--force needs a reason" in one.stderr) for one in without] == [(2, True)] * 2
    assert held == {"Name0", "Name1", "Name2"}
    assert forced.exit_code == 0, forced.stderr
    assert json.loads(forced.stdout)["stages"]["export"][0]["forced"] == "more is what we wanted"
    assert set(desk.sent().values()) == {"Renamed"}
    assert kept == [("sent", "more is what we wanted")]


def test_why_asks_for_one_person_and_one_sync(desk: Desk) -> None:
    """Who is not known and a sync that does not exist are mistakes of usage; what exists is listed."""
    nobody = desk.cdp("why", "x@y.z", "--sync", "vip_to_list")
    no_sync = desk.cdp("why", "p1@x.io", "--sync", "x")

    assert (nobody.exit_code, no_sync.exit_code) == (2, 2)
    assert "x@y.z" not in nobody.stdout
    assert "no sync is named x" in no_sync.stderr
    assert "hint: syncs: vip_to_list" in no_sync.stderr


def test_a_withdrawal_that_is_delivered_after_the_plan_stops_it_and_takes_the_person_out(
    built: TestCompany,
) -> None:
    """Loaded and built for real: the old plan is refused, the next takes her out, and `why` tells the whole story."""
    desk = Desk(built)  # itself and not a copy, which dbt would parse anew: this is the last test
    desk.checked()
    path = desk.plan()
    first = desk.cdp("export")
    stale = desk.plan()
    desk.company.csv("data/consents2.csv", CONSENTS, "w1,p1@x.io,email,news,withdrawn,2026-03-01")
    desk.company.load_and_build()
    desk.checked()
    refused = [desk.cdp("apply", str(one)) for one in (path, stale)]
    held = set(desk.sent())
    shown = desk.cdp("plan")
    exported = desk.cdp("export")
    why = {one: desk.cdp("why", f"p{one}@x.io", "--sync", "vip_to_list") for one in (0, 1, 3)}
    lines = {one: said.stdout.splitlines() for one, said in why.items()}

    assert first.exit_code == 0, first.stderr
    assert [one.exit_code for one in refused] == [3, 3]
    assert "sync `vip_to_list`: data and consents\n" in refused[1].stderr
    assert held == {"p0@x.io", "p1@x.io", "p2@x.io"}
    assert shown.stdout.splitlines() == [
        "vip_to_list -> list (mirror, news): 1 removed, 2 unchanged; 1 requests",
        "  excluded 1 denied, 1 no consent, 1 withdrawn",
        "  removed  c***",
    ]
    assert (exported.exit_code, set(desk.sent())) == (0, {"p0@x.io", "p2@x.io"})
    assert [one.exit_code for one in why.values()] == [0, 0, 0]
    assert lines[0][0].endswith(": in the sync model; may be sent; the destination has accepted the row")
    assert "may not be sent now: withdrawn; the row was removed from the destination" in lines[1][0]
    assert "may not be sent now: no consent; nothing was ever sent" in lines[3][0]
    assert lines[1][1] == "sync       vip_to_list -> list (mirror), purpose news, consent"
    words = ["model", "reason:", "audience", "consent", "ledger", "sent", "sent"]
    assert [one.split()[0] for one in lines[1]][2:] == words
    assert "withdrawn for p1@x.io" in why[1].stdout
    assert lines[1][-2].endswith("remove acked")
    assert "upsert acked, consent crm.consents:g1" in lines[1][-1]
