{#- E.164 with '+', as libphonenumber writes the numbers it calls possible (docs/normalisation.md says where ours differs).
    `region` is where numbers without a country code are at home; without one only international numbers are read.
    Null for everything else: a null never links two people. What is known of each region: macros/normalise/phone_metadata.sql. -#}
{% macro normalize_phone(column, region='') -%}
    {%- set known = phone_metadata() -%}
    {%- set home = known.regions.get(region) -%}
    {%- set ns = namespace(number=phone_dialled(column)) -%}
    {%- set steps = [['^[+]00', '00']] -%}
    {%- if home -%}
        {%- if home.zeros -%} {%- do steps.append([home.zeros, '+\\1']) -%} {%- endif -%}
        {%- if home.idd -%} {%- do steps.append(['^(?:' ~ home.idd ~ ')([1-9])', '+\\1']) -%} {%- endif -%}
        {%- for one in home.rewrites -%} {%- do steps.append([one.from, one.to]) -%} {%- endfor -%}
        {%- do steps.append([home.national, home.to]) -%}
    {%- else -%} {%- do steps.append(['^00([1-9])', '+\\1']) -%}
    {%- endif -%}
    {%- for one in known.cuts -%}
        {%- do steps.append([one.from, one.to]) -%}
    {%- endfor -%}
    {%- for one in known.rewrites -%} {%- do steps.append([one.from, one.to]) -%} {%- endfor -%}
    {%- for pattern, to in steps -%} {%- set ns.number = regexp_sub(ns.number, pattern, to) -%} {%- endfor -%}
    nullif({{ regexp_find(ns.number, known.possible) }}, '')
{%- endmacro %}

{#- What one would dial: digits, with a leading '+' where one was written; '' where the text cannot be a number. Most numbers
    are digits and marks only and go the short way. -#}
{% macro phone_dialled(column) -%}
    case
        when {{ matches(column, '^[ (]*[+]?[0-9][0-9 ().-]*$') }} then {{ regexp_replace_all(column, '[^0-9+]', '') }}
        else {{ phone_read(column) }}
    end
{%- endmacro %}

{#- The long way, in libphonenumber's order: from the first digit or '+'; without marks at the end, a second number, an
    extension; letters are the keys of a telephone. Ours besides: words after eight digits or more are not dialled. -#}
{% macro phone_read(column) -%}
    {%- set ns = namespace(text=phone_latin(column)) -%}
    {%- set steps = [
        ['^[^+0-9]+', ''],
        ['[^a-z0-9#]+$', ''],
        ['/ *x.*$', ''],
        [';isub=.*$', ''],
        ['^([+]*(?:[' ~ phone_marks() ~ ']*[0-9]){3,}[' ~ phone_marks() ~ 'a-z0-9]*?)(?:' ~ phone_extension() ~ ')$', '\\1'],
        ['^((?:[^0-9]*[0-9]){8,})(?:[ ]+|[ ]*[(\\[,;])[^0-9#]*$', '\\1'],
    ] -%}
    {%- for pattern, to in steps -%} {%- set ns.text = regexp_sub(ns.text, pattern, to) -%} {%- endfor -%}
    {%- set viable = regexp_find(ns.text, '^[+]*(?:[' ~ phone_marks() ~ ']*[0-9]){3,}[' ~ phone_marks() ~ 'a-z0-9]*$') -%}
    {%- set viable = regexp_sub(viable, '^([^a-z]*)[a-z]?([^a-z]*)[a-z]?([^a-z]*)$', '\\1\\2\\3') -%}
    {%- set keyed = 'translate(' ~ viable ~ ", 'abcdefghijklmnopqrstuvwxyz', '22233344455566677778889999')" -%}
    {{ regexp_sub(regexp_replace_all(keyed, '[^0-9+]', ''), '^[+]+', '+') }}
{%- endmacro %}

{% macro phone_marks() -%} {{ return('-x ()./~*\\[\\]') }} {%- endmacro %}

{#- The ways to write an extension that libphonenumber reads. -#}
{% macro phone_extension() -%}
    {{ return(
        ';ext=[0-9]{1,20}|[ ,]*(?:e?xt(?:ensi(?:o|ó)?)?n?|доб|anexo)[:.]?[ ,-]*[0-9]{1,20}#?'
        ~ '|[ ,]*(?:[x#~]|int)[:.]?[ ,-]*[0-9]{1,9}#?|[- ]+[0-9]{1,6}#'
        ~ '|[ ]*(?:,,|;)[:.]?[ ,-]*[0-9]{1,15}#?|[ ]*,+[:.]?[ ,-]*[0-9]{1,9}#?'
    ) }}
{%- endmacro %}

{#- Lower case, digits of every script as 0-9, full-width letters and the many dashes and spaces as plain ones; marks that
    only steer the direction of text go. -#}
{% macro phone_latin(column) -%}
    {%- set dashes = '‐‑‒–—―−ー－' -%} {%- set spaces = '\u00a0\u3000\u2009\u202f\t\n\r' -%}
    {%- set nothing = '\u00ad\u200b\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u0301' -%}
    {%- set from = dashes ~ spaces ~ '．／（）［］⁓∼～＃＋ｘｅｔｎｉ' ~ nothing -%}
    {%- set to = '-' * (dashes | length) ~ ' ' * (spaces | length) ~ './()[]~~~#+xetni' -%}
    case
        when {{ matches(column, '^[ -~]*$') }} then lower({{ column }})
        else translate(lower({{ latin_digits(column) }}), '{{ from }}', '{{ to }}')
    end
{%- endmacro %}
