"""`cdp identity merge|split|pin|revoke|overrides|review|explain|diff` as a person uses them, on a small company."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cli.commands.identity import _tree
from cli.relations import MEMORY
from tests import laws
from tests.companies import ORDERS, TestCompany
from tests.integration.test_identity import owners
from tests.integration.test_identity_constraints import HEADER, TABLE

AUDIENCE = "-- Grain: one row per customer.\nselect customer_id from {{ ref('customer_360') }}\n"
ROWS = (
    "1,a@x.io,,u1,1980-02-03,An,2026-01-01,",
    "2,a@x.io,,u2,1995-07-21,Binh,2026-01-01,",
    "3,c@x.io,+84912345678,,,Chi,2026-01-01,",
    "4,d@x.io,+84912345678,,,Chi,2026-01-01,",
)
BOUGHT = (
    "o1,2026-01-02,10.00,paid,,u1,2026-01-02",
    "o2,2026-03-02,20.00,paid,,u2,2026-03-02",
    "o3,2026-04-02,5.00,paid,,u2,2026-04-02",
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """Father and daughter share a mailbox and both buy; Chi has two records."""
    made = TestCompany(
        tmp_path_factory.mktemp("cli") / "c",
        [{"name": "crm", "connector": "files", "region": "VN", "tables": [TABLE, ORDERS]}],
    )
    made.model("audiences/everybody.sql", AUDIENCE)
    made.csv("data/contacts1.csv", HEADER, *ROWS)
    made.csv("data/orders1.csv", "order,at,amount,status,email,contact,changed", *BOUGHT)
    made.load_and_build()
    return made


def cdp(company: TestCompany, *words: str, config: str = "cdp.yml") -> tuple[int, Any, str]:
    """Exit code, stdout (as JSON where it is), stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.quick_cdp", *words, "--config", str(company.root / config)],
        capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2], check=False,
    )  # fmt: skip
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except json.JSONDecodeError:
        return done.returncode, done.stdout, done.stderr


def test_what_is_kept_apart_is_explained_and_waits_for_a_decision(company: TestCompany) -> None:
    """Two birth dates cut the shared mailbox; explain and review say so."""
    first, second = owners(company)["1"], owners(company)["2"]
    code, found, _ = cdp(company, "identity", "explain", "crm.contacts:1", "crm.contacts:2", "--json")
    _, waiting, _ = cdp(company, "identity", "review", "--json")

    assert first != second
    assert code == 0
    assert found["joined"] is False
    assert found["cut"] == [
        {
            "start": "crm.contacts:1",
            "end": "crm.contacts:2",
            "link": "email",
            "reason": "contradictory birth dates",
        }
    ]
    assert [(one["item"], one["record_a"], one["record_b"]) for one in waiting] == [
        ("cut", "crm.contacts:1", "crm.contacts:2")
    ]


def test_explain_says_what_removing_a_link_would_do(company: TestCompany) -> None:
    """Chi's two records hang on one phone."""
    code, found, _ = cdp(company, "identity", "explain", "crm.contacts:3", "crm.contacts:4", "--json")

    assert code == 0
    assert [(hop["identifier"], hop["parts"]) for hop in found["chain"]] == [("phone", [1, 1])]
    # the source says no date: the moment of the build that met the record first
    assert [hop["first_seen_at"] for hop in found["chain"]] == ["2026-06-30 00:00:00"]


def test_explain_draws_a_tree(company: TestCompany) -> None:
    """Below each record what hangs on it, by what link and what removing it would do."""
    _, told, _ = cdp(company, "identity", "explain", "crm.contacts:3")

    assert told.splitlines() == [
        f"customer {owners(company)['3']}, 2 nodes",
        "crm.contacts:3",
        "└── crm.contacts:4",
        "        same phone +84912345678, since 2026-06-30; without it: two people, of 1 and 1 nodes",
    ]


def test_a_deeper_tree_keeps_its_branches() -> None:
    """Two on the root, one of them with a record below."""

    def hop(start: str, end: str) -> dict[str, Any]:
        return {
            "start": start, "end": end, "identifier": "email", "value": "v", "first_seen_at": None, "parts": None
        }  # fmt: skip

    lines = list(_tree("a", [hop("a", "b"), hop("a", "c"), hop("b", "d")]))

    told = "same email v; without it: still one person, by other links"
    assert lines == [
        "a",
        "├── b",
        f"│   │   {told}",
        "│   └── d",
        f"│           {told}",
        "└── c",
        f"        {told}",
    ]
    assert list(_tree("a", [])) == ["a: nothing is linked to it"]


def test_what_is_typed_is_read_as_staging_reads_it(company: TestCompany) -> None:
    """A display name, capitals, blanks and signs around an address or number; a number as its source's region dials it."""
    chi = owners(company)["3"]
    typed = (
        "Chi <C@X.io>",
        " mailto:c@x.io ",
        "\uff10\uff19\uff11\uff12 345 678",
        "tel. 84 912 345 678",
        "+84 (0) 912 345 678",
    )

    assert [cdp(company, "identity", "explain", word, "--json")[1]["customer_id"] for word in typed] == [
        chi
    ] * len(typed)


def test_a_value_of_several_people_is_not_explained_as_one(company: TestCompany) -> None:
    """The shared mailbox belongs to two: their links in one tree would be nobody's."""
    code, _, told = cdp(company, "identity", "explain", "a@x.io")
    by_phone = cdp(company, "identity", "explain", "0912 345-678", "--json")

    assert code == 2
    assert "2 customers" in told
    assert owners(company)["2"] in told
    assert by_phone[1]["customer_id"] == owners(company)["3"], "a phone as it is dialled in its country"


def test_who_cannot_be_meant_is_refused(company: TestCompany) -> None:
    """Exit 2, with what to name instead; nothing is recorded."""
    unknown = cdp(company, "identity", "merge", "nobody@x.io", "crm.contacts:1")
    shared = cdp(company, "identity", "merge", "a@x.io", "crm.contacts:3")
    both = cdp(company, "identity", "split", "+84912345678", "crm.contacts:3")
    same = cdp(company, "identity", "pin", "crm.contacts:3", "crm.contacts:3")

    assert [one[0] for one in (unknown, shared, both, same)] == [2, 2, 2, 2]
    assert "nobody is known" in unknown[2]
    assert "2 customers" in shared[2]
    assert "crm.contacts:1" in shared[2]
    assert "both sides" in both[2]
    assert cdp(company, "identity", "overrides", "--json")[1] == []


def test_decisions_by_hand_hold_from_the_next_build_and_can_be_undone(company: TestCompany) -> None:
    """Merge father and daughter all the same, then split them: every mart is what it was. Then take the split back."""
    before, marts = owners(company), laws.snapshot(company.root, ignore=tuple(MEMORY))
    merged = cdp(
        company, "identity", "merge", "crm.contacts:1", "crm.contacts:2", "--author", "lan", "--json"
    )
    company.build()
    _, chain, _ = cdp(company, "identity", "explain", "crm.contacts:1", "crm.contacts:2", "--json")
    together, merged_marts = owners(company), laws.snapshot(company.root, ignore=tuple(MEMORY))
    split = cdp(company, "identity", "split", "crm.contacts:1", "crm.contacts:2", "--json")
    company.build()
    apart, after = owners(company), laws.snapshot(company.root, ignore=tuple(MEMORY))
    revoked = cdp(company, "identity", "revoke", "2")
    _, listed, _ = cdp(company, "identity", "overrides", "--json")
    company.build()

    assert merged[:2] == (
        0,
        {
            "decision": 1,
            "verb": "merge",
            "sides": {"a": ["crm.contacts:1", "crm.contacts:2"]},
            "revoked": [],
            "beaten": {},
        },
    )
    assert split[1]["revoked"] == [1]
    assert [(hop["identifier"], hop["value"]) for hop in chain["chain"]] == [("override", "1")]
    assert chain["chain"][0]["first_seen_at"] > "2026", "when somebody decided"
    assert together["1"] == together["2"], "a decision by hand goes before every rule, birth dates too"
    assert apart == owners(company) == before
    changed = {line.split(":")[0] for line in laws.differences(marts, merged_marts)}
    assert {"customer_360", "customer_records", "orders", "kpis", "customer_redirects"} <= changed
    assert len(marts) > 70
    assert laws.differences(marts, after) == []
    assert revoked[0] == 0
    assert cdp(company, "identity", "revoke", "2")[0] == 2
    assert (listed[0]["number"], listed[0]["state"], listed[0]["author"]) == (1, "revoked by 2", "lan")


def lying_there(company: TestCompany) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of every file of the warehouse's folder."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (company.root / "warehouse").iterdir()
    }


def leave_in_the_log(company: TestCompany) -> None:
    """A committed write that no checkpoint has taken in, as a killed run leaves one."""
    code = (
        "import duckdb, os, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "con.execute('pragma disable_checkpoint_on_shutdown')\n"
        "con.execute('create table ops.left_behind as select 1 as one')\n"
        "os._exit(0)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(company.root / "warehouse" / "cdp.duckdb")], check=True, timeout=60
    )
    assert (company.root / "warehouse" / "cdp.duckdb.wal").stat().st_size > 0


def test_diff_tells_what_new_rules_would_do_and_touches_nothing(company: TestCompany) -> None:
    """A limit of one profile for phones parts Chi's records."""
    before = owners(company)
    text = yaml.safe_load((company.root / "cdp.yml").read_text())
    text["identity"]["identifiers"] = {
        "user_id": {"scope": "source"},
        "email": {},
        "phone": {"max_profiles": 1},
    }
    (company.root / "new.yml").write_text(yaml.safe_dump(text))
    leave_in_the_log(company)
    before_files = lying_there(company)
    code, found, said = cdp(company, "identity", "diff", "--json", config="new.yml")

    assert code == 0, said
    assert (found["people_before"], found["people_after"], found["unchanged"]) == (3, 4, 2)
    assert found["split"] == {"people": 1, "into_people": 2}
    assert found["merged"] == {"people": 0, "of_people_before": 0}
    assert found["examples"]["split"] == [["crm.contacts:3", "crm.contacts:4"]]
    assert found["audiences"] == [
        {"audience": "everybody", "members_before": 3, "members_after": 4, "entered": 1, "left": 0}
    ]
    assert lying_there(company) == before_files
    assert owners(company) == before
    assert not list((company.root / ".cdp" / "tmp").glob("diff-*"))


def test_a_warehouse_that_lacks_what_a_command_reads_says_so(company: TestCompany) -> None:
    """Built in part, or before the command was written: no riddle, and what to do about it."""
    with duckdb.connect(str(company.company.warehouse)) as con:
        con.execute("alter table identity.skipped_links rename to links_skipped")
    code, _, said = cdp(company, "identity", "explain", "crm.contacts:1", "crm.contacts:2")

    assert code == 1
    assert "has no `skipped_links`" in said
    assert "run `cdp build`" in said
