"""`cdp report`: the published file -> one static HTML page that needs nothing else.

No script, no request to anywhere (a content policy in the page forbids both), styles and charts inline, light
and dark by the reader's setting, fit for print. Aggregates only: see `report_data`.
"""

import os
from importlib.resources import files
from pathlib import Path
from string import Template

from cli import report_customers, report_cx, report_data, report_operations, report_sales, warehouse
from cli.config import Company
from cli.report_data import Figures
from cli.report_html import Html, esc, join, tag

SECTIONS = (
    ("profiles", "Profiles", report_customers.profiles),
    ("scores", "Customer experience", report_cx.scores),
    ("touchpoints", "Touchpoints", report_cx.touchpoints),
    ("sales", "Sales", report_sales.sales),
    ("retention", "Retention", report_sales.retention),
    ("loads", "Rows in", report_operations.loads),
    ("quality", "Data quality", report_operations.quality),
    ("identity", "Identity", report_operations.identity),
    ("sends", "Sends", report_operations.sends),
)


def default_path(company: Company) -> Path:
    """Beside the published file: who may read that may read the report."""
    return company.published.parent / "report.html"


def write(company: Company, out: Path | None = None) -> tuple[Path, Figures]:
    """Write the page, whole or not at all, and return where it is and the figures on it.

    Raises CdpError when nothing is published or the place cannot be written.
    """
    path = out or default_path(company)
    figures = report_data.read(company)
    content = page(figures)
    fresh = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(content, encoding="utf-8")
        fresh.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o640)
        fresh.replace(path)
    except OSError as error:
        raise warehouse.translate(error, path) from error
    finally:
        fresh.unlink(missing_ok=True)
    return path, figures


def page(figures: Figures) -> str:
    """The whole page."""
    template = Template(files("cli").joinpath("report_template.html").read_text(encoding="utf-8"))
    links = join([tag("a", title, href=f"#{name}") for name, title, _ in SECTIONS])
    body = join([report_customers.key_figures(figures), *(build(figures) for _, _, build in SECTIONS)])
    title = f"{figures.company}: customer report" + (f" ({figures.notice})" if figures.notice else "")
    return template.substitute(
        title=esc(title),
        company=esc(figures.company),
        notice=_notice(figures),
        facts=_facts(figures),
        links=links,
        body=body,
        source=esc(figures.file),
        footer_notice=esc(f"{figures.notice}. " if figures.notice else ""),
    )


def _notice(figures: Figures) -> Html:
    return tag("p", figures.notice, class_="notice", role="note") if figures.notice else Html("")


def _facts(figures: Figures) -> Html:
    found = figures.one("published")
    pairs = [
        ("Data as of", found.get("as_of")),
        ("Published", found.get("published_at")),
        ("Run", _run_id(found)),
        ("Months", f"of {figures.timezone}"),
        ("Currency", figures.currency),
    ]
    parts = [
        tag("div", join([tag("dt", name), tag("dd", value)])) for name, value in pairs if value is not None
    ]
    return tag("dl", join(parts), class_="facts")


def _run_id(found: report_data.Row) -> Html | None:
    """The run id as code; it is made by us, and its digits are no phone number."""
    return tag("code", found["run_id"]) if found.get("run_id") else None
