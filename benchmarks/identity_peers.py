"""The peers of `benchmarks.identity_accuracy`, each as its own documentation would have a careful user set it up.

None is tuned to a set: settings follow from the columns there are. A peer that crashes, or is not installed (extra
`bench`), is reported so. Each returns record_id -> cluster for every threshold it is run at.
"""

import importlib
import logging
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa

Clusters = dict[str, str]


def _has(records: pa.Table, *columns: str) -> bool:
    return all(column in records.column_names for column in columns)


def splink(records: pa.Table) -> dict[str, Clusters]:
    """Splink 5: library comparisons, prior from exact rules, u by sampling, EM over two rules (its tutorial)."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    name = "full_name" if _has(records, "full_name") else "first_name"
    made: dict[str, Any] = {
        "full_name": lambda: cl.NameComparison("full_name"),
        "first_name": lambda: cl.NameComparison("first_name"),
        "last_name": lambda: cl.NameComparison("last_name"),
        "birth_date": lambda: cl.DateOfBirthComparison(
            "birth_date", input_is_string=True, datetime_format=_date_format(records)
        ),
        "email": lambda: cl.EmailComparison("email"),
        "phone": lambda: cl.LevenshteinAtThresholds("phone", [1, 2]),
        "national_id": lambda: cl.DamerauLevenshteinAtThresholds("national_id", [1, 2]),
        "street": lambda: cl.JaroWinklerAtThresholds("street", [0.9, 0.8]),
        "city": lambda: cl.ExactMatch("city").configure(term_frequency_adjustments=True),
        "postal_code": lambda: cl.LevenshteinAtThresholds("postal_code", [1, 2]),
    }
    wanted = (
        ("national_id",), ("email",), ("phone",), ("birth_date",), ("first_name", "last_name"), ("last_name", "postal_code"),
        ("first_name", "postal_code"), ("street",), ("full_name",), ("last_name",), ("city", "first_name"),
    )  # fmt: skip
    rules: list[Any] = [block_on(*keys) for keys in wanted if _has(records, *keys)]
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=[make() for column, make in made.items() if _has(records, column)],
        blocking_rules_to_generate_predictions=rules,
    )
    api = DuckDBAPI()
    linker = Linker(api.register(records), settings)
    sure = [
        ("national_id",),
        ("email", "last_name"),
        (name, "birth_date"),
        ("last_name", "birth_date"),
        ("full_name", "phone"),
    ]
    exact: list[Any] = [block_on(*keys) for keys in sure if _has(records, *keys)]
    linker.training.estimate_probability_two_random_records_match(exact, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    for keys in (("birth_date",), (name, "last_name"), ("phone",), ("city",)):
        if _has(records, *keys):
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*keys))
    scored = linker.inference.predict(threshold_match_probability=0.01, warning_mode="never")
    found = {}
    for threshold in (0.5, 0.95):
        grouped = linker.clustering.cluster_pairwise_predictions_at_threshold(
            scored, threshold_match_probability=threshold
        )
        rows = grouped.as_duckdbpyrelation().select("record_id, cluster_id").fetchall()
        found[f"splink at {threshold}"] = {str(r): str(c) for r, c in rows}
    return found


def _date_format(records: pa.Table) -> str:
    sample = next((v for v in records["birth_date"].to_pylist() if v), "")
    return "%Y-%m-%d" if "-" in sample else "%Y%m%d"


def goldenmatch_zero(records: pa.Table) -> dict[str, Clusters]:
    """Run goldenmatch with no configuration at all."""
    gm = importlib.import_module("goldenmatch")
    pl = importlib.import_module("polars")
    frame = pl.from_arrow(records).drop("record_id")
    result = gm.dedupe_df(frame, confidence_required=False, allow_red_config=True)
    return {"goldenmatch": _golden_clusters(result, records)}


def goldenmatch_fs(records: pa.Table) -> dict[str, Clusters]:
    """Run goldenmatch with its own Fellegi-Sunter configuration."""
    gm = importlib.import_module("goldenmatch")
    pl = importlib.import_module("polars")
    frame = pl.from_arrow(records).drop("record_id")
    config = gm.auto_configure_probabilistic_df(frame)
    result = gm.dedupe_df(frame, config=config, confidence_required=False, allow_red_config=True)
    return {"goldenmatch fs": _golden_clusters(result, records)}


def _golden_clusters(result: Any, records: pa.Table) -> Clusters:
    ids = records["record_id"].to_pylist()
    clusters = {record: record for record in ids}
    for name, held in result.clusters.items():
        for member in held["members"]:
            clusters[ids[int(member)]] = f"c{name}"
    return clusters


def recordlinkage_ecm(records: pa.Table) -> dict[str, Clusters]:
    """recordlinkage: union of simple blocks, string similarities, its ECM classifier, connected components."""
    rl = importlib.import_module("recordlinkage")
    frame = records.to_pandas().set_index("record_id")
    indexer = rl.Index()
    for keys in (
        ["national_id"],
        ["email"],
        ["phone"],
        ["birth_date"],
        ["first_name"],
        ["last_name"],
        ["postal_code"],
        ["full_name"],
        ["street"],
    ):
        if _has(records, *keys):
            indexer.block(keys)
    pairs = indexer.index(frame)
    compare = rl.Compare()
    for column in ("first_name", "last_name", "full_name", "email", "street"):
        if _has(records, column):
            compare.string(column, column, method="jarowinkler", threshold=0.85, label=column)
    for column in ("birth_date", "phone", "national_id", "city", "postal_code", "region", "gender"):
        if _has(records, column):
            compare.exact(column, column, label=column)
    features = compare.compute(pairs, frame)
    links = rl.ECMClassifier().fit_predict(features)
    return {"recordlinkage ecm": connected(records["record_id"].to_pylist(), list(links))}


def connected(ids: list[str], links: list[tuple[str, str]]) -> Clusters:
    """Connected components."""
    parent = {record: record for record in ids}

    def root(x: str) -> str:
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, b in links:
        parent[root(a)] = root(b)
    return {record: root(record) for record in ids}


PEERS: dict[str, Callable[[pa.Table], dict[str, Clusters]]] = {
    "splink": splink,
    "goldenmatch": goldenmatch_zero,
    "goldenmatch fs": goldenmatch_fs,
    "recordlinkage ecm": recordlinkage_ecm,
}


def ours(records: pa.Table) -> dict[str, Clusters]:
    """Our default configuration (merge_at 0.97), train, score, cut, connected components."""
    from cli.fuzzy import cut_weak_bridges, score, thresholds, train

    with duckdb.connect() as con:
        con.register("given", records)
        con.execute("create table records as select * from given")
        model = train(con, "records", as_of="2026-01-01T00:00:00Z")
        ids = records["record_id"].to_pylist()
        if model.refused_because:
            return {"ours": {record: record for record in ids}}
        merge, _ = thresholds(model, 0.97, 0.80)
        score(con, "records", model, into="pairs")
        con.execute(
            "create table links as select record_a, record_b from pairs where match_weight >= ?", [merge]
        )
        cut_weak_bridges(con, "records", "links", model, into="judged", at=merge)
        links = con.execute("select record_a, record_b from judged where kept").fetchall()
        return {"ours": connected(ids, links)}
