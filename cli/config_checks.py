"""Checks of `cdp.yml` that need two places of the file, each with the path it is about."""

from collections.abc import Iterator

from cli import config_survivorship
from cli.config import DEFAULT_IDENTIFIERS, Company
from cli.config_audiences import audience_problems
from cli.config_cases import case_problems
from cli.config_cx import attributes, cx_problems
from cli.config_operations import operations_problems
from cli.config_sending import sending_problems
from cli.config_triggers import trigger_problems
from cli.source_checks import Problem, source_problems
from pipelines.errors import UsageError

# Columns of generated staging that every row has.
OUR_COLUMNS = frozenset(
    {
        "load_id",
        "load_seq",
        "file",
        "position",
        "row_hash",
        "row_status",
        "row_reason",
        "row_text",
        "record_key",
    }
    | {
        "record_id",
        "updated_at",
        "is_deleted",
        "attributes",
        "source",
        "source_table",
        "brand",
    }
    | {"phone_region", "node_id", "record_updated_at", "version_rank"}
)


def problems(company: Company) -> Iterator[Problem]:
    """Every contradiction of the file; empty when it can be run."""
    fuzzy = company.file.identity.fuzzy
    if fuzzy.review_at > fuzzy.merge_at:
        yield ("identity", "fuzzy", "review_at"), "must not be above merge_at: what is merged needs no review"
    if company.warehouse.resolve() == company.published.resolve():
        yield ("warehouse", "published"), "must be another file than `path`: publishing replaces it"
    yield from _identifiers(company)
    yield from source_problems(company)
    yield from case_problems(company)
    if has_tables := _knows_tables(company):
        yield from cx_problems(company)
    yield from _destinations(company)
    yield from audience_problems(company)
    yield from sending_problems(company)
    yield from operations_problems(company)
    yield from trigger_problems(company)
    names = [source.name for source in company.file.sources]
    if has_tables:
        mapped = dict(attributes(company, "contact"))
        yield from config_survivorship.problems(company.file.survivorship, names, mapped)


def _knows_tables(company: Company) -> bool:
    """Whether what sources map can be asked: a preset there is not is told of its source, and all else waits for that."""
    try:
        _ = company.sources
    except KeyError:
        return False
    return True


def _destinations(company: Company) -> Iterator[Problem]:
    if not company.destinations:
        return
    from pipelines.exports.destinations import option_problems

    for name, destination in company.destinations.items():
        try:
            wrong = option_problems(destination.kind(company.root), destination.model_extra or {})
        except UsageError as error:
            yield ("destinations", name, "type"), str(error)
            continue
        for path, message in wrong:
            yield ("destinations", name, *path), message
        if "pace" in (destination.model_extra or {}):
            yield (
                ("destinations", name, "pace"),
                "option `pace` is unknown: where the rate is kept is not yours to say",
            )


def _identifiers(company: Company) -> Iterator[Problem]:
    added = [name for name in company.file.identity.identifiers if name not in DEFAULT_IDENTIFIERS]
    if not added:
        return
    import duckdb

    words = duckdb.sql(
        "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    ).fetchall()
    reserved = {row[0] for row in words} | OUR_COLUMNS
    for name in added:
        if name in reserved or "__" in name:
            yield (
                ("identity", "identifiers", name),
                f"`{name}` cannot name an identifier: it is a word of SQL, a column of ours, or holds `__`",
            )
