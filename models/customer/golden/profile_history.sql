{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_golden',
    on_schema_change='append_new_columns',
    schema='marts',
    contract={'enforced': true},
) }}
-- Grain: one row per customer, field (or group of fields) and stretch of time over which the same value was the one to show.
-- By the times at which sources changed their fields, the rules of golden_fields and the people as identity knows them today;
-- no run's clock is in it, so that it is the same however the deliveries were cut. What is shown today is the row without an end.
-- depends_on: {{ ref('touched_golden') }} {{ ref('golden_votes') }}
{% set first_teller = ordered_values(['starts_at', 'coalesce(record_id, node_id)', 'source']) %}
with

claims as (
    select * from {{ ref('contact_claims') }}
    where given_in_pass is null
),

-- a voice counts from when it told a value until it told another, the source withdrew it or mail bounced
voices as (
    select
        votes.customer_id,
        votes.field,
        votes.value,
        votes.value_key,
        votes.source,
        votes.record_id,
        votes.node_id,
        votes.is_verified,
        votes.strategy,
        votes.place,
        votes.load_seq,
        votes.valid_from as known_at,
        coalesce(votes.valid_from, timestamp '0001-01-01') as starts_at,
        coalesce(
            least(votes.valid_to, votes.bounced_at, votes.withdrawn_at), timestamp '9999-01-01'
        ) as ends_at
    from {{ ref('golden_votes') }} as votes
    left join claims
        on votes.customer_id = claims.customer_id and votes.field = claims.field and votes.value = claims.value
    where
        claims.customer_id is null
        and votes.never_because is null
        and (votes.is_current or votes.valid_to is not null)
),

spans as (
    select
        customer_id,
        field,
        value,
        value_key,
        source,
        record_id,
        node_id,
        is_verified,
        strategy,
        place,
        0 as tier,
        cast(0 as bigint) as mentions,
        known_at,
        load_seq,
        starts_at,
        ends_at
    from voices
    where starts_at < ends_at
    union all
    select
        mentions.customer_id,
        mentions.field,
        mentions.value,
        mentions.value as value_key,
        mentions.source,
        cast(null as {{ sql_type('string') }}) as record_id,
        mentions.node_id,
        false as is_verified,
        mentions.strategy,
        mentions.place,
        1 as tier,
        cast(mentions.mentions as bigint) as mentions,
        mentions.known_at,
        cast(0 as bigint) as load_seq,
        coalesce(mentions.valid_from, timestamp '0001-01-01') as starts_at,
        timestamp '9999-01-01' as ends_at
    from {{ ref('golden_mentions') }} as mentions
    left join claims
        on
            mentions.customer_id = claims.customer_id
            and mentions.field = claims.field
            and mentions.value = claims.value
    where claims.customer_id is null
),

-- where all voices have always said the same there is nothing to decide: who told it first stands for it
agreed_on as (
    select
        customer_id,
        field,
        min(value) as value,
        min(starts_at) as starts_at,
        {{ min_by(struct_of(['source', 'record_id', 'node_id']), first_teller) }} as teller,
        min(value) = max(value) and min(ends_at) = timestamp '9999-01-01' as is_settled
    from spans
    group by customer_id, field
),

moments as (
    select
        spans.customer_id,
        spans.field,
        spans.starts_at as moment
    from spans
    inner join agreed_on on spans.customer_id = agreed_on.customer_id and spans.field = agreed_on.field
    where not agreed_on.is_settled
    union
    select
        spans.customer_id,
        spans.field,
        spans.ends_at as moment
    from spans
    inner join agreed_on on spans.customer_id = agreed_on.customer_id and spans.field = agreed_on.field
    where not agreed_on.is_settled and spans.ends_at < timestamp '9999-01-01'
),

candidates as (
    select
        spans.*,
        moments.moment
    from moments
    inner join spans
        on
            moments.customer_id = spans.customer_id
            and moments.field = spans.field
            and moments.moment >= spans.starts_at
            and moments.moment < spans.ends_at
),

{{ rank_votes(['customer_id', 'field', 'moment']) }},

shown as (
    select
        moments.customer_id,
        moments.field,
        moments.moment,
        ranked.value,
        ranked.source,
        coalesce(ranked.record_id, ranked.node_id) as record_id,
        lag(ranked.value) over (
            partition by moments.customer_id, moments.field
            order by moments.moment
        ) as value_before
    from moments
    left join ranked
        on
            moments.customer_id = ranked.customer_id
            and moments.field = ranked.field
            and moments.moment = ranked.moment
            and ranked.standing = 1
),

changes as (
    select
        customer_id,
        field,
        value,
        source,
        record_id,
        moment as starts_at,
        lead(moment) over (partition by customer_id, field order by moment) as ends_at
    from shown
    where value is distinct from value_before
),

told as (
    select
        customer_id,
        field,
        value,
        source,
        record_id,
        starts_at,
        ends_at
    from changes
    where value is not null
    union all
    select
        customer_id,
        field,
        value,
        teller.source,
        coalesce(teller.record_id, teller.node_id) as record_id,
        starts_at,
        cast(null as timestamp) as ends_at
    from agreed_on
    where is_settled
),

final as (
    select
        customer_id,
        field,
        {{ readable('field', 'value') }} as value,
        value as parts,
        source,
        record_id,
        nullif(starts_at, timestamp '0001-01-01') as valid_from,
        ends_at as valid_to
    from told
)

select * from final
