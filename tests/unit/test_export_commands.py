"""What `cdp plan`, `--force` and `cdp why` say, without a warehouse."""

from pathlib import Path

import pytest

from cli.commands.exports import forced, plan_lines, why_lines
from cli.errors import UsageError
from cli.export import Sending, without_samples
from tests.ops_company import CONFIG, make_company

EXPOSURE = """
exposures:
  - name: calls_to_list
    depends_on: ["ref('sync_calls')"]
    config: {meta: {sync: {destination: calls, key: customer_id, purpose: care%s}}}
"""
SYNC = {
    "sync": "s",
    "destination": "d",
    "mode": "mirror",
    "purpose": "p",
    "added": 2,
    "changed": 0,
    "removed": 1,
    "retried": 0,
    "unchanged": 9,
    "deferred": 0,
    "requests": 1,
    "exclusions": {"denied": 3},
    "deferrals": {},
    "guard": "too many",
    "owed": 1,
    "samples": [
        {"action": "added", "key": "c***", "row": {"email": "p***@***"}},
        {"action": "removed", "key": "c***", "row": None},
    ],
}


def company_with_sync(folder: Path, extra: str = "") -> object:
    """A company with one sync."""
    company = make_company(folder, CONFIG + "purposes: {care: {basis: contract}}\n")
    (company.models / "syncs").mkdir(parents=True)
    (company.models / "syncs" / "sync_calls.sql").write_text("select 1 as customer_id")
    (company.models / "syncs" / "_syncs.yml").write_text(EXPOSURE % extra)
    return company


def test_a_reason_is_for_all_syncs_or_for_the_one_it_names(tmp_path: Path) -> None:
    """An equals sign in a reason is no name of a sync."""
    company = company_with_sync(tmp_path)

    assert forced(company, ["the spring list"]) == {"*": "the spring list"}
    assert forced(company, ["calls_to_list=asked by Ana", "a=b"]) == {
        "calls_to_list": "asked by Ana",
        "*": "a=b",
    }
    for empty in ("", "  ", "calls_to_list= "):
        with pytest.raises(UsageError, match="needs a reason"):
            forced(company, [empty])


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (", mode: append", "cannot do mode append"),
        (", fill_empty: [name]", "cannot honour fill_empty"),
        (", guards: {max_deletes: 3}", "guard `max_deletes` is unknown"),
        (", guards: {max_drop_percent: half}", "guard `max_drop_percent` is 'half'"),
        (", frequency: daily", "unknown: frequency"),
    ],
)
def test_what_a_sync_cannot_have_is_a_configuration_error(tmp_path: Path, extra: str, words: str) -> None:
    """Exit 2, before anything is read or sent."""
    from cli.syncs import check_syncs

    company = company_with_sync(tmp_path, extra)
    with pytest.raises(UsageError, match=words):
        check_syncs(company)  # type: ignore[arg-type]


def test_the_plan_is_told_in_lines_and_its_file_has_no_samples() -> None:
    """Counts that are zero are left out; a removal has its masked key only."""
    told = plan_lines({"gate": None, "syncs": [SYNC]})

    assert told == [
        "s -> d (mirror, p): 2 added, 1 removed, 9 unchanged; 1 requests",
        "  excluded 3 denied",
        "  guard    too many",
        "  owed     1 removals of people who refused go out all the same",
        "  added    email p***@***",
        "  removed  c***",
    ]
    assert plan_lines({"gate": "checks failed", "syncs": []}) == [
        "gate      nothing may be sent: checks failed"
    ]
    assert "***" not in str(without_samples({"syncs": [SYNC]}))


def test_why_is_told_in_lines() -> None:
    """Model, consent, hold, ledger and answers, in this order."""
    told = why_lines(
        {
            "customer_id": "c1",
            "sync": "s",
            "destination": "d",
            "mode": "mirror",
            "conclusion": "in the sync model; may be sent",
            "purpose": {"name": "p", "basis": "consent", "channel": "email"},
            "rows": [
                {
                    "key": "c1",
                    "why": {"reason": "spent much"},
                    "verdict": {"consent_record_id": "r1", "granted_at": "2026-01-01"},
                }
            ],
            "audiences": [{"changed_at": "2026-02-01", "event": "entered", "audience": "best"}],
            "consents": [
                {
                    "obtained_at": "2026-01-01",
                    "state": "granted",
                    "contact_point": "a@x.io",
                    "expires_at": None,
                }
            ],
            "holds": [{"reason": "quiet hours", "is_deferred": True}],
            "ledger": [{"updated_at": "2026-03-01", "key": "c1", "state": "rejected", "reason": "HTTP 422"}],
            "deliveries": [
                {
                    "sent_at": "2026-03-01",
                    "operation": "upsert",
                    "status": "rejected",
                    "reason": "HTTP 422",
                    "consent_record_id": "r1",
                }
            ],
        }
    )

    assert told == [
        "c1: in the sync model; may be sent",
        "sync       s -> d (mirror), purpose p, consent",
        "model      key c1: lawful, consent r1 of 2026-01-01",
        "           reason: spent much",
        "audience   2026-02-01  entered best",
        "consent    2026-01-01  granted for a@x.io",
        "hold       quiet hours (waits)",
        "ledger     2026-03-01  key c1 rejected: HTTP 422",
        "sent       2026-03-01  upsert rejected: HTTP 422, consent r1",
    ]


def test_a_signal_ends_the_sending_once_and_is_passed_on_after_that() -> None:
    """Outside of the sending, and the second time, a signal interrupts as ever."""
    sending = Sending()
    before = sending.ask(143)
    with sending.under_way(None) as stop:
        first, second = sending.ask(143), sending.ask(143)

    assert (before, first, second, sending.ask(143)) == (False, True, False, False)
    assert (stop.exit_code, stop.seconds_left) == (143, 0.0)
