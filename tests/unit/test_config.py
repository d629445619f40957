"""Wrong `cdp.yml` in many ways: always exit 2, always a line, never a traceback."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cli.config import load_company
from cli.generate import files
from pipelines.errors import UsageError

GOOD = """\
clock: {as_of: 2026-06-30T00:00:00Z}
reporting: {timezone: Asia/Ho_Chi_Minh, currency: VND}
warehouse: {path: warehouse/cdp.duckdb, published: warehouse/marts.duckdb}
sources:
  - name: crm
    connector: files
    tables:
      - name: contacts
        entity: contact
        path: data/contacts*.csv
        key: [Id]
        columns: {email: Email, tier: {column: Tier, pii: false}}
      - name: survey
        entity: response
        path: data/survey.csv
        questions: {nps_overall: Q1}
identity:
  identifiers:
    email: {scope: global, max_profiles: 20}
    loyalty_no: {scope: brand}
cx:
  questions:
    nps_overall: {metric: nps, scale: [0, 10]}
purposes:
  mail: {basis: consent, channel: email}
destinations:
  calls: {type: file, path: out.jsonl}
"""
# (what stands in GOOD, what somebody wrote instead, line, words of the message)
MUTATIONS = [
    (
        "destinations:",
        "survivorship: {fields: {emial: {strategy: most_recent}}}\ndestinations:",
        26,
        "no such field or group; there are: email",
    ),
    (
        "destinations:",
        "survivorship: {fields: {email: {strategy: source_priority}}}\ndestinations:",
        26,
        "source_priority needs `sources`, the best first",
    ),
    ("destinations:", "survivorship: {sources: [crm, shop]}\ndestinations:", 26, "no source `shop`"),
    ("destinations:", "survivorship: {sources: [crm, crm]}\ndestinations:", 26, "`crm` is listed twice"),
    (
        "destinations:",
        "survivorship: {attributes: [gender]}\ndestinations:",
        26,
        "`gender` is a field or group of its own",
    ),
    (
        "destinations:",
        "survivorship: {attributes: [level]}\ndestinations:",
        26,
        "no contact table maps an extra column `level`; there are:",
    ),
    ("destinations:", "survivorship: {strategy: best}\ndestinations:", 26, "survivorship.strategy"),
    (
        "destinations:",
        "survivorship: {groups: {work: [company, email]}}\ndestinations:",
        26,
        "`email` cannot be grouped; these can: birth_date",
    ),
    ("destinations:", "survivorship: {groups: {work: [company]}}\ndestinations:", 26, "two fields or more"),
    (
        "clock: {as_of: 2026-06-30T00:00:00Z}",
        "clock: {as_of: 2026-13-45}",
        1,
        "cannot be read: month must be",
    ),
    ("clock: {as_of: 2026-06-30T00:00:00Z}", "clock: {as_of: yesterday}", 1, "clock.as_of"),
    ("Asia/Ho_Chi_Minh", "Asia", 2, "no timezone 'Asia'"),
    ("Asia/Ho_Chi_Minh", "Mars/Olympus", 2, "no timezone 'Mars/Olympus'"),
    ("Asia/Ho_Chi_Minh", "../../etc/passwd", 2, "no timezone"),
    ("currency: VND", "currency: dong", 2, "reporting.currency"),
    ("currency: VND", "curency: VND", 2, "reporting.curency: unknown key"),
    (
        "VND}",
        "VND}\nlifecycle: {cooling_after: 3}",
        3,
        "lifecycle: cooling_after, at_risk_after and lost_after must rise",
    ),
    (
        "VND}",
        "VND}\nhealth: {weights: {recency: 0, scores: 0, tickets: 0, sessions: 0}}",
        3,
        "at least one weight",
    ),
    ("VND}", "VND}\nhealth: {weights: {mood: 3}}", 3, "health.weights.mood: unknown key"),
    ("VND}", "VND}\nrecommendations: {already_bought: never}", 3, "recommendations.already_bought"),
    ("VND}", "VND}\nrfm: {window_months: 0}", 3, "rfm.window_months"),
    ("VND}", "VND}\nrates: {max_age_days: 90}", 3, "rates.max_age_days"),
    ("warehouse/marts.duckdb", "./warehouse/cdp.duckdb", 3, "must be another file than `path`"),
    ("  - name: crm", "  - name: Crm 1", 5, "sources.0.name"),
    ("connector: files", "connector: ftp", 6, "connector"),
    ("    connector: files", "    connector: files\n    encoding: klingon", 7, "no encoding 'klingon'"),
    ("    connector: files", "    connector: files\n    encoding: base64", 7, "no encoding 'base64'"),
    ("    connector: files", "    connector: files\n    delimiter: '\"'", 7, "cannot be the delimiter"),
    ("    connector: files", "    connector: segment", 7, "a segment source has one table"),
    ("entity: contact\n", "entity: kontact\n", 9, "did you mean `contact`?"),
    ("data/contacts*.csv", "data/**contacts.csv", 10, "`**` must stand alone"),
    ("data/contacts*.csv", "/", 10, "no path"),
    ("        path: data/contacts*.csv\n", "", 8, "needs `path:"),
    ("key: [Id]", "key: [[Id]]", 11, "key"),
    ("email: Email,", "email: {column: Email, value: x},", 12, "give either `column` or `value`"),
    ("email: Email,", "emial: Email,", 12, "did you mean `email`?"),
    ("email: Email,", "email: ,", 12, "email"),
    ("name: survey", "name: contacts", 13, "declared twice"),
    ("{nps_overall: Q1}", "{nps_over_all: Q1}", 16, "did you mean `nps_overall`?"),
    ("loyalty_no:", "select:", 20, "`select` cannot name an identifier"),
    ("loyalty_no:", "record_id:", 20, "`record_id` cannot name an identifier"),
    ("max_profiles: 20", "max_profiles: 0", 19, "max_profiles"),
    ("max_profiles: 20", "max_profiles: many", 19, "max_profiles"),
    ("scale: [0, 10]", "scale: [10, 0]", 23, "scale must be [low, high]"),
    ("scale: [0, 10]", "scale: [1, 5]", 23, "NPS is defined on the scale [0, 10]"),
    ("basis: consent, channel: email", "basis: consent", 25, "needs a channel"),
    ("type: file", "type: ftp", 27, "type"),
    ("scale: [0, 10]}", "scale: [0, 10]}\n  survey_cooldown: 0d", 24, "cx.survey_cooldown"),
    ("scale: [0, 10]}", "scale: [0, 10]}\n  survey_purpose: male", 24, "declared purposes: mail"),
    (
        "scale: [0, 10]}",
        "scale: [0, 10]}\n  cases: {triggers: {rage: {due: 2h}}}",
        24,
        "`rage` opens no case",
    ),
    ("scale: [0, 10]}", "scale: [0, 10]}\n  cases: {triggers: {detractor: {due: soon}}}", 24, "due"),
    ("scale: [0, 10]}", "scale: [0, 10]}\n  cases: {bad_to: {nps_overall: 2}}", 24, "is no CSAT question"),
    ("purposes:", "sources: []\npurposes:", 24, "`sources` stands twice; first at line 4"),
    ("purposes:\n", "purposes: &p\n  x: *p\n", 24, "an alias stands inside its own anchor"),
    ("purposes:\n", "purposes:\n  [a, b]: c\n", 25, "a key must be a word"),
    ("purposes:\n", "purposes:\n\tx: 1\n", 25, "not valid YAML"),
    ("type: file", "type: !!python/object:os.system x", 27, "not valid YAML"),
    ("purposes:\n", 'purposes: "\n', 28, "not valid YAML"),
    ("purposes:\n", "purposes: \x00\n", 24, "not readable as text"),
    (
        "identity:\n",
        "identity:\n  fuzzy: {merge_at: 0.9, review_at: 0.95}\n",
        18,
        "must not be above merge_at",
    ),
]


def refused(folder: Path, text: str | bytes) -> str:
    """The message for a configuration that must be refused."""
    path = folder / "cdp.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as error:
        load_company(path)
    assert error.value.exit_code == 2
    assert error.value.hint
    return str(error.value)


def test_the_unbroken_file_is_valid(tmp_path: Path) -> None:
    """Otherwise the mutations would prove nothing."""
    (tmp_path / "cdp.yml").write_text(GOOD)
    assert [source.name for source in load_company(tmp_path / "cdp.yml").sources] == ["crm"]


@pytest.mark.parametrize(("good", "bad", "line", "words"), MUTATIONS)
def test_each_mutation_names_its_line(tmp_path: Path, good: str, bad: str, line: int, words: str) -> None:
    """What, where (file:line) and why."""
    assert GOOD.count(good) == 1, "the mutation must hit one place"
    message = refused(tmp_path, GOOD.replace(good, bad))
    assert words in message
    assert f"cdp.yml:{line}:" in message


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Five mistakes are five lines, in the order of the file."""
    text = GOOD
    for good, bad in (
        ("currency: VND", "currency: dong"),
        ("connector: files", "connector: ftp"),
        ("scale: [0, 10]", "scale: [1, 5]"),
        ("basis: consent, channel: email", "basis: consent"),
        ("type: file", "type: ftp"),
    ):
        text = text.replace(good, bad)
    message = refused(tmp_path, text)
    assert message.startswith("cdp.yml: 5 problems")
    assert [int(n) for n in re.findall(r"cdp\.yml:(\d+):", message)] == [2, 6, 23, 25, 27]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"# nothing\n",
        b"[]",
        b"just words",
        b"\xff\xfe\x00",
        b"a: {b: [",
        b"[" * 5000,
        b"---\na: 1\n---\nb: 2\n",
    ],
)
def test_what_is_no_configuration_at_all(tmp_path: Path, text: bytes) -> None:
    """Empty, a list, a word, binary, cut short, absurdly nested, two documents."""
    assert "cdp.yml" in refused(tmp_path, text)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    """The first mistake of a newcomer says what to do."""
    for path in (tmp_path / "cdp.yml", tmp_path):
        with pytest.raises(UsageError, match="no configuration at") as error:
            load_company(path)
        assert error.value.hint
        assert "--config" in error.value.hint


def test_two_sources_may_share_table_names_but_not_models(tmp_path: Path) -> None:
    """`a.b__c` and `a__b.c` would be one dbt model."""
    source = "  - {{name: {}, connector: files, tables: [{{name: {}, entity: contact, path: d.csv, columns: {{email: e}}}}]}}\n"
    path = tmp_path / "cdp.yml"
    path.write_text("sources:\n" + source.format("north", "contacts") + source.format("south", "contacts"))
    assert len(files(load_company(path))) > 10
    message = refused(tmp_path, "sources:\n" + source.format("a", "b__c") + source.format("a__b", "c"))
    assert "cdp.yml:3:" in message
    assert "would share the model stg_a__b__c" in message


lines = GOOD.splitlines(keepends=True)
scraps = st.sampled_from(
    [
        *lines,
        "{",
        "}",
        "[",
        ": ",
        "- ",
        "'",
        '"',
        "&a ",
        "*a",
        "<<: *a\n",
        "!!int x",
        "~",
        "0x",
        "1_",
        "\t",
        "? ",
        "|\n",
        "é",
        "{{ 1 }}",
    ]
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(start=0, length=0, put=["a: !!timestamp 2026-99-99\n"])
@example(start=0, length=0, put=["a: !!float x\n"])
@example(start=0, length=99, put=["? {a: b}\n: c\n"])
@given(
    start=st.integers(0, 30),
    length=st.integers(0, 6),
    put=st.lists(st.one_of(scraps, st.text(max_size=8)), max_size=4),
)
def test_any_scramble_is_valid_or_refused_in_words(
    tmp_path: Path, start: int, length: int, put: list[str]
) -> None:
    """Cut lines out, paste scraps in: load_company returns or raises UsageError, nothing else."""
    text = "".join([*lines[:start], *put, *lines[start + length :]])
    path = tmp_path / "cdp.yml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    refusal: UsageError | None = None
    try:
        assert files(load_company(path))
    except UsageError as error:
        refusal = error
    if refusal is not None:
        assert refusal.exit_code == 2
        assert "cdp.yml" in str(refusal)
