"""What ruff and mypy cannot see: `python -m tests.lint` (part of `make check`; the tests run it too).

* imports point one way: `pipelines` never imports `cli`, `scoring` neither, nothing in the product imports `tests`, `demo` or
  `benchmarks`;
* the layers of the dbt manifest: only staging reads raw, nothing points back;
* every model says its grain and is described, every mart enforces a contract, describes its columns and tests its key;
* every compiled model parses as DuckDB SQL and, by sqlglot, as Spark SQL;
* every `cdp` command has help, an example and exit codes, and stands in the README.

The manifest is that of `examples/helpdesk` and the simulated company, parsed in a temporary copy.
"""

import ast
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlglot
import typer

ROOT = Path(__file__).resolve().parent.parent
# Later layers read earlier ones; audiences are the company's, and what unions them comes after.
LAYERS = ("config", "staging", "identity", "customer", "marts", "audiences", "members", "activation", "syncs")
FORBIDDEN = {
    "pipelines": {"cli", "scoring", "tests", "demo", "benchmarks"},
    "scoring": {"cli", "pipelines", "dbt", "tests", "demo", "benchmarks"},
    "models": {"cli", "pipelines", "tests", "demo", "benchmarks"},
    "cli": {"tests", "demo", "benchmarks"},
}


def imports() -> Iterator[str]:
    """Imports that point back."""
    for folder, banned in FORBIDDEN.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module]
                for name in names:
                    if name.split(".")[0] in banned:
                        yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {folder} imports {name}"


def layer_of(node: dict[str, Any]) -> str:
    """The layer of a model, by its folder."""
    parts = node["fqn"][1:]
    if parts[0] == "marts" and "audiences" in parts:
        return "members"
    if parts[0] in ("quarantine", "ops"):
        return "staging"
    if node["name"].startswith("prep_"):
        return "staging"
    if node["name"] == "all_audiences":
        return "audiences"
    return str(parts[0])


def layers(manifest: dict[str, Any]) -> Iterator[str]:
    """Edges that point back, and readers of raw outside staging."""
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    for node in models.values():
        layer = layer_of(node)
        if layer not in LAYERS:
            yield f"{node['original_file_path']}: unknown layer {layer}"
            continue
        for parent in node["depends_on"]["nodes"]:
            if parent in models:
                other = layer_of(models[parent])
                if LAYERS.index(other) > LAYERS.index(layer):
                    yield f"{node['name']} ({layer}) reads {models[parent]['name']} ({other})"
            elif parent.startswith("source.") and ".raw_" in parent and layer != "staging":
                yield f"{node['name']} ({layer}) reads raw: {parent}"


def models(manifest: dict[str, Any]) -> Iterator[str]:
    """Grain, description, contract, columns, key tests."""
    tested: dict[str, set[str]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node.get("test_metadata") and node.get("attached_node"):
            tested.setdefault(node["attached_node"], set()).add(node["test_metadata"]["name"])
    for key, node in manifest["nodes"].items():
        ours = node["original_file_path"].startswith("models/")
        if node["resource_type"] != "model" or not ours:
            continue
        name = node["original_file_path"]
        if "Grain: one row" not in node["raw_code"]:
            yield f"{name}: no line `Grain: one row per ...`"
        if not node["description"]:
            yield f"{name}: not described in its yml"
        if node["schema"] != "marts":
            continue
        if not node["contract"]["enforced"] and not node["name"].startswith("int_"):
            yield f"{name}: a mart without an enforced contract"
        for column in node["columns"].values():
            if not column["description"]:
                yield f"{name}: column {column['name']} is not described"
        if not {"unique", "unique_combination"} & tested.get(key, set()):
            yield f"{name}: its key is not tested"


def spark(target: Path) -> Iterator[str]:
    """Compiled models that are no Spark SQL."""
    for path in sorted((target / "compiled").rglob("*.sql")):
        if "/models/" not in str(path) or path.parent.suffix in (".yml", ".yaml"):
            continue
        text = path.read_text(encoding="utf-8")
        for dialect in ("duckdb", "spark"):
            try:
                sqlglot.parse(text, read=dialect)
            except sqlglot.errors.SqlglotError as error:
                yield f"{path.name}: not {dialect} SQL: {str(error).splitlines()[0][:120]}"


def commands() -> Iterator[str]:
    """Commands without help, example or exit codes, or absent from the README."""
    from cli.app import app

    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    def walk(command: Any, path: str) -> Iterator[str]:
        children: dict[str, Any] = getattr(command, "commands", {})
        if children:
            for name, child in children.items():
                yield from walk(child, f"{path} {name}")
            return
        text = command.help or ""
        for wanted in ("Example", "Exit codes"):
            if wanted not in text:
                yield f"{path}: help has no `{wanted}`"
        if path not in readme:
            yield f"{path}: not in the README"

    yield from walk(typer.main.get_command(app), "cdp")


def built(example: str, folder: Path) -> tuple[dict[str, Any], Path]:
    """Manifest and target folder of a company built in a temporary copy."""
    from cli import runs, warehouse
    from cli.build import build
    from cli.config import load_company

    root = folder / Path(example).name
    ignore = shutil.ignore_patterns(".cdp", "warehouse", "data", "spool", "__pycache__")
    shutil.copytree(ROOT / example, root, ignore=ignore)
    company = load_company(root / "cdp.yml")
    from datetime import UTC, datetime

    with warehouse.connect(company) as con:
        runs.ensure(con)
        runs.set_clock(con, company.as_of(datetime.now(UTC)), "lint")
    build(company, "lint")
    target = company.dot / "target"
    return json.loads((target / "manifest.json").read_text(encoding="utf-8")), target


def problems() -> list[str]:
    """Everything that is wrong."""
    found = [*imports(), *commands()]
    with tempfile.TemporaryDirectory() as folder:
        manifest, target = built("demo", Path(folder))
        found += [*layers(manifest), *models(manifest), *spark(target)]
    return found


def main() -> None:
    """Print the problems; exit 1 when there are any."""
    found = problems()
    for line in found:
        print(line)
    print(f"{len(found)} problems", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
