{#- Amounts as people and machines write them, exact to two decimals. Text in exponent form ('8.9e-16', which parquet doubles print)
    goes through double: DuckDB 1.5 reads it as 0.01 when cast straight to decimal. Ten trillion and more is a slip of the
    keyboard: taken in, one such value would overflow the sums it enters, and with them every build.

    `decimal` is the sign that the source declares, '.' or ','. Without one only what is sure is read: `1.234,56`, `1,234,567`,
    `12,5`. One sign before three digits (`1,234`) may be two numbers and is null, but a dot in typed data (`decimal` = 'typed': not
    csv) is always decimal, and in a currency without decimals the sign groups thousands (`₫120.000`). -#}
{% macro parse_money(column, decimal='') -%}
    cast(case
        when {{ matches(column, '^ *[-+]?(?:[0-9]+(?:[.]|[.][0-9]{1,2}|[.][0-9]{4,})?|[.][0-9]+) *$') }} and {{ "'" ~ decimal ~ "'" }} <> ','
            then {{ try_to(clean_text(column), 'decimal(15,2)') }}
        when {{ matches(column, '^ *[-+]?[0-9]+(?:[.][0-9]+)?[eE][-+]?[0-9]+ *$') }}
            then {{ try_to(try_to(clean_text(column), 'double'), 'decimal(15,2)') }}
        when {{ column }} is null then null
        when not {{ matches(money_text(column), '^[^0-9]*[0-9](?:[0-9., \'\']*[0-9])?[^0-9]*$') }} then null
        when {{ matches(money_text(column), '(?:^|[ -])[.,][0-9]') }} then null
        when {{ money_sign(column) }} <> '' and {{ currency_codes(money_sign(column)) }} = '' then null
        else case when {{ matches(money_text(column), '^[^0-9]*[-(]|[0-9][^0-9]*-$') }} then -1 else 1 end
            * {{ try_to(money_number(column, decimal), 'decimal(15,2)') }}
    end as decimal(18,2))
{%- endmacro %}

{#- Lower case, digits and marks of other scripts as plain ones; thousands of every kind as an apostrophe. -#}
{% macro money_text(column) -%}
    case
        when {{ matches(column, '^[ -~€₫฿₹₩₺₽₴£¥đ]*$') }} then lower({{ column }})
        else translate(lower({{ latin_digits(column) }}), '٫٬’{{ '\u202f\u00a0' }}−–', '.''''  --')
    end
{%- endmacro %}

{#- What stands beside the number: '' or the sign or code of a currency. -#}
{% macro money_sign(column) -%} {{ regexp_replace_all(money_text(column), '[-+0-9., \'\'()]', '') }} {%- endmacro %}

{#- The number as text with a dot: by the declared sign, or where the text can be read in one way only. -#}
{% macro money_number(column, decimal) -%}
    {%- set core = regexp_find(money_text(column), '[0-9](?:[0-9., \'\']*[0-9])?') -%}
    {%- set dotted = regexp_replace_all(core, '[, \'\']', '') -%}
    {%- set comma = 'replace(' ~ regexp_replace_all(core, '[. \'\']', '') ~ ", ',', '.')" -%}
    {%- set whole = regexp_replace_all(core, '[., \'\']', '') -%}
    {%- set group = '[1-9][0-9]{0,2}(?:[S \'\'][0-9]{2,3})*[S \'\'][0-9]{3}' -%}
    {%- set by_dot = '(?:[0-9]+|' ~ group | replace('S', ',') ~ ')(?:[.][0-9]+)?' -%}
    {%- set by_comma = '(?:[0-9]+|' ~ group | replace('S', '.') ~ ')(?:,[0-9]+)?' -%}
    case
        {%- if decimal == '.' %}
        when {{ matches(core, '^' ~ by_dot ~ '$') }} then {{ dotted }}
        {%- elif decimal == ',' %}
        when {{ matches(core, '^' ~ by_comma ~ '$') }} then {{ comma }}
        {%- else %}
        when {{ matches(core, money_one_sign()) }}
            then case
                when {{ matches(money_sign(column), '^(?:' ~ money_whole_signs() ~ ')$') }} then {{ whole }}
                {%- if decimal == 'typed' %}
                when {{ core }} like '%.%' then {{ core }}
                {%- endif %}
            end
        when {{ matches(core, '^[1-9][0-9]{0,2}(?:,[0-9]{2,3})+,[0-9]{3}$|^[1-9][0-9]{0,2}(?:[.][0-9]{3}){2,}$') }} then {{ whole }}
        when {{ matches(core, '^' ~ by_dot ~ '$') }} then {{ dotted }}
        when {{ matches(core, '^' ~ by_comma ~ '$') }} then {{ comma }}
        {%- endif %}
    end
{%- endmacro %}

{% macro money_one_sign() -%} {{ return('^[1-9][0-9]{0,2}[.,][0-9]{3}$') }} {%- endmacro %}

{#- Signs and codes of currencies without decimals in use, as a pattern. -#}
{% macro money_whole_signs() -%}
    {%- set known = lexicon() -%}
    {%- set found = known.whole_currencies | map('lower') | list -%}
    {%- for sign, codes in known.signs.items() if codes | reject('in', known.whole_currencies) | list | length == 0 -%}
        {%- do found.append(sign) -%}
    {%- endfor -%}
    {{ return(found | join('|') | replace('$', '[$]')) }}
{%- endmacro %}

{#- Could the amount be two numbers? Then the row says so, and how to decide it. -#}
{% macro is_ambiguous_money(column) -%}
    coalesce({{ matches(regexp_find(money_text(column), '[0-9](?:[0-9., \'\']*[0-9])?'), money_one_sign()) }}, false)
{%- endmacro %}

{#- The ISO 4217 codes that a code or sign (lower case) can mean, '' where none. One text holds them all: a list of three hundred
    constants in each expression makes the engine plan longer than it computes. -#}
{% macro currency_codes(text) -%}
    {%- set known = lexicon() -%}
    {%- set ns = namespace(signs='') -%}
    {%- for sign, codes in known.signs.items() -%} {%- set ns.signs = ns.signs ~ '|' ~ sign ~ '=' ~ codes | join(' ') -%} {%- endfor -%}
    case
        when {{ matches(text, '^(?:' ~ known.currencies | join('|') | lower ~ ')$') }} then upper({{ text }})
        else split_part(split_part('{{ ns.signs }}|', '|' || {{ text }} || '=', 2), '|', 1)
    end
{%- endmacro %}

{#- ISO 4217 code of a code or sign; a sign of several currencies is that of `expected`, if it can be. Null for what is none. -#}
{% macro normalize_currency(column, expected="''") -%}
    {%- set codes = currency_codes('lower(trim(' ~ column ~ '))') -%}
    case
        when length({{ codes }}) = 3 then {{ codes }}
        when length({{ expected }}) = 3 and {{ codes }} like '%' || {{ expected }} || '%' then {{ expected }}
    end
{%- endmacro %}

{#- The currency written beside an amount, null where there is none; and whether it is another than the row's. -#}
{% macro currency_beside(column, expected) -%}
    case
        when {{ matches(column, '[^0-9. -]') }} and {{ money_sign(column) }} <> ''
            then {{ normalize_currency(money_sign(column), expected) }}
    end
{%- endmacro %}
{% macro is_other_currency(column, currency) -%}
    case
        when {{ matches(column, '[^0-9. -]') }} and {{ money_sign(column) }} not in ('', 'e')
            then {{ currency_codes(money_sign(column)) }} not like '%' || {{ currency }} || '%'
        else false
    end
{%- endmacro %}

{#- The currency of a row: its columns, else what stands beside an amount, else what is declared. -#}
{% macro row_currency(columns, declared, amount='') -%}
    {%- set found = [] -%}
    {%- for column in columns -%} {%- do found.append(normalize_currency(column, declared)) -%} {%- endfor -%}
    {%- if amount -%} {%- do found.append(currency_beside(amount, declared)) -%} {%- endif -%}
    {%- do found.append(declared) -%}
    {{ 'coalesce(' ~ found | join(', ') ~ ')' if found | length > 1 else declared }}
{%- endmacro %}
