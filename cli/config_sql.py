"""SQL of the models that hold the parts of cdp.yml which other models read."""

from collections.abc import Sequence

from cli import (
    config_audiences,
    config_commerce,
    config_cx,
    config_journeys,
    config_sales,
    config_sending,
    config_triggers,
)
from cli.config import CdpFile, Company
from cli.config_cases import days
from cli.config_survivorship import SURVIVORSHIP_COLUMNS, survivorship_rows
from cli.config_web_sql import config_web_models
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


PREDICTION_COLUMNS = (
    ("model", "string"),
    ("horizon_days", "int"),
    ("margin", "double"),
    ("discount_rate", "double"),
    ("min_customers", "int"),
    ("min_repeat_customers", "int"),
    ("min_outcomes", "int"),
    ("min_history_horizons", "double"),
    ("min_ended_subscriptions", "int"),
    ("max_calibration_error", "double"),
    ("max_total_error", "double"),
    ("max_value_correlation", "double"),
    ("orders_include_subscriptions", "boolean"),
)


def config_models(file: CdpFile) -> dict[str, str]:
    """The parts of cdp.yml that models read: questions, missing codes, purposes, identifiers, prediction."""
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
    regions = {one.region or source.region or "" for source in file.sources for one in source.tables}
    return {
        "config_phone_regions": _values(
            (("phone_region", "string"),),
            [(region,) for region in sorted(regions)],
            "region where phones of a source are at home; empty = none declared",
        ),
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
        "config_cases": _values(
            (
                ("window_days", "int"),
                ("contact_within_days", "int"),
                ("follow_up_days", "int"),
                ("survey_cooldown_days", "int"),
                ("survey_purpose", "string"),
            ),
            [
                (
                    days(file.cx.cases.window),
                    days(file.cx.cases.contact_within),
                    days(file.cx.cases.follow_up),
                    days(file.cx.survey_cooldown),
                    file.cx.survey_purpose,
                )
            ],
            "company: the closed-loop settings",
        ),
        "config_case_rules": _values(
            (("kind", "string"), ("name", "string"), ("text", "string"), ("number", "int")),
            file.cx.cases.rules(file.cx.case_owners),
            "closed-loop rule (trigger, bad_to, contact or owner)",
        ),
        "config_cx": _values(
            config_cx.COLUMNS, [(file.cx.response_window_days, file.cx.duplicate_minutes)], "company"
        ),
        "config_surveys": _values(
            config_cx.SURVEY_COLUMNS, config_cx.survey_rows(file.cx), "survey that is declared"
        ),
        "config_cx_dimensions": _values(
            config_cx.DIMENSION_COLUMNS, [(name,) for name in file.cx.dimensions], "further cut of CX scores"
        ),
        "config_drivers": _values(
            config_cx.DRIVER_COLUMNS,
            config_cx.driver_rows(file.cx),
            "outcome, survey (null: each) and driver",
        ),
        "config_prediction": _values(
            PREDICTION_COLUMNS,
            [tuple(getattr(file.prediction, name) for name, _ in PREDICTION_COLUMNS)],
            "company: how it predicts, section `prediction`",
        ),
        "config_sales": _values((("mature_days", "int"),), [(file.sales.mature_days,)], "company"),
        "config_deal_stages": _values(config_sales.STAGE_COLUMNS, file.sales.stage_rows, "stage of a deal"),
        "config_campaigns": _values(config_sales.CAMPAIGN_COLUMNS, [file.campaigns.row], "company"),
        "config_journeys": _values(
            config_journeys.COLUMNS,
            config_journeys.journey_rows(file.journeys),
            "journey, stage and condition",
        ),
        **config_web_models(file.web, file.campaigns.spend_channels, _values),
        "config_survivorship": _values(
            SURVIVORSHIP_COLUMNS,
            survivorship_rows(file.survivorship, [source.name for source in file.sources]),
            "field or group of the golden record and source",
        ),
        "config_commerce": _settings(config_commerce.columns(file)),
        "config_triggers": _values(
            config_triggers.COLUMNS, config_triggers.trigger_rows(file.triggers), "trigger and step"
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
        "config_sending": _values(
            config_sending.COLUMNS, [config_sending.settings_row(file)], "company: section `sending`"
        ),
        "config_send_rules": _values(
            config_sending.RULE_COLUMNS,
            config_sending.rule_rows(file),
            "rule of section `sending` (cap, frequency, never, topic, exempt, list, category, cooldown)",
        ),
    }


def audiences_model(company: Company) -> str:
    """`config_audiences`: every audience with its limits and its holdout, from cdp.yml or beside the model."""
    return _values(config_audiences.COLUMNS, config_audiences.audience_rows(company), "audience model")


def _settings(columns: Sequence[tuple[str, str, object]]) -> str:
    """The one row of settings that are numbers and words."""
    names = [(name, sql_type) for name, sql_type, _ in columns]
    return _values(names, [[value for *_, value in columns]], "run, the settings of the commerce marts")


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
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    return plain("'" + str(value).replace("'", "''") + "'")
