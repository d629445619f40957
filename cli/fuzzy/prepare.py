"""The comparable form of each record: one table, one row per record, everything a comparison or a block needs.

Each value is a function of its own record (and of the shipped alias list) only, so a pair scores the same
whatever else is in the warehouse. Input columns are found by name (`INPUTS`): the first that exists counts, so
normalised columns of staging are taken where they are there.
"""

from pathlib import Path

import duckdb

from cli.fuzzy import text
from cli.fuzzy.scratch import SCHEMA

ALIASES = Path(__file__).parent / "data" / "aliases.csv"
PREPARED = f"{SCHEMA}.prepared"

# What we call it: the columns it may come from, best first.
INPUTS: dict[str, tuple[str, ...]] = {
    "source": ("source",),
    "first_name": ("first_name_normal", "first_name"),
    "last_name": ("last_name_normal", "last_name"),
    "full_name": ("full_name_normal", "full_name"),
    "given_root": ("given_name_root", "given_root"),
    "birth_date": ("birth_date",),
    "birth_year": ("birth_year",),
    "birth_month": ("birth_month",),
    "birth_day": ("birth_day",),
    "email": ("email_canonical", "email"),
    "phone": ("phone_e164", "phone"),
    "street": ("address_normal", "street_normal", "street"),
    "city": ("city_normal", "city"),
    "region": ("region_normal", "region"),
    "postal_code": ("postal_code_normal", "postal_code"),
    "country": ("country_code", "country"),
    "gender": ("gender",),
    "national_id": ("national_id",),
}


def columns_of(con: duckdb.DuckDBPyConnection, records: str) -> set[str]:
    """Column names of a table or view."""
    return {row[0].lower() for row in con.execute(f"describe select * from {records}").fetchall()}


def inputs_of(con: duckdb.DuckDBPyConnection, records: str) -> dict[str, str]:
    """Our name -> the column of `records` it is taken from; what is absent is left out."""
    there = columns_of(con, records)
    found = {}
    for name, candidates in INPUTS.items():
        column = next((c for c in candidates if c in there), None)
        if column:
            found[name] = column
    return found


def prepare(con: duckdb.DuckDBPyConnection, records: str) -> None:
    """Write the prepared table of `records` into the scratch schema."""
    found = inputs_of(con, records)
    picked = ",\n        ".join(
        f'cast(r."{found[name]}" as varchar) as {name}'
        if name in found
        else f"cast(null as varchar) as {name}"
        for name in INPUTS
    )
    con.execute(_alias_sql("given"), [str(ALIASES)])
    con.execute(_alias_sql("family"), [str(ALIASES)])
    con.execute(_PREPARE.replace("@picked", picked).replace("@records", records))


def _alias_sql(part: str) -> str:
    """One row per name that has others: the list, and the one that stands for all in a block."""
    return f"""
        -- Grain: one row per {part} name that is short for, or written as, another
        create or replace table {SCHEMA}.aliases_{part} as
        with listed as (
            select {text.words("name")} as name, {text.words("alias")} as alias
            from read_csv(?, header = true, all_varchar = true) where part = '{part}'
        )
        select
            a.name,
            list_sort(list_distinct(list(a.alias))) as aliases,
            coalesce(
                min(a.alias) filter (where not exists (select 1 from listed as b where b.name = a.alias)),
                min(a.alias)
            ) as stands_for,
        from listed as a
        where a.name <> a.alias
        group by a.name
    """


def _birth(name: str, start: int, length: int) -> str:
    """A part of the birth date: its own column, else digits of the date written year first."""
    digits = "regexp_replace(birth_date, '[^0-9]', '', 'g')"
    part = f"substr({digits}, {start}, {length})"
    part = f"case when strlen({digits}) >= {start + length - 1} then {part} end"
    own = f"lpad(nullif(regexp_replace(split_part({name}, '.', 1), '[^0-9]', '', 'g'), ''), {length}, '0')"
    return f"coalesce({own}, {part})"


_PHONE = "regexp_replace(split_part(lower(phone), 'x', 1), '[^0-9]', '', 'g')"
_MAIL_DIGITS = "regexp_replace(split_part(email, '@', 1), '[^0-9]', '', 'g')"
_MAIL_LETTERS = "regexp_replace(email, '[^a-z@]', '', 'g')"
_PREPARE = f"""
-- Grain: one row per record of the input
create or replace table {PREPARED} as
with

picked as (
    select
        cast(r.record_id as varchar) as record_id,
        @picked,
    from @records as r
),

spelled as (
    select
        record_id,
        source,
        {text.person_name("first_name")} as first_words,
        {text.person_name("last_name")} as last_words,
        {text.person_name("full_name")} as full_words,
        {text.words("given_root")} as given_root,
        nullif({_birth("birth_year", 1, 4)}, '0000') as birth_year,
        nullif({_birth("birth_month", 5, 2)}, '00') as birth_month,
        nullif({_birth("birth_day", 7, 2)}, '00') as birth_day,
        case when email like '%_@_%' then lower(trim(email)) end as email,
        case when strlen({_PHONE}) >= 6 then right({_PHONE}, 9) end as phone,
        {text.words("street")} as street,
        {text.words("city")} as city,
        {text.words("region")} as region,
        replace({text.words("postal_code")}, ' ', '') as postal_code,
        {text.words("country")} as country,
        nullif(substr({text.words("gender")}, 1, 1), 'u') as gender,
        replace({text.words("national_id")}, ' ', '') as national_id,
    from picked
),

-- A full name counts only where its parts were not delivered. Two to four Han or Hangul letters
-- without a blank are family name first; elsewhere order is not known, and `swapped` is a level of its own.
named as (
    select
        * exclude (first_words, last_words, full_words) replace (
            -- some sources write the town behind the street, and others do not
            case
                when ends_with(street, ' ' || city) then left(street, length(street) - length(city) - 1)
                else street
            end as street
        ),
        coalesce(
            first_words,
            case
                when last_words is not null then null
                when regexp_full_match(full_words, '[\\p{{Han}}\\p{{Hangul}}]{{2,4}}') then substr(full_words, 2)
                when contains(full_words, ' ') then regexp_replace(full_words, ' [^ ]+$', '')
                else full_words
            end
        ) as given,
        coalesce(
            last_words,
            case
                when first_words is not null then null
                when regexp_full_match(full_words, '[\\p{{Han}}\\p{{Hangul}}]{{2,4}}') then substr(full_words, 1, 1)
                when contains(full_words, ' ') then regexp_extract(full_words, ' ([^ ]+)$', 1)
            end
        ) as family,
    from spelled
),

known as (
    select
        n.*,
        split_part(n.given, ' ', 1) as given_first,
        coalesce(n.given_root, g.stands_for, split_part(n.given, ' ', 1)) as given_key,
        case
            when n.given is not null
                then list_concat(
                    [n.given, split_part(n.given, ' ', 1), replace(n.given, ' ', ''), n.given_root],
                    coalesce(g.aliases, [])
                )
        end as given_names,
        coalesce(f.stands_for, n.family) as family_key,
        case when n.family is not null then list_concat([n.family], coalesce(f.aliases, [])) end as family_names,
    from named as n
    left join {SCHEMA}.aliases_given as g on split_part(n.given, ' ', 1) = g.name
    left join {SCHEMA}.aliases_family as f on n.family = f.name
)

select
    cast(row_number() over (order by record_id) as integer) as row_id,
    * exclude (given_root),
    {text.one_byte("given")} as given_bytes,
    {text.one_byte("family")} as family_bytes,
    {text.one_byte("street")} as street_bytes,
    array_to_string(regexp_extract_all(street, '[0-9]+'), ' ') as street_number,
    given || ' ' || family as full_name,
    {text.one_byte("city")} as city_bytes,
    {text.skeleton("given_key")} as given_sound,
    {text.skeleton("family_key")} as family_sound,
    birth_year || birth_month || birth_day as birth,
    split_part(email, '@', 1) as email_user,
    split_part(email, '@', 2) as email_domain,
    regexp_replace(split_part(email, '@', 1), '[^a-z]', '', 'g') as email_letters,
    -- a number that is the year of birth repeats the birth date
    case
        when {_MAIL_DIGITS} not in (coalesce(birth_year, ''), coalesce(right(birth_year, 2), '')) then {_MAIL_DIGITS}
        when email is not null then ''
    end as email_digits,
    -- made of the owner's name: then likeness says what the names have said already; of a name in a script
    -- without Latin counterpart the address shows a romanisation that cannot be read back: assumed
    (strlen(family) >= 3 and contains({_MAIL_LETTERS}, replace(family, ' ', '')))
    or (strlen(given_first) >= 3 and contains({_MAIL_LETTERS}, given_first))
    or (contains({_MAIL_LETTERS}, replace(given, ' ', '')) and contains({_MAIL_LETTERS}, replace(family, ' ', '')))
    or strlen(concat(given, family)) <> length(concat(given, family)) as email_named,
from known
"""
