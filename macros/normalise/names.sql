{#- A person's name as a form to compare by, never to show: lower case, without diacritics (scripts in which marks make letters stay
    as they are), titles and suffixes (seed name_titles), apostrophes; hyphens and dots are spaces. `Last, First` is turned
    round. Null for a title alone. -#}
{% macro normal_name(column) -%}
    {%- set words = lexicon().titles -%}
    {%- set mark = name_marks() -%}
    {%- set titles = '^[' ~ mark ~ ']*(?:(?:' ~ words.before ~ ')[' ~ mark ~ ']+|(?:' ~ words.attached_before ~ '|คุณ)[' ~ mark ~ ']*)+' -%}
    {%- set ns = namespace(text=folded(without_toned_title(column))) -%}
    {%- set ns.text = regexp_replace_all(ns.text, '[' ~ name_quotes() ~ ']|[(（][^)）]*[)）]', '') -%}
    {%- for pattern, to in [
        [titles ~ '$', ''],
        [titles ~ '([^าัิุวะ' ~ mark ~ '])', '\\1'],
        ['(?:^|[' ~ mark ~ ']+)(?:' ~ words.after ~ ')(?:[' ~ mark ~ ']+(?:' ~ words.after ~ '))*[' ~ mark ~ ']*$', ''],
        ['^[' ~ mark ~ ']*([^,،、]*[^' ~ mark ~ '])[' ~ mark ~ ']*[,،] *([^,،、]*[^' ~ mark ~ '])[' ~ mark ~ ']*$', '\\2 \\1'],
    ] -%} {%- set ns.text = regexp_sub(ns.text, pattern, to) -%} {%- endfor -%}
    {%- set ns.text = "' ' || " ~ regexp_replace_all(ns.text, '[' ~ mark ~ '()（）]+', ' ') ~ " || ' '" -%}
    {%- set titles = '^ +(?:(?:' ~ words.before ~ ') +|(?:' ~ words.attached_before ~ '|คุณ) *)+' -%}
    {%- for pattern, to in [
        [titles ~ '$', ''],
        [titles ~ '([^าัิุวะ ])', ' \\1'],
        ['([^ ])(?: +(?:' ~ words.after ~ ')| *(?:' ~ words.attached_after ~ '))+ *$', '\\1'],
        ['^ *(?:' ~ words.after ~ ') *$', ''],
        ['^ +anh +((?:' ~ lexicon().families.VN ~ ') +[^ ])', '\\1'],
    ] -%} {%- set ns.text = regexp_sub(ns.text, pattern, to) -%} {%- endfor -%}
    nullif(trim({{ ns.text }}), '')
{%- endmacro %}

{#- Vietnamese titles differ from names by their tone only (bà, Ba), so they go before diacritics do, and only before two words. -#}
{% macro without_toned_title(column) -%}
    case
        when {{ matches(column, '^[ -~]*$') }} then {{ column }}
        else {{ regexp_sub(
            unicode_nfc(column), '^ *(?i:' ~ lexicon().titles.toned ~ ')[ .]+([^ ]+ +[^ ])', '\\1'
        ) }}
    end
{%- endmacro %}

{#- What separates the words of a name, and what is only written inside one. -#}
{% macro name_marks() -%} {{ return(' \t\n\u00a0!-&*-/:-@\\[-_{-~·・،、。‐-―−…') }} {%- endmacro %}
{% macro name_quotes() -%} {{ return('\'\'’‘ʼ`´＇“”"') }} {%- endmacro %}

{#- The given or the family name out of a whole one, where a source has no more. Only what is sure: `Last, First`; in Vietnam a
    family name first where the last word is none (or a rare one, after a common one); in China, Taiwan, Hong Kong, Macao Han signs that begin with a family name (seed
    family_names). Everything else is null: whether `Linh Nguyen` or `Ada Lovelace` is turned round cannot be seen. -#}
{% macro name_part(full_name, whole, region, group) -%}
    {%- set families = lexicon().families -%}
    case
        when {{ matches(full_name, '^[^,]*[^ ,][^,]*,[^,]*[^ ,][^,]*$') }}
            then {{ normal_name(regexp_sub(full_name, '^([^,]*),([^,]*)$', '\\' ~ group)) }}
        {%- if region == 'VN' %}
        when
            {{ full_name }} is not null
            and (
                ({{ matches(whole, '^(?:' ~ families.VN ~ ') ') }} and not {{ matches(whole, ' (?:' ~ families.VN ~ ')$') }})
                or (
                    {{ matches(whole, '^(?:' ~ families.VN_common ~ ') ') }}
                    and not {{ matches(whole, ' (?:' ~ families.VN_common ~ ')$') }}
                )
            )
            then {{ regexp_sub(whole, '^([^ ]+) (?:[^ ]+ )*([^ ]+)$', '\\' ~ group) }}
        {%- elif region in ('CN', 'TW', 'HK', 'MO') %}
        when {{ full_name }} is not null and {{ matches(whole, '^(?:' ~ families.CN ~ ')[一-鿿]{1,2}$') }}
            then {{ regexp_sub(whole, '^(' ~ families.CN ~ ')([一-鿿]{1,2})$', '\\' ~ group) }}
        {%- endif %}
    end
{%- endmacro %}

{#- Names of one column, or where the source has only a whole name (`whole`: the same in normal form), the part that is sure. -#}
{% macro normal_first_name(first_name, full_name, whole, region='') -%}
    coalesce({{ normal_name(first_name) }}, {{ name_part(full_name, whole, region, 2) }})
{%- endmacro %}
{% macro normal_last_name(last_name, full_name, whole, region='') -%}
    coalesce({{ normal_name(last_name) }}, {{ name_part(full_name, whole, region, 1) }})
{%- endmacro %}
{% macro normal_full_name(full_name, first_name, last_name) -%}
    coalesce(
        {{ normal_name(full_name) }},
        nullif(trim(coalesce({{ normal_name(first_name) }}, '') || ' ' || coalesce({{ normal_name(last_name) }}, '')), '')
    )
{%- endmacro %}

{#- The name that a given name is short for, where the list of nicknames leaves one (seed given_name_roots); else the name itself.
    `bob` is robert; `al` stays al, because it may be Albert, Alan or Alexander (seed nicknames has them all). -#}
{% macro given_name_root(column) -%}
    coalesce((select max(roots.root) from {{ ref('given_name_roots') }} as roots where roots.name = {{ column }}), {{ column }})
{%- endmacro %}
