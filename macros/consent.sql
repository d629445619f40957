{#- Channels with a contact point of their own: mail addresses and telephone numbers. -#}
{% macro mail_channels() -%} 'email', 'mail', 'newsletter' {%- endmacro %}
{% macro telephone_channels() -%} 'phone', 'call', 'sms', 'mms', 'rcs', 'whatsapp', 'viber', 'zalo' {%- endmacro %}

{#- The contact point that a statement on a channel is about. On any other channel (ads, push, letter) null: the caller
    takes every point that is named. -#}
{% macro contact_point_of(channel, email, phone) -%}
    case
        when {{ channel }} in ({{ mail_channels() }}) then {{ email }}
        when {{ channel }} in ({{ telephone_channels() }}) then {{ phone }}
    end
{%- endmacro %}

{% macro has_own_contact_point(channel) -%}
    ({{ channel }} in ({{ mail_channels() }}, {{ telephone_channels() }}))
{%- endmacro %}

{#- The channel of a message event; where the tool does not say, the kind of address it went to tells. -#}
{% macro message_channel() -%}
    coalesce(channel, case when email is not null then 'email' when phone is not null then 'sms' end)
{%- endmacro %}

{#- Channels that reach a person by one medium, under one word: who unsubscribes from the newsletter, or whose address
    bounced it, is no reader of our mail. A complaint about a text message is none about a call. -#}
{% macro channel_family(channel) -%}
    case
        when {{ channel }} in ({{ mail_channels() }}) then 'email'
        when {{ channel }} in ('phone', 'call') then 'phone'
        else {{ channel }}
    end
{%- endmacro %}

{% macro add_days(moment, days) -%} {{ return(adapter.dispatch('add_days')(moment, days)) }} {%- endmacro %}
{% macro duckdb__add_days(moment, days) -%} {{ return('(' ~ moment ~ ' + to_days(' ~ days ~ '))') }} {%- endmacro %}
{% macro default__add_days(moment, days) -%}
    {{ return('(' ~ moment ~ ' + make_dt_interval(' ~ days ~ ', 0, 0, 0))') }}
{%- endmacro %}

{#- A number in [0, 1) that is as good as drawn by lot, and always the same for one text. -#}
{% macro uniform_draw(expression) -%} {{ return(adapter.dispatch('uniform_draw')(expression)) }} {%- endmacro %}
{% macro duckdb__uniform_draw(expression) -%}
    {{ return("(cast('0x' || substr(md5(" ~ expression ~ "), 1, 13) as bigint) / 4503599627370496e0)") }}
{%- endmacro %}
{% macro default__uniform_draw(expression) -%}
    {{ return('(cast(conv(substr(md5(' ~ expression ~ '), 1, 13), 16, 10) as bigint) / 4503599627370496e0)') }}
{%- endmacro %}
