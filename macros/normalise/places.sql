{#- A postal address as a form to compare by: folded, without marks, common words in one short form (seed address_words); a
    German street ends in `str`; Vietnamese `Q.1` and `Quận 1` are `q 1`. -#}
{% macro normal_address(parts) -%}
    {%- set ns = namespace(text='') -%}
    {%- for part in parts -%}
        {%- set ns.text = ns.text ~ (" || ' ' || " if not loop.first else '') ~ "coalesce(" ~ folded(part) ~ ", '')" -%}
    {%- endfor -%}
    {%- set ns.text = regexp_replace_all(ns.text, '[\'\'’‘ʼ`´]', '') -%}
    {%- set ns.text = regexp_replace_all(ns.text, '#', ' unit ') -%}
    {%- set ns.text = regexp_replace_all("' ' || " ~ ns.text ~ " || ' '", '[^0-9\\pL\\pM]+', '  ') -%}
    {%- set ns.text = regexp_replace_all(ns.text, ' (tp|[qp])([0-9]+)', ' \\1  \\2') -%}
    {%- set ns.text = regexp_replace_all(ns.text, '([a-z]{3})(?:strasse|str) ', '\\1str ') -%}
    {%- for pattern, to in lexicon().address -%} {%- set ns.text = regexp_replace_all(ns.text, pattern, to) -%} {%- endfor -%}
    nullif(trim({{ regexp_replace_all(ns.text, ' +', ' ') }}), '')
{%- endmacro %}

{#- Letters and digits of a postal code: `SW1A 1AA`, `sw1a-1aa` and `SW1A1AA` are one. -#}
{% macro normal_postal_code(column) -%}
    nullif(upper({{ regexp_replace_all(folded(column), '[^0-9a-z]', '') }}), '')
{%- endmacro %}

{#- ISO 3166-1 alpha-2 of a country's code or name in 31 languages (seed country_names); null where it is none. -#}
{% macro country_code(column) -%}
    (
        select max(names.country_code)
        from {{ ref('country_names') }} as names
        where names.lookup_key = {{ lookup_key(column) }}
    )
{%- endmacro %}
