"""One customer on the terminal: the right person by any handle, every value with its source, nothing cut."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from cli import customer, customer_text, warehouse
from cli.config import Company
from cli.errors import CdpError, UsageError
from tests.ops_company import make_company

MARTS = """
create schema identity; create schema marts; create schema customer;
create table identity.node_customers as select * from (values
    ('crm.contacts:1', 'c-anna'), ('shop.accounts:7', 'c-anna'), ('crm.contacts:2', 'c-ben'),
    ('crm.contacts:3', 'c-cem')
) as t (node_id, customer_id);
create table identity.int_identity__identifiers as
select *, if(identifier_value like '+%', 'phone', 'email') as identifier_type from (values
    ('crm.contacts:1', 'anna@example.com'), ('shop.accounts:7', '+84901234567'),
    ('crm.contacts:2', 'info@example.com'), ('crm.contacts:3', 'info@example.com')
) as t (node_id, identifier_value);
create table marts.customer_redirects as select 'c-old' as old_customer_id, 'c-anna' as new_customer_id;
create table marts.identity_cuts as select
    'c-anna' as customer_id, 'c-ben' as other_customer_id, 'contradictory birth dates' as reason,
    'phone' as strongest_link, 1::bigint as links;
create table marts.customer_360 as select
    'c-anna' as customer_id, 'customer' as profile_kind, 'Trần Thị Ánh' as full_name,
    'anna@example.com' as email, '+84901234567' as phone, null::varchar as city, 2::bigint as orders,
    cast(1250000.5 as decimal(18, 2)) as revenue, timestamp '2026-06-01 10:30:00' as last_order_at,
    'champions' as rfm_segment, 9.0::double as latest_nps, timestamp '2026-06-02 08:00:00' as latest_nps_at,
    null::double as latest_csat, null::timestamp as latest_csat_at, 1::bigint as open_tickets
    union all by name select 'c-ben' as customer_id, 'lead' as profile_kind, 'Ben\x1b[2J' as full_name
    union all by name select 'c-cem' as customer_id, 'lead' as profile_kind;
create table customer.golden_records as select
    'c-anna' as customer_id, 'crm' as name_source, 'crm.contacts:1' as name_record_id, 'crm' as email_source,
    'crm.contacts:1' as email_record_id, 'shop' as phone_source, 'shop.accounts:7' as phone_record_id;
create table marts.customer_identifiers as select * from (values
    ('c-anna', 'email', 'anna@example.com', '', 2::bigint, timestamp '2026-06-01', true, null::varchar),
    ('c-anna', 'email', 'info@example.com', '', 1::bigint, timestamp '2026-05-01', false, 'role mailbox')
) as t (customer_id, type, value, scope, source_count, last_seen_at, is_primary, refused_because);
alter table marts.customer_identifiers add column first_seen_at timestamp;
create table marts.consents as select
    'c-anna' as customer_id, 'email_marketing' as purpose, 'email' as channel,
    'anna@example.com' as contact_point, 'granted' as state, 'consent' as basis,
    timestamp '2026-01-01' as obtained_at, timestamp '2028-01-01' as expires_at;
create table marts.preferences as select
    'c-anna' as customer_id, 'email' as channel, 'vi' as language, null::varchar as topics,
    'weekly' as frequency, null::varchar as quiet_hours, null::timestamp as stated_at;
create table marts.customer_timeline as select
    't' || lpad(range::varchar, 2, '0') as touch_id, 'c-anna' as customer_id, range + 1 as touch_no,
    timestamp '2026-01-01' + range * interval 1 day as occurred_at, 'web' as channel, 'session' as kind,
    'web' as touchpoint, 'touch ' || range as detail, 'web' as source, 'web.events:' || range as record_id
    from range(30);
create table marts.customer_records as select * from (values
    ('crm', 'contact', 'crm.contacts:1', 'email'), ('shop', 'contact', 'shop.accounts:7', 'email, phone')
) as t (source, entity, record_id, matched_by);
insert into marts.customer_records select 'shop', 'order', 'shop.orders:' || range, 'email' from range(8);
insert into marts.customer_records values ('shop', 'order', 'shop.orders:9', 'email, phone');
alter table marts.customer_records add column customer_id varchar default 'c-anna';
"""


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A warehouse with three people; two of them share a mailbox that links nobody."""
    company = make_company(tmp_path)
    with warehouse.connect(company) as con:
        con.execute(MARTS)
    return company


def find(company: Company, who: str) -> dict[str, object]:
    """Ask as the command does."""
    with warehouse.connect(company, read_only=True) as con:
        return customer.show(con, who)


@pytest.mark.parametrize(
    "who",
    [
        "anna@example.com",
        " ANNA@example.com ",
        "+84901234567",
        "+84 (90) 123-45 67",
        "crm.contacts:1",
        "shop.accounts:7",
        "c-anna",
        "c-old",
    ],
)
def test_every_handle_leads_to_the_same_person(company: Company, who: str) -> None:
    """Mail address, phone as people write it, record, id, absorbed id."""
    assert find(company, who)["customer_id"] == "c-anna"


def test_nobody_is_a_usage_error(company: Company) -> None:
    """Exit 2, with what to give instead."""
    with pytest.raises(UsageError, match="nobody is known") as caught:
        find(company, "zoe@example.com")

    assert caught.value.exit_code == 2
    assert "customer_id" in (caught.value.hint or "")


def test_a_shared_mailbox_names_its_holders_instead_of_one_of_them(company: Company) -> None:
    """To show the first of several people would be a wrong answer about a person."""
    with pytest.raises(UsageError, match=r"carried by 2 customers.*c-ben.*c-cem"):
        find(company, "info@example.com")


def test_before_the_first_build_it_says_what_to_run(tmp_path: Path) -> None:
    """An empty warehouse is no traceback."""
    company = make_company(tmp_path)
    warehouse.create(company)

    with pytest.raises(CdpError, match="no customers yet") as caught:
        find(company, "anna@example.com")
    assert caught.value.exit_code == 1


def test_each_golden_value_has_its_source(company: Company) -> None:
    """A group of fields has one record; fields without a value are not listed."""
    golden = {row["field"]: row for row in find(company, "c-anna")["golden"]}  # type: ignore[attr-defined]

    assert set(golden) == {"full_name", "email", "phone"}
    assert golden["full_name"]["source"] == "crm"
    assert golden["phone"]["record_id"] == "shop.accounts:7"


def test_what_is_known_beside_the_golden_record(company: Company) -> None:
    """Consents, answers, former ids, broken constraints, records by kind; no score that was never given."""
    found = find(company, "c-anna")
    records = {(row["source"], row["entity"]): row for row in found["records"]}  # type: ignore[attr-defined]

    assert list(found["scores"]) == ["nps"]  # type: ignore[call-overload]
    assert found["absorbed_ids"] == ["c-old"]
    assert found["kept_apart_from"] == [
        {"other_customer_id": "c-ben", "reason": "contradictory birth dates", "strongest_link": "phone"}
    ]
    assert records["shop", "order"]["records"] == 9
    assert len(records["shop", "order"]["record_ids"]) == 5
    assert records["shop", "order"]["matched_by"] == "email, phone"
    assert [row["state"] for row in found["consents"]] == ["granted"]  # type: ignore[attr-defined]


def test_the_last_twenty_touches_newest_first(company: Company) -> None:
    """The end of the story, not its beginning."""
    details = [row["detail"] for row in find(company, "c-anna")["timeline"]]  # type: ignore[attr-defined]

    assert details == [f"touch {number}" for number in range(29, 9, -1)]


def test_somebody_known_by_an_id_only_is_shown_too(company: Company) -> None:
    """No contact data, no orders, no consents: said, not skipped."""
    text = "\n".join(customer_text.lines(find(company, "c-cem")))

    assert text.startswith("c-cem  lead")
    assert "golden record: no contact details are known" in text
    assert "consents: nothing said" in text


def test_in_a_pipe_lines_are_plain_whole_and_aligned(company: Company) -> None:
    """For grep and files: no colour, no cut value, columns under each other whatever the script."""
    out = io.StringIO()
    customer_text.render(find(company, "c-anna"), Console(file=out, width=40))
    lines = out.getvalue().splitlines()

    assert "\x1b" not in out.getvalue()
    assert "kept apart from c-ben: contradictory birth dates (linked by phone)" in lines
    assert "absorbed: c-old" in lines
    assert any(line.split() == ["revenue", "1,250,000.50"] for line in lines)
    assert any("not used: role mailbox" in line for line in lines)
    assert any("shop.orders:4 and 4 more" in line for line in lines)
    name, email = (next(line for line in lines if f"  {field} " in line) for field in ("full_name", "email"))
    assert name.index("Trần") == email.index("anna@")


def test_on_a_terminal_long_values_fold_and_nothing_is_lost(company: Company) -> None:
    """Eighty columns are enough, and without colour it reads the same."""
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, no_color=True)
    customer_text.render(find(company, "c-anna"), console)

    assert "Trần Thị Ánh" in out.getvalue()
    assert "last touches" in out.getvalue()


def test_a_name_cannot_drive_the_terminal(company: Company) -> None:
    """A delivered escape sequence would clear the screen or worse."""
    for terminal in (False, True):
        out = io.StringIO()
        customer_text.render(find(company, "c-ben"), Console(file=out, width=80, force_terminal=terminal))

        assert "\x1b[2J" not in out.getvalue()
        assert "Ben [2J" in out.getvalue()


def test_the_result_is_json(company: Company) -> None:
    """`--json` takes every type a mart has."""
    text = json.dumps(find(company, "c-anna"), ensure_ascii=False, default=str)

    assert json.loads(text)["buying"]["revenue"] == "1250000.50"
