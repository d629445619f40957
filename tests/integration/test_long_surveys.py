"""Long survey exports: the row is the answer, so a score that cannot be rejects the row; of a wide row only the answer."""

from pathlib import Path
from typing import Any

from tests.companies import TestCompany, of_staging
from tests.integration.test_replay import edit, export, load
from tests.integration.test_staging import conserved

LONG: dict[str, Any] = {
    "name": "answers", "entity": "response", "path": "data/answers*.csv", "key": ["id"], "updated_at": "changed",
    "columns": {
        "respondent_id": "who", "survey": "survey", "question": "q", "answer": "a", "responded_at": "at", "text": "note",
    },
}  # fmt: skip
QUESTIONS = {
    "nps": {"metric": "nps", "scale": [0, 10], "missing": [11, "Blank"]},
    "csat": {"metric": "csat", "scale": [1, 5], "satisfied_from": 4},
    # of one survey, csat has another scale
    "shop.csat": {"metric": "csat", "scale": [1, 7], "satisfied_from": 6},
}
HEADER = "id,who,survey,q,a,at,note,changed"


def survey(root: Path, questions: dict[str, Any] = QUESTIONS) -> TestCompany:
    """One long export."""
    company = of_staging(
        root, [{"name": "tool", "connector": "files", "tables": [LONG]}], "quarantine_answers"
    )
    company.settings = {"cx": {"questions": questions}}
    company.configure()
    return company


def test_an_impossible_score_rejects_the_row(tmp_path: Path) -> None:
    """Each kind of impossible, each with its reason; missing codes, comments and other surveys' scales are no faults."""
    company = survey(tmp_path / "c")
    company.csv(
        "data/answers1.csv",
        HEADER,
        "1,p1,app,NPS,9,2026-01-01,,2026-01-01",
        "2,p2,app,nps,12,2026-01-01,rude,2026-01-01",
        "3,p3,app,nps,11,2026-01-01,,2026-01-01",
        "4,p4,app,nps,blank,2026-01-01,,2026-01-01",
        "5,p5,app,nps,often,2026-01-01,,2026-01-01",
        "6,p6,app,csat,4.5,2026-01-01,,2026-01-01",
        "7,p7,app,csat,7,2026-01-01,,2026-01-01",
        "8,p8,shop,csat,7,2026-01-01,,2026-01-01",
        "9,p9,app,comment,Great!,2026-01-01,,2026-01-01",
        "10,p9,app,nps,,2026-01-01,,2026-01-01",
        "11,p9,app,nps,-1,yesterday,,2026-01-01",
    )
    company.load_and_build()

    assert company.rows("select position - 1, reason from quarantine.rows order by position") == [
        (2, "answer outside the scale"),
        (5, "answer is not a number"),
        (6, "answer is not a whole number"),
        (7, "answer outside the scale"),
        (11, "unreadable timestamp in responded_at"),
    ]
    assert company.rows("select count(*) from quarantine.rows where raw is null") == [(0,)]
    assert company.rows("select count(*) from staging.rows_tool__answers where row_text is not null") == [
        (5,)
    ]
    assert company.rows("select count(*) from quarantine.answers") == [(0,)]
    scores = "select record_id, score from staging.stg_answers where score is not null order by 1"
    assert company.rows(scores) == [("tool.answers:1", 9), ("tool.answers:8", 7)]
    assert conserved(company)


def test_a_rejected_version_leaves_the_one_before_and_comes_in_when_the_scale_is_corrected(
    tmp_path: Path,
) -> None:
    """Judged by the rules of today: a wider scale takes the row, and the full build agrees with the portions."""
    company = survey(tmp_path / "c")
    company.csv("data/answers1.csv", HEADER, "1,p1,app,csat,4,2026-01-01,,2026-01-01")
    company.load_and_build()
    company.csv(
        "data/answers2.csv",
        HEADER,
        "1,p1,app,csat,6,2026-01-01,,2026-01-02",
        "2,p2,app,csat,9,2026-01-01,,2026-01-02",
    )
    company.load_and_build()
    scores = "select record_id, score from staging.stg_answers where score is not null order by 1"
    assert company.rows(scores) == [("tool.answers:1", 4)]
    load(
        company,
        edit(
            export(company, reason="scale"),
            lambda one: one["row"].update(a=3) if one["row"]["id"] == "2" else None,
        ),
    )
    company.build()
    assert company.rows(scores) == [("tool.answers:1", 4), ("tool.answers:2", 3)]

    company.settings = {
        "cx": {"questions": QUESTIONS | {"csat": {"metric": "csat", "scale": [1, 7], "satisfied_from": 6}}}
    }
    company.configure()
    assert company.build().reason == "rules changed"
    assert company.rows(scores) == [("tool.answers:1", 6), ("tool.answers:2", 3)]
    assert conserved(company)
