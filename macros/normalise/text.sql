{#- Trimmed text; empty is null, because exports write absent values as ''. -#}
{% macro clean_text(column) -%} nullif(trim({{ column }}), '') {%- endmacro %}

{#- A code word of a source (status, channel): lower case, so that `Paid` and `paid` are one. -#}
{% macro normalize_code(column) -%} nullif(lower(trim({{ column }})), '') {%- endmacro %}

{#- One spelling of an address, so that joins on email agree across sources. Display names and `mailto:` go,
    case is folded. Null for what is no `local@domain.tld`: a null never links two people, 'n/a' would. -#}
{% macro normalize_email(column) -%}
    {%- set text -%}
        lower(trim(regexp_replace({{ unicode_nfc(column) }}, '^.*<([^<>]*)>[^<>]*$', '\1')))
    {%- endset -%}
    {%- set bare -%} regexp_replace({{ text }}, '^mailto:', '') {%- endset -%}
    case when {{ matches(bare, email_pattern()) }} then {{ bare }} end
{%- endmacro %}

{% macro email_pattern() -%} ^[^@\s<>(),;:"]+@[^@\s<>(),;:"]+[.][^@\s.<>(),;:"]+$ {%- endmacro %}
