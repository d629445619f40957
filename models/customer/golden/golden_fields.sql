{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_golden',
    on_schema_change='append_new_columns',
    schema='marts',
    contract={'enforced': true},
) }}
-- Grain: one row per customer and field (or group of fields) of which anything was said: what we show, who says so since when, by
-- which rule it won, and over what.
-- depends_on: {{ ref('touched_golden') }}
{% set because_of -%}
    coalesce(
        votes.never_because,
        case when votes.bounced_at is not null then 'bounced' end,
        case when votes.withdrawn_at is not null then 'withdrawn' end,
        'held by another profile'
    )
{%- endset %}
{% set told_columns = ['value', 'source', 'record_id', 'node_id', 'valid_from', 'time_basis', 'is_verified', 'strategy', 'tier'] %}
with

claims as (
    select * from {{ ref('contact_claims') }}
    where given_in_pass is null
),

usable as (
    select votes.*
    from {{ ref('int_golden__candidates') }} as votes
    left join claims
        on votes.customer_id = claims.customer_id and votes.field = claims.field and votes.value = claims.value
    where claims.customer_id is null
),

-- most fields are told one way, and the first of those who tell it stands for it; only where they are not are values weighed
told as (
    select
        customer_id,
        field,
        count(distinct source) as agreeing,
        min(value_key) <> max(value_key) as is_contested,
        {{ min_by(struct_of(told_columns), first_of_equal_votes()) }} as first_told
    from (
        select
            *,
            {{ completeness_asked('usable') }} as completeness
        from usable
    ) as measured_votes
    group by customer_id, field
),

candidates as (
    select usable.*
    from usable
    inner join told on usable.customer_id = told.customer_id and usable.field = told.field
    where told.is_contested
),

{{ rank_votes(['customer_id', 'field']) }},

tops as (
    select
        customer_id,
        field,
        value_key,
        min(standing) as standing,
        count(distinct source) as agreeing
    from ranked
    group by customer_id, field, value_key
),

placed as (
    select
        customer_id,
        field,
        standing,
        agreeing,
        row_number() over (partition by customer_id, field order by standing) as place_of_value,
        count(*) over (partition by customer_id, field) as candidates
    from tops
),

finalists as (
    select
        *,
        -- noqa: disable=LT02
        {% for name, step, direction in vote_steps() %}
        {{ step }} as step_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    -- noqa: enable=LT02
    from ranked
),

winners as (
    select
        told.customer_id,
        told.field,
        {% for column in told_columns %}
        told.first_told.{{ column }},
        {% endfor %}
        {% for name, step, direction in vote_steps() %}
        null as step_{{ loop.index }},
        {% endfor %}
        told.agreeing as agreeing_sources,
        1 as candidates
    from told
    where not told.is_contested
    union all
    select
        finalists.customer_id,
        finalists.field,
        {% for column in told_columns %}
        finalists.{{ column }},
        {% endfor %}
        {% for name, step, direction in vote_steps() %}
        finalists.step_{{ loop.index }},
        {% endfor %}
        placed.agreeing as agreeing_sources,
        placed.candidates
    from finalists
    inner join placed
        on
            finalists.customer_id = placed.customer_id
            and finalists.field = placed.field
            and finalists.standing = placed.standing
    where placed.place_of_value = 1
),

seconds as (
    select finalists.*
    from finalists
    inner join placed
        on
            finalists.customer_id = placed.customer_id
            and finalists.field = placed.field
            and finalists.standing = placed.standing
    where placed.place_of_value = 2
),

excluded as (
    select
        votes.customer_id,
        votes.field,
        count(*) as excluded,
        {{ distinct_list(because_of) }} as excluded_because
    from {{ ref('golden_votes') }} as votes
    left join claims
        on votes.customer_id = claims.customer_id and votes.field = claims.field and votes.value = claims.value
    where votes.is_current and (not {{ may_win() }} or claims.customer_id is not null)
    group by votes.customer_id, votes.field
),

-- a mention has no record of its own: the first that carries it stands for all
mentioned as (
    select
        node_id,
        min(record_id) as record_id
    from {{ ref('stg_record_nodes') }}
    where node_id in (select node_id from winners where tier = 1)
    group by node_id
),

final as (
    select
        coalesce(winners.customer_id, excluded.customer_id) as customer_id,
        coalesce(winners.field, excluded.field) as field,
        {{ readable('winners.field', 'winners.value') }} as value,
        winners.value as parts,
        winners.source,
        coalesce(winners.record_id, mentioned.record_id) as record_id,
        winners.valid_from as changed_at,
        winners.time_basis,
        winners.is_verified,
        winners.strategy as rule,
        case
            when winners.customer_id is null then 'nothing usable'
            when seconds.customer_id is null then 'only value'
            {% for name, step, direction in vote_steps() %}
            when winners.step_{{ loop.index }} is distinct from seconds.step_{{ loop.index }} then '{{ name }}'
            {% endfor %}
        end as decided_by,
        cast(coalesce(winners.agreeing_sources, 0) as bigint) as agreeing_sources,
        cast(coalesce(winners.candidates, 0) as bigint) as candidates,
        {{ readable('seconds.field', 'seconds.value') }} as runner_up,
        seconds.source as runner_up_source,
        coalesce(seconds.record_id, seconds.node_id) as runner_up_record_id,
        seconds.valid_from as runner_up_changed_at,
        cast(coalesce(excluded.excluded, 0) as bigint) as excluded,
        excluded.excluded_because
    from winners
    left join seconds on winners.customer_id = seconds.customer_id and winners.field = seconds.field
    -- a field of which only unusable values are known has a row that says why it is empty
    full join excluded on winners.customer_id = excluded.customer_id and winners.field = excluded.field
    left join mentioned on winners.tier = 1 and winners.node_id = mentioned.node_id
)

select * from final
