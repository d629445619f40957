"""From the mapping of a source table to staged columns: SQL over the raw row, normalisers, and what rejects a row."""

from cli.config import Company
from cli.config_sources import ColumnMap, Source, Table
from cli.entities import Column, Entity, entities
from cli.sql_text import jinja, literal, plain, quote
from cli.staged import StagedColumn, StagedTable, is_csv, is_json_lines


def staged_table(company: Company, source: Source, table: Table) -> StagedTable:
    """Work out columns, normalisers and checks of one table."""
    entity = entities()[table.entity]
    maker = _Columns(company, source, table, entity)
    return StagedTable(
        source, table, entity, maker.canonical(), maker.attributes(), table.key, maker.identifiers()
    )


class _Columns:
    def __init__(self, company: Company, source: Source, table: Table, entity: Entity) -> None:
        self.company, self.source, self.table, self.entity = company, source, table, entity
        self.timezone = table.timezone or source.timezone or "UTC"
        self.region = table.region or source.region or ""
        # only csv leaves open what a dot means; databases, parquet and JSON write numbers in one way
        self.decimal = table.decimal or source.decimal or ("" if is_csv(source, table) else "typed")
        self.person_identifiers = [
            name for name, one in company.file.identity.identifiers.items() if one.kind == "person"
        ]

    def canonical(self) -> list[StagedColumn]:
        """All canonical columns of the entity, then the identifiers it does not have by itself."""
        columns = [self._column(column) for column in self.entity.columns.values()]
        for name in self.person_identifiers:
            if name not in self.entity.columns:
                kind = name if name in ("email", "phone") else "string"
                columns.append(self._column(Column(name, kind, False, f"Identifier `{name}`")))
        return columns

    def identifiers(self) -> list[StagedColumn]:
        """One column per mapped identifier value; a list of source columns gives several of one type."""
        found = []
        for name in self.person_identifiers:
            spec = self.table.columns.get(name)
            if spec is None:
                continue
            kind = name if name in ("email", "phone") else "string"
            for number, raw in enumerate(self._raws(spec), start=1):
                label = name if number == 1 else f"{name}__{number}"
                value = self._value(raw, kind, None)
                text = f"{{{{ clean_text('{jinja(raw)}') }}}}"
                found.append(StagedColumn(label, kind, "string", value, text, identifier=name, pii=True))
        return found

    def attributes(self) -> list[StagedColumn]:
        """Mapped columns that are neither canonical nor identifiers."""
        known = set(self.entity.columns) | set(self.company.file.identity.identifiers)
        out = []
        for name, spec in self.table.columns.items():
            if name not in known:
                pii = not (isinstance(spec, ColumnMap) and spec.pii is False)
                out.append(StagedColumn(name, "string", "string", self._coalesce(self._raws(spec)), pii=pii))
        return out

    def _column(self, column: Column) -> StagedColumn:
        spec = self.table.columns.get(column.name)
        pii = column.kind in ("email", "phone", "name", "text")
        if isinstance(spec, ColumnMap) and spec.pii is not None:
            pii = spec.pii
        identifier = column.name if column.name in self.person_identifiers else None
        when = self._required_when(column)
        default = self._default(column.name)
        if spec is None:
            if column.kind == "currency":
                default = f"{{{{ {self._row_currency()} }}}}"
            expression = default or "null"
            return StagedColumn(
                column.name,
                column.kind,
                column.sql_type,
                expression,
                description=column.description,
                pii=pii,
                identifier=identifier,
                problem=f"case when {expression} is null{when} then 'no {column.name}' end"
                if column.required or when
                else None,
            )
        pattern = spec.format if isinstance(spec, ColumnMap) else None
        raws = self._raws(spec)
        texts = self._coalesce([f"{{{{ clean_text('{jinja(raw)}') }}}}" for raw in raws])
        value = self._coalesce([self._value(raw, column.kind, pattern) for raw in raws])
        read = value
        if default:
            value = f"coalesce({value}, {default})"
        checks = []
        if column.required or when:
            checks.append(f"when {texts} is null{when} then 'no {column.name}'")
        if column.kind in ("date", "timestamp", "int", "double", "boolean", "currency"):
            word = "unknown" if column.kind == "currency" else "unreadable"
            checks.append(
                f"when {texts} is not null and {read} is null then '{word} {column.kind} in {column.name}'"
            )
        if column.kind == "money":
            checks += self._money_checks(column.name, self._coalesce(raws), texts, value)
        problem = f"case {' '.join(checks)} end" if checks else None
        return StagedColumn(
            column.name,
            column.kind,
            column.sql_type,
            value,
            texts,
            problem,
            column.description,
            pii,
            identifier,
        )

    def _money_checks(self, name: str, raw: str, texts: str, value: str) -> list[str]:
        """What makes an amount unusable: unreadable, two readings, another currency beside it than the row's."""
        told = f"ambiguous money in {name}: one sign before three digits; declare `decimal` for the source"
        ambiguous = f"{{{{ is_ambiguous_money('{jinja(raw)}') }}}}"
        return [
            f"when {texts} is not null and {value} is null then"
            f" case when {ambiguous} then '{told}' else 'unreadable money in {name}' end",
            f"when {{{{ is_other_currency('{jinja(raw)}', {self._row_currency()}) }}}}"
            f" then 'another currency in {name} than the row has'",
        ]

    def _row_currency(self) -> str:
        """The currency that the row's amounts are in, as a Jinja expression: its column, what stands beside the first amount, ours."""
        columns = self.table.columns
        default = f"'{jinja(literal(self._home_currency()))}'"
        if "currency" not in self.entity.columns:
            return default
        if "currency" in columns:
            listed = ", ".join(f"'{jinja(raw)}'" for raw in self._raws(columns["currency"]))
            return f"row_currency([{listed}], {default})"
        amounts = [n for n, one in self.entity.columns.items() if one.kind == "money" and n in columns]
        beside = self._coalesce(self._raws(columns[amounts[0]])) if amounts else ""
        return f"row_currency([], {default}, '{jinja(beside)}')"

    def _home_currency(self) -> str:
        return self.table.currency or self.source.currency or self.company.file.reporting.currency

    def _required_when(self, column: Column) -> str:
        """` and <other column> = <value>`, for a column that only some rows cannot do without."""
        if column.required_when is None:
            return ""
        other, value = column.required_when
        return f" and {self._column(self.entity.columns[other]).expression} = {literal(value)}"

    def _default(self, name: str) -> str | None:
        if name == "currency":
            return plain(literal(self._home_currency()))
        for option in ("touchpoint", "channel"):
            value = getattr(self.table, option) or getattr(self.source, option)
            if name == option and value:
                return plain(literal(str(value).lower()))
        return None

    def _raws(self, spec: str | list[str] | ColumnMap) -> list[str]:
        if isinstance(spec, ColumnMap):
            return [self._raw(spec.column)] if spec.column is not None else [literal(spec.value or "")]
        return [self._raw(name) for name in ([spec] if isinstance(spec, str) else spec)]

    def _raw(self, name: str) -> str:
        top, _, rest = name.partition(".")
        if rest and is_json_lines(self.source, self.table):
            # A JSON pointer: unlike a JSON path it can name keys that hold quotes.
            steps = [part.replace("~", "~0").replace("/", "~1") for part in rest.split(".")]
            return f"json_extract_string({quote(top)}, {literal('/' + '/'.join(steps))})"
        return quote(name)

    def _value(self, raw: str, kind: str, pattern: str | None) -> str:
        arg = jinja(raw)
        if kind == "phone":
            return f"{{{{ normalize_phone('{arg}', '{self.region}') }}}}"
        if kind == "timestamp":
            form = f"'{jinja(pattern)}'" if pattern else "none"
            return f"{{{{ parse_timestamp('{arg}', '{self.timezone}', {form}) }}}}"
        if kind == "date":
            form = f"'{jinja(pattern)}'" if pattern else "none"
            return f"{{{{ parse_date('{arg}', {form}) }}}}"
        if kind == "money":
            return f"{{{{ parse_money('{arg}', '{self.decimal}') }}}}"
        if kind == "currency":
            return f"{{{{ normalize_currency('{arg}', '{jinja(literal(self._home_currency()))}') }}}}"
        macro = {
            "email": "normalize_email",
            "code": "normalize_code",
            "int": "parse_int",
            "double": "parse_double",
            "boolean": "parse_boolean",
        }.get(kind, "clean_text")
        return f"{{{{ {macro}('{arg}') }}}}"

    @staticmethod
    def _coalesce(parts: list[str]) -> str:
        return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"
