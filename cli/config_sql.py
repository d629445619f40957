"""SQL of the models that hold the parts of cdp.yml which other models read."""

from collections.abc import Sequence

from cli.config import CdpFile
from cli.sql_text import empty, plain

QUESTION_COLUMNS = (
    ("question", "string"),
    ("survey", "string"),
    ("metric", "string"),
    ("scale_min", "int"),
    ("scale_max", "int"),
    ("satisfied_from", "int"),
    ("easy_from", "int"),
    ("high_is", "string"),
    ("kind", "string"),
    ("touchpoint", "string"),
)


def config_models(file: CdpFile) -> dict[str, str]:
    """The parts of cdp.yml that models read: questions, missing codes, purposes, identifiers."""
    questions, codes = [], []
    for key, one in file.cx.questions.items():
        survey, _, name = key.rpartition(".")
        questions.append(
            (
                key,
                name,
                survey or None,
                one.metric,
                one.scale[0],
                one.scale[1],
                one.satisfied_from,
                one.easy_from,
                one.high_is,
                one.kind,
                one.touchpoint,
            )
        )
        codes += [(key, str(code).lower()) for code in one.missing]
    purposes = [(name, one.basis, one.channel, one.expires_after_days) for name, one in file.purposes.items()]
    identifiers = [
        (name, one.kind, one.scope, priority, one.max_profiles, one.max_per_customer, one.window_days)
        for priority, (name, one) in enumerate(file.identity.identifiers.items(), start=1)
    ]
    return {
        "config_questions": _values(
            (("question_key", "string"), *QUESTION_COLUMNS), questions, "survey question"
        ),
        "config_missing_codes": _values(
            (("question_key", "string"), ("code", "string")), codes, "question and code that means no answer"
        ),
        "config_purposes": _values(
            (
                ("purpose", "string"),
                ("basis", "string"),
                ("channel", "string"),
                ("expires_after_days", "int"),
            ),
            purposes,
            "purpose",
        ),
        "config_identifiers": _values(
            (
                ("identifier_type", "string"),
                ("kind", "string"),
                ("scope", "string"),
                ("priority", "int"),
                ("max_profiles", "int"),
                ("max_per_customer", "int"),
                ("window_days", "int"),
            ),
            identifiers,
            "identifier type",
        ),
        "config_topics": _values(
            (("topic", "string"), ("language", "string"), ("pattern", "string")),
            [
                (name, "*", pattern)
                for name, patterns in file.text.topics.items()
                for pattern in dict.fromkeys(patterns)
            ],
            "topic and pattern",
        ),
    }


def _values(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]], grain: str) -> str:
    def one(row: Sequence[object]) -> str:
        cells = (
            f"cast({_literal(value)} as {{{{ sql_type('{sql_type}') }}}}) as {name}"
            for (name, sql_type), value in zip(columns, row, strict=True)
        )
        return "select " + ", ".join(cells)

    body = "\nunion all\n".join(one(row) for row in rows) or empty(columns)
    return f"{{{{ config(materialized='view') }}}}\n-- Grain: one row per {grain} of cdp.yml.\n{body}\n"


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, (int, float)):
        return str(value)
    return plain("'" + str(value).replace("'", "''") + "'")
