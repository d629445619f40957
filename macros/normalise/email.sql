{#- One spelling of an address, so that joins on email agree across sources: the literal form, which is the identifier. Display
    names, `mailto:`, quotes around it and dots after it go; case is folded, full-width letters and dots of East Asian keyboards are
    plain ones, a domain in any script stays in it (NFC). Null for what is no `local@domain.tld`: a null never links two people,
    'n/a' would. -#}
{% macro normalize_email(column) -%}
    case
        when {{ matches(column, '^ *[A-Za-z0-9._+-]+@(?:[A-Za-z0-9-]+[.])+[A-Za-z]+ *$') }} then lower(trim({{ column }}))
        else nullif({{ regexp_find(email_bare(column), email_pattern()) }}, '')
    end
{%- endmacro %}

{% macro email_bare(column) -%}
    {%- set ns = namespace(text='translate(lower(' ~ half_width(without_invisible(unicode_nfc(column))) ~ "), '。．｡', '...')") -%}
    {%- for pattern, to in [
        ['^.*<([^<>]*)>[^<>]*$', '\\1'],
        ['^[^a-z]*mailto:([^?]*).*$', '\\1'],
        ['^[ \t\n\u00a0"\'\'‘“<]+', ''],
        ['[ \t\n\u00a0"\'\'’”>.,;:]+$', ''],
    ] -%} {%- set ns.text = regexp_sub(ns.text, pattern, to) -%} {%- endfor -%}
    {{ unicode_nfc(ns.text) }}
{%- endmacro %}

{#- Labels of the domain are not empty, and the last is no number. -#}
{% macro email_pattern() -%}
    {{ return('^[^@ \t\n\u00a0<>(),;:"]+@(?:[^@ \t\n\u00a0.<>(),;:"]+[.])+[^@ \t\n\u00a0.<>(),;:"]*[^@ \t\n\u00a0.<>(),;:"0-9][^@ \t\n\u00a0.<>(),;:"]*$') }}
{%- endmacro %}

{#- Where the mail of an address ends up, by the published rules of providers (seed email_providers): their other domains, dots that
    do not count, what follows a tag sign. Beside the literal form and never instead of it: it is a hint that two addresses are one
    mailbox, for fuzzy matching and for finding made-up addresses, and links nobody by itself. Of an address in literal form. -#}
{% macro canonical_email(column) -%}
    case
        {%- for one in lexicon().emails %}
        when {{ matches(column, '^[.]*[^@.' ~ one.tag ~ '][^@]*@(?:' ~ one.domains ~ ')$') }}
            then {{ canonical_local(column, one) }} || {{ "'@" ~ one.domain ~ "'" if one.domain else regexp_find(column, '@.*$') }}
        {%- endfor %}
        else {{ column }}
    end
{%- endmacro %}

{% macro canonical_local(column, provider) -%}
    {%- set local = regexp_sub(column, '^([^@' ~ provider.tag ~ ']+)[^@]*@.*$', '\\1') -%}
    {{ regexp_replace_all(local, '[.]', '') if provider.ignores_dots == 'true' else local }}
{%- endmacro %}
