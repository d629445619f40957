{#- The contact point a statement on a channel is about: mail channels the address, telephone channels the number. On any
    other channel (ads, push, letter) null: the caller takes every point that is named. -#}
{% macro contact_point_of(channel, email, phone) -%}
    case
        when {{ channel }} in ('email', 'mail', 'newsletter') then {{ email }}
        when {{ channel }} in ('phone', 'sms', 'call', 'whatsapp', 'viber', 'zalo', 'mms', 'rcs') then {{ phone }}
    end
{%- endmacro %}

{% macro has_own_contact_point(channel) -%}
    ({{ channel }} in ('email', 'mail', 'newsletter', 'phone', 'sms', 'call', 'whatsapp', 'viber', 'zalo', 'mms', 'rcs'))
{%- endmacro %}

{% macro add_days(moment, days) -%} {{ return(adapter.dispatch('add_days')(moment, days)) }} {%- endmacro %}
{% macro duckdb__add_days(moment, days) -%} {{ return('(' ~ moment ~ ' + to_days(' ~ days ~ '))') }} {%- endmacro %}
{% macro default__add_days(moment, days) -%}
    {{ return('(' ~ moment ~ ' + make_dt_interval(' ~ days ~ ', 0, 0, 0))') }}
{%- endmacro %}
