{#- The name of an organisation to compare by, never to show: lower case, without diacritics, signs, and what says its legal form
    (`Acme, Inc.`, `ACME GmbH & Co. KG`, `Công ty TNHH Acme` are one). Null for a legal form alone. -#}
{% macro company_key(column) -%}
    {%- set forms = 'inc|incorporated|llc|llp|ltd|limited|plc|corp|corporation|co|company|gmbh|ag|kg|kgaa|ug|se|sa|sas|sarl|srl|spa|bv|nv|'
        ~ 'ab|as|oy|oyj|aps|kk|pte|pty|pvt|sdn|bhd|jsc|joint stock|tnhh' -%}
    {%- set ns = namespace(text=regexp_replace_all(folded(column), '[.' ~ name_quotes() ~ ']', '')) -%}
    {%- set ns.text = "' ' || " ~ regexp_replace_all(ns.text, '[' ~ name_marks() ~ ' +()]+', ' ') ~ " || ' '" -%}
    {%- for pattern, to in [
        ['^ +(?:cong ty|cty) +(?:(?:co phan|cp|tnhh|mtv|mot thanh vien) +)*([^ ])', ' \\1'],
        ['^ +the +([^ ])', ' \\1'],
        ['([^ ])(?: +(?:' ~ forms ~ '))+ *$', '\\1'],
        ['^ *(?:' ~ forms ~ ') *$', ''],
    ] -%} {%- set ns.text = regexp_sub(ns.text, pattern, to) -%} {%- endfor -%}
    nullif(trim({{ ns.text }}), '')
{%- endmacro %}
