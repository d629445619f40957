{{ config(schema='customer', materialized='view') }}
-- Grain: one row per profile, purpose, audience (null: every sync of the purpose) and reason for which nothing is sent now.
-- A view: what one sync of a run has delivered counts for the next one of the same run. An operation that got no answer does not
-- count: it is sent again as itself, and must not wait for itself.
with

purposes as (
    select
        purposes.purpose,
        {{ channel_family('lower(purposes.channel)') }} as channel,
        {{ is_optional('purposes') }} and exempt.name is null as is_held_by_wishes,
        lists.name is not null as is_list
    from {{ ref('config_purposes') }} as purposes
    left join {{ ref('config_send_rules') }} as exempt on purposes.purpose = exempt.name and exempt.kind = 'exempt'
    left join {{ ref('config_send_rules') }} as lists on purposes.purpose = lists.name and lists.kind = 'list'
),

rules as (
    select
        rules.*,
        clock.as_of - rules.days * interval 1 day as counts_from
    from {{ ref('config_send_rules') }} as rules
    cross join {{ ref('run_clock') }} as clock
    where rules.kind in ('cap', 'frequency', 'cooldown')
),

runs as (
    select distinct
        sync,
        run_id,
        purpose
    from {{ source('exports_log', 'runs') }}
),

delivered as (
    select
        coalesce(redirects.new_customer_id, deliveries.customer_id) as customer_id,
        purposes.purpose,
        purposes.channel,
        deliveries.sent_at
    from {{ source('exports_log', 'deliveries') }} as deliveries
    inner join runs on deliveries.sync = runs.sync and deliveries.run_id = runs.run_id
    inner join purposes on runs.purpose = purposes.purpose
    left join {{ ref('customer_redirects') }} as redirects on deliveries.customer_id = redirects.old_customer_id
    where
        deliveries.operation = 'upsert'
        and deliveries.status in ('acked', 'unknown')
        and not purposes.is_list
        and purposes.channel <> 'ads'
        and deliveries.sent_at > (select min(counts_from) from rules)
),

messages as (
    select
        customer_id,
        channel,
        sent_at
    from delivered
    union all
    select
        customer_id,
        channel,
        sent_at
    from {{ ref('int_sending__messages') }}
),

capped as (
    select
        messages.customer_id,
        rules.name as channel,
        rules.number,
        rules.days
    from messages
    inner join rules on messages.channel = {{ channel_family('rules.name') }} and rules.kind = 'cap'
    where messages.sent_at > rules.counts_from
    group by messages.customer_id, rules.name, rules.number, rules.days
    having count(*) >= rules.number
),

-- how often they want to hear from us at all, over every channel
enough as (
    select preferences.customer_id
    from {{ ref('preferences') }} as preferences
    inner join rules on preferences.frequency = rules.name and rules.kind = 'frequency'
    inner join messages on preferences.customer_id = messages.customer_id and rules.counts_from < messages.sent_at
    group by preferences.customer_id
),

-- by any purpose that asks: a person does not care which one it was
asked as (
    select distinct sent.customer_id
    from {{ ref('survey_deliveries') }} as sent
    inner join rules on sent.sent_at > rules.counts_from and rules.kind = 'cooldown'
),

told as (
    select
        customer_id,
        purpose,
        audience,
        reason,
        is_deferred
    from {{ ref('int_sending__holds') }}
),

holds as (
    select * from told
    union all
    select distinct
        capped.customer_id,
        purposes.purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'frequency cap' as reason,
        true as is_deferred
    from capped
    inner join purposes on {{ channel_family('capped.channel') }} = purposes.channel
    where purposes.is_held_by_wishes
    union all
    select
        enough.customer_id,
        purposes.purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'frequency preference' as reason,
        true as is_deferred
    from enough
    cross join purposes
    where purposes.is_held_by_wishes and purposes.channel <> 'ads'
    union all
    select
        asked.customer_id,
        rules.name as purpose,
        cast(null as {{ sql_type('string') }}) as audience,
        'survey cooldown' as reason,
        true as is_deferred
    from asked
    inner join rules on rules.kind = 'cooldown'
    left join told
        on
            asked.customer_id = told.customer_id
            and rules.name = told.purpose
            and told.reason = 'survey cooldown'
    where told.customer_id is null
)

select * from holds
