"""The report: right figures, nobody on it, nothing from elsewhere, nothing shown as known that is not."""

import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from cli import report
from cli.report_charts import Scale, nice
from cli.report_html import Column, esc, table, tag, word
from pipelines.errors import CdpError
from tests.ops_company import make_company
from tests.report_company import CANARIES, NOTICE, published

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Reads a page strictly: every element closed in order; keeps tables, ids, attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self._caption = ""
        self._rows: list[list[str]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open."""
        self.attributes.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._caption, self._rows = "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Close, the innermost first."""
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        """Keep the words; a no-break space is a space."""
        data = data.replace("\N{NO-BREAK SPACE}", " ")
        if "style" in self.open:
            return
        self.text += data
        if "caption" in self.open:
            self._caption += data
        elif self._rows and self._rows[-1] and ("td" in self.open or "th" in self.open):
            self._rows[-1][-1] += data.strip("\n")


@pytest.fixture
def source(tmp_path: Path) -> str:
    """The page of a company with every table."""
    return report.write(published(tmp_path))[0].read_text()


@pytest.fixture
def page(source: str) -> Page:
    """The same, parsed."""
    return Page(source)


def test_nobody_is_on_the_page(source: str) -> None:
    """Aggregates only: no name, address, number, id or word of a person, from whichever table."""
    assert [canary for canary in CANARIES if canary in source] == []
    assert "901 234 567" not in source
    assert "[hidden]" in source


def test_the_page_needs_nothing_else(source: str, page: Page) -> None:
    """No script, no request: nothing but anchors within the page."""
    links = [
        value
        for _, attributes in page.attributes
        for name, value in attributes.items()
        if name in ("src", "href")
    ]

    assert links
    assert all(link.startswith("#") for link in links)
    assert "<script" not in source
    assert not re.search(r"https?:|url\(|@import", source)
    assert not [name for _, attributes in page.attributes for name in attributes if name.startswith("on")]
    assert ("meta", "default-src 'none'; style-src 'unsafe-inline'") in [
        (name, attributes.get("content")) for name, attributes in page.attributes
    ]


def test_markup_in_data_stays_text(source: str, page: Page) -> None:
    """A touchpoint called `<b>` is a word, not an element."""
    assert "delivery &lt;b&gt;" in source
    assert "delivery <b>" in page.text
    assert not [name for name, _ in page.attributes if name == "b"]


def test_every_element_is_closed_and_every_anchor_leads_somewhere(page: Page) -> None:
    """The strict reader has met no wrong end; the section links have targets, and no id is there twice."""
    ids = [attributes["id"] for _, attributes in page.attributes if "id" in attributes]
    anchors = [attributes["href"][1:] for name, attributes in page.attributes if name == "a"]

    assert page.open == []
    assert len(ids) == len(set(ids))
    assert set(anchors) <= set(ids)


def test_charts_have_words_and_tables_have_captions(page: Page) -> None:
    """What a screen reader gets: a text for each picture, a caption and header cells for each table."""
    pictures = [attributes for name, attributes in page.attributes if name == "svg"]

    assert len(pictures) >= 10
    assert all(one["role"] == "img" and len(one["aria-label"]) > 10 for one in pictures)
    assert "" not in page.tables
    assert all({"scope"} <= attributes.keys() for name, attributes in page.attributes if name == "th")
    assert len([name for name, _ in page.attributes if name == "h1"]) == 1


def test_scores_show_sample_interval_and_small_samples(page: Page) -> None:
    """No number without its sample (design, law 9)."""
    rows = {row[0]: row for row in page.tables["Scores over all answers"][1:]}

    assert rows["recommend"][1:5] == ["NPS", "+39.8", "+36.9 to +42.8", "2,746"]
    assert rows["recommend"][6] == "25.0 %"
    assert rows["happy"][1:5] == ["CSAT", "small sample 75.0 %", "47.0 % to 91.0 %", "12"]
    assert rows["happy"][6] == "unknown"
    assert rows["ease"][1:5] == ["CES", "5.25", "4.90 to 5.60", "70"]
    assert rows["stars"][3:5] == ["none: too few answers", "1"]


def test_months_are_drawn_with_their_intervals(source: str, page: Page) -> None:
    """Two months, two dots, two whiskers; the small month is marked."""
    rows = page.tables["NPS by month, recommend, newest first"][1:]
    chart = next(one for one in re.findall(r"<svg.*?</svg>", source, re.S) if "NPS by month" in one)

    assert [row[0] for row in rows] == ["2026-06", "2026-05"]
    assert rows[0][4] == "significant"
    assert rows[1][2] == "small sample +10.0"
    assert len(re.findall(r'class="dot', chart)) == 2
    assert len(re.findall(r'class="interval', chart)) == 2
    assert len(re.findall(r'class="dot small"', chart)) == 1


def test_figures_are_those_of_the_file(page: Page) -> None:
    """Profiles, rows in over all loads, identity, sales."""
    kinds = {row[0]: row[1] for row in page.tables["Known profiles by kind"][1:]}
    loads = {row[0] + row[1]: row[2:] for row in page.tables["Rows by source and table"][1:]}
    sales = page.tables["Sales by month, newest first"][1:]

    assert kinds == {"Customers": "2", "Leads": "1"}
    assert "Not among them: 7 devices" in page.text
    assert loads["crmcontacts"] == ["150", "140", "7", "3", "0"]
    assert loads["All"] == ["1,150", "1,140", "7", "3", "0"]
    assert sales[0][:3] == ["2026-06 (running)", "1,234,567", "12"]
    assert "4 person records were merged into a profile that another one had begun; 1 former ids" in page.text
    assert page.tables["Identifier values not used to join anybody"][1:] == [
        ["role mailbox", "email", "1", "14"]
    ]
    assert page.tables["Profiles kept apart although something links them"][1:] == [
        ["contradictory birth dates", "1"]
    ]
    assert "250,000 VND" in page.text
    assert "250,000 from 5 purchases" in page.text


def test_cohorts_too_young_stay_empty(page: Page) -> None:
    """An age nobody has reached has no column; one that only older cohorts reached is empty, not zero."""
    head, april, may = page.tables["Share of each cohort that bought, by months since the first purchase"]

    assert head == ["First purchase", "Customers", "+1"]
    assert april == ["2026-04", "20", "45 %"]
    assert may == ["2026-05", "20", ""]


def test_only_the_last_gate_and_the_last_sync_run_are_shown(page: Page) -> None:
    """Old failures and old sends are history."""
    failed = page.tables["Checks that failed"][1:]
    syncs = page.tables["Last run of each sync"][1:]
    delivered = page.tables["All deliveries by answer"][1:]

    assert [row[0] for row in failed] == ["volume"]
    assert "1 of 2 checks passed" in page.text
    assert [row[4] for row in syncs] == ["7"]
    assert page.tables["Left out of that run: no lawful basis to write to them"][1:] == [
        ["calls", "no basis", "2"]
    ]
    assert delivered[0][:5] == ["calls", "upsert", "rejected", "refused for [hidden]", "3"]


def test_when_and_of_which_run(page: Page) -> None:
    """A page without its date is a rumour."""
    for said in ("2026-06-30 12:00 UTC", "2026-06-30 12:05 UTC", "20260630T120000Z-abc123"):
        assert said in page.text


def test_simulated_data_are_said_to_be(tmp_path: Path, source: str) -> None:
    """At the head, in the title and at the foot; and a real company carries no such word."""
    real = report.write(published(tmp_path / "real", notice=None))[0].read_text()

    assert source.count(NOTICE) >= 3
    assert f'<p class="notice" role="note">{NOTICE}</p>' in source
    assert "imulated" not in real
    assert 'role="note"' not in real


def test_an_empty_published_file_gives_a_page_that_says_so(tmp_path: Path) -> None:
    """A first run of a company without orders or surveys must not end in a traceback, nor in zeros."""
    page = Page(
        report.write(published(tmp_path, sql="create schema ops; create schema exports;"))[0].read_text()
    )

    assert "The published file has no marts.customer_360." in page.text
    assert "The published file has no marts.kpis." in page.text
    assert "Nothing has been loaded yet." in page.text


def test_without_purchases_revenue_is_unknown(tmp_path: Path) -> None:
    """Tables without rows: no revenue tile, no chart of zeros."""
    company = published(tmp_path)
    with duckdb.connect(str(company.published)) as con:
        con.execute(
            "delete from kpis; delete from orders; delete from retention_cohorts; delete from cx_scores"
        )
    page = Page(report.write(company)[0].read_text())

    assert "revenue is unknown, not zero" in page.text
    assert "Revenue per month" not in page.text
    assert "There is no scored answer in this file." in page.text
    assert "No cohort is a full month old." in page.text


def test_nothing_published_says_what_to_do(tmp_path: Path) -> None:
    """Exit 1 with the next step."""
    with pytest.raises(CdpError, match="nothing is published") as caught:
        report.write(make_company(tmp_path))

    assert "cdp run" in (caught.value.hint or "")
    assert caught.value.exit_code == 1


def test_a_failed_write_keeps_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole or not at all, and no half file is left beside it."""
    company = published(tmp_path)
    path, _ = report.write(company)
    before = path.read_text()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CdpError, match="no space left"):
        report.write(company)

    assert path.read_text() == before
    assert sorted(one.name for one in path.parent.iterdir()) == ["marts.duckdb", "report.html"]


def test_values_are_escaped_and_people_hidden() -> None:
    """Text, attributes and captions; what looks like an address or number of a person is hidden in words."""
    assert esc('<a href="x">&') == "&lt;a href=&quot;x&quot;&gt;&amp;"
    assert tag("p", "x", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;">x</p>'
    assert "&lt;i&gt;" in table("<i>", [Column("<i>")], [["<i>"]])
    assert word("reply to a.b@c.example now") == "reply to [hidden] now"
    assert word("call +84 90 123-45-67") == "call [hidden]"
    assert word("csat_2026 at least 0.5") == "csat_2026 at least 0.5"


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0.0, 1),
        (1.0, 4),
        (3.0, 4),
        (9.0, 10),
        (97.0, 100),
        (101.0, 200),
        (1234567.0, 2_000_000),
        (8.1e9, 10e9),
    ],
)
def test_axes_end_on_round_numbers_above_the_highest(highest: float, expected: float) -> None:
    """A bar must not leave its chart, nor fill a tenth of it."""
    scale = nice(highest)

    assert scale.high == pytest.approx(expected)
    assert scale.high >= highest
    assert scale.marks[-1] == scale.high


def test_what_lies_outside_a_scale_is_drawn_at_its_edge() -> None:
    """The adjusted interval of an NPS near 100 may leave the scale."""
    assert Scale(-100, 100).share(120) == 1
    assert Scale(-100, 100).share(-130) == 0
