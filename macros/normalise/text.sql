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

{#- E.164 with '+', by the calling code and national prefix of the source's region (seed phone_regions, from
    libphonenumber). Digits of other scripts count. Null for what cannot be a number: 8 to 15 digits (ITU E.164). -#}
{% macro normalize_phone(column, calling_code, national_prefix) -%}
    {%- set text -%} trim({{ latin_digits(column) }}) {%- endset -%}
    {%- set main -%} regexp_replace(lower({{ text }}), '(ext|x|#).*$', '') {%- endset -%}
    {%- set digits -%} {{ regexp_replace_all(main, '[^0-9]', '') }} {%- endset -%}
    {%- set starts_international -%} {{ matches(main, '^[^0-9]*([+]|00).*$') }} {%- endset -%}
    {%- set number -%}
        case
            when {{ starts_international }} then regexp_replace({{ digits }}, '^00', '')
            {% if calling_code %}
            {% if national_prefix %}
            when {{ digits }} like '{{ national_prefix }}%'
                then '{{ calling_code }}' || substr({{ digits }}, {{ national_prefix | length + 1 }})
            {% endif %}
            when {{ digits }} like '{{ calling_code }}%' and length({{ digits }}) >= {{ calling_code | length + 8 }}
                then {{ digits }}
            else '{{ calling_code }}' || {{ digits }}
            {% endif %}
        end
    {%- endset -%}
    {%- set tidy -%}
        {% if calling_code and national_prefix -%}
        regexp_replace({{ number }}, '^{{ calling_code }}{{ national_prefix }}', '{{ calling_code }}')
        {%- else -%} {{ number }} {%- endif %}
    {%- endset -%}
    case when length({{ tidy }}) between 8 and 15 and length({{ digits }}) >= 7 then '+' || {{ tidy }} end
{%- endmacro %}
