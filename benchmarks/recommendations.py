"""Hit rate at 10 of `marts.recommendations` on a held-out month of the grocery scheme, beside the popularity baseline.

`examples/grocery_loyalty` is built as of midnight before December 2017 (the models read no line after `as_of`), once with each
rule for what was bought already. A household is hit when it buys at least one of its ten products in December; under `exclude`
only products it had not bought before count. The baseline offers the ten products with the most buyers, under the same rule.

    python -m benchmarks.recommendations [--work FOLDER]
"""

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cli import dbt, runs, warehouse
from cli.build import build
from cli.config import load_company
from cli.generate import generate, load_spec, source_specs
from pipelines.load import load_sources

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "grocery_loyalty"
CUT = "2017-12-01T05:00:00+00:00"
MODELS = ("config_commerce", "customer_products", "product_pairs", "recommendations")


@dataclass
class Hits:
    """Households that could be hit, the shares of them that were, and products in ten that were bought."""

    households: int
    hit_rate: float
    precision: float


def main() -> None:
    """Build, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="Where to build (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (options.work or Path(temporary)) / "grocery"
        print("rule      what         households  hit rate at 10  precision at 10   seconds")
        for rule in ("exclude", "allow"):
            seconds = offer(root, rule)
            for what, found in measured(root, rule).items():
                took = f"{seconds:9.1f}" if what == "recommended" else ""
                print(
                    f"{rule:<9} {what:<12} {found.households:>10,} {found.hit_rate:>15.3f} {found.precision:>16.3f} {took}"
                )


def offer(root: Path, rule: str) -> float:
    """Recommendations as of the cut under one rule; returns the seconds of their three tables."""
    first = not root.is_dir()
    if first:
        shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".cdp", "warehouse", "exports"))
    lines = (EXAMPLE / "cdp.yml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("clock:", "recommendations:"))]
    settings = [f'clock: {{as_of: "{CUT}"}}', f"recommendations: {{already_bought: {rule}, top_n: 10}}"]
    (root / "cdp.yml").write_text("\n".join(settings + kept) + "\n", encoding="utf-8")
    company = load_company(root / "cdp.yml")
    if first:
        warehouse.create(company)
        with warehouse.connect(company) as con:
            runs.ensure(con)
            runs.set_clock(con, company.as_of(datetime.now(UTC)), "bench")
        load_sources(load_spec(company), source_specs(company), "bench")
        nodes = build(company, "bench").nodes
    else:
        generate(company)
        result = dbt.invoke(company, ["run", "--select", *MODELS])
        dbt.raise_on_error(result, company, "recommending")
        nodes = result.nodes
    return sum(float(node["seconds"]) for node in nodes if node["name"] in MODELS)


def measured(root: Path, rule: str) -> dict[str, Hits]:
    """Hits of what the mart offers and of what everybody buys, against the file's own December."""
    with duckdb.connect() as con:
        con.execute(f"attach '{root / 'warehouse' / 'cdp.duckdb'}' as cdp (read_only)")
        con.execute(
            f"""create table lines as
                select household_id::varchar as household, product_id::varchar as product,
                    transaction_timestamp > timestamp '{CUT[:19]}' as is_later
                from '{EXAMPLE / "data" / "transactions.parquet"}' where quantity > 0 and sales_value > 0;
            create table known as select distinct household, product from lines where not is_later;
            create table truth as select distinct household, product from lines where is_later;
            create table asked as select distinct household from truth semi join known using (household)"""
        )
        if rule == "exclude":
            con.execute(
                "delete from truth using known where truth.household = known.household and truth.product = known.product"
            )
        con.execute(
            """create table recommended as
                select distinct owner.household, split_part(offers.product_key, ':', 2) as product
                from cdp.marts.recommendations as offers
                join (select customer_id, value as household from cdp.marts.customer_identifiers where type = 'user_id') as owner
                    using (customer_id)
                where offers.rank <= 10;
            create table ranks as
                select product, row_number() over (order by count(*) desc, product) as place from known group by product"""
        )
        unknown = "anti join known using (household, product)" if rule == "exclude" else ""
        con.execute(
            f"""create table popular as select household, product from (
                select * from (select household, product, place from asked cross join ranks where place <= 2000) {unknown})
                qualify row_number() over (partition by household order by place) <= 10"""
        )
        return {what: _hits(con, what) for what in ("recommended", "popular")}


def _hits(con: duckdb.DuckDBPyConnection, table: str) -> Hits:
    households, hit_rate, precision = con.execute(
        f"""select count(*), avg(least(hits, 1)), avg(hits) / 10 from (
            select asked.household, count(truth.product) as hits from asked
            left join {table} as offers on asked.household = offers.household
            left join truth on offers.household = truth.household and offers.product = truth.product
            group by asked.household)"""
    ).fetchall()[0]
    return Hits(int(households), float(hit_rate), float(precision))


if __name__ == "__main__":
    main()
