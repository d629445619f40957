{{ config(schema='customer') }}
-- Grain: one row per profile, purpose, audience and reason for which nothing is sent now, other than limits of frequency.
with

purposes as (
    select
        purposes.*,
        {{ channel_family('lower(purposes.channel)') }} as family,
        purposes.channel in ({{ mail_channels() }}) as is_mail,
        purposes.channel in ({{ telephone_channels() }}) as is_telephone,
        {{ is_optional('purposes') }} and exempt.name is null as is_held_by_wishes
    from {{ ref('config_purposes') }} as purposes
    left join {{ ref('config_send_rules') }} as exempt on purposes.purpose = exempt.name and exempt.kind = 'exempt'
),

topics as (
    select
        name as purpose,
        text as topic
    from {{ ref('config_send_rules') }}
    where kind = 'topic'
),

held_out as (
    select
        members.customer_id,
        purposes.purpose,
        members.audience,
        'holdout' as reason,
        false as is_deferred
    from {{ ref('audience_members') }} as members
    cross join purposes
    where members.is_holdout
),

-- who is in, and who left since the limits last held: neither is news until somebody has looked
guarded as (
    select distinct
        stays.customer_id,
        purposes.purpose,
        stays.audience,
        'audience ' || guards.guard as reason,
        true as is_deferred
    from {{ ref('audience_guards') }} as guards
    inner join {{ ref('audience_stays') }} as stays on guards.audience = stays.audience
    cross join purposes
    left join {{ ref('audience_sizes') }} as sizes on guards.audience = sizes.audience and sizes.guard = 'ok'
    where
        guards.guard <> 'ok'
        and (stays.is_member or sizes.measured_at is null or stays.left_at >= sizes.measured_at)
),

-- a person's own hours hold for mail and push too, the company's for what rings
quiet as (
    select
        clocks.customer_id,
        purposes.purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'quiet hours' as reason,
        true as is_deferred
    from {{ ref('customer_clocks') }} as clocks
    inner join
        purposes
        on purposes.is_telephone or (purposes.is_mail and clocks.quiet_by = 'person') or purposes.family = 'push'
    where clocks.is_quiet
),

wanted as (
    select
        preferences.customer_id,
        topics.purpose,
        {{ bool_or(has_word('preferences.topics', 'topics.topic')) }} as is_wanted
    from {{ ref('preferences') }} as preferences
    cross join topics
    where preferences.topics is not null
    group by preferences.customer_id, topics.purpose
),

unwanted as (
    select
        wanted.customer_id,
        wanted.purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'topic not wanted' as reason,
        false as is_deferred
    from wanted
    inner join purposes on wanted.purpose = purposes.purpose and purposes.is_held_by_wishes
    where not wanted.is_wanted
),

-- a word that is no code of a language (`English`) is no wish that could be kept
spoken as (
    select
        customer_id,
        {{ regexp_replace_all('language', '[-_][a-z0-9]+', '') }} as languages
    from {{ ref('preferences') }}
    where {{ matches('language', '^[a-z]{2,3}([-_][a-z0-9]+)*( *[,;|] *[a-z]{2,3}([-_][a-z0-9]+)*)*$') }}
),

read_by as (
    select
        spoken.customer_id,
        written.name as purpose,
        {{ bool_or(has_word('spoken.languages', 'written.text')) }} as is_read
    from spoken
    inner join {{ ref('config_send_rules') }} as written on written.kind = 'language'
    group by spoken.customer_id, written.name
),

unread as (
    select
        read_by.customer_id,
        read_by.purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'prefers another language' as reason,
        false as is_deferred
    from read_by
    inner join purposes on read_by.purpose = purposes.purpose and purposes.is_held_by_wishes
    where not read_by.is_read
),

-- who would rather be called than written to is not written to; a telephone is a telephone, whether it rings or buzzes
elsewhere as (
    select
        preferences.customer_id,
        purposes.purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'prefers another channel' as reason,
        false as is_deferred
    from {{ ref('preferences') }} as preferences
    cross join purposes
    where
        preferences.channel is not null
        and purposes.is_held_by_wishes
        and (purposes.is_mail or purposes.is_telephone)
        and not {{ has_word('preferences.channel', 'purposes.family') }}
        {% for medium, channels in [('is_mail', mail_channels()), ('is_telephone', telephone_channels())] %}
        {% for channel in channels.split(',') %}
        and not (purposes.{{ medium }} and {{ has_word('preferences.channel', channel | trim) }})
        {% endfor %}
        {% endfor %}
),

-- what else forbids a survey is judged with the address of each row; the cooldown holds beside it
asked as (
    select
        eligibility.customer_id,
        rules.name as purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'survey cooldown' as reason,
        true as is_deferred
    from {{ ref('survey_eligibility') }} as eligibility
    cross join {{ ref('config_send_rules') }} as rules
    cross join {{ ref('run_clock') }} as clock
    where rules.kind = 'cooldown' and eligibility.eligible_from > clock.as_of
),

final as (
    select * from held_out
    union all
    select * from guarded
    union all
    select * from quiet
    union all
    select * from unwanted
    union all
    select * from unread
    union all
    select * from elsewhere
    union all
    select * from asked
)

select * from final
