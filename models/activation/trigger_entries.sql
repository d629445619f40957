{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per entry: a message that became due, with the code that is its own. Memory: append-only, a full refresh keeps it.
-- What enters is not in it yet, by id and by code: a build that was killed after writing adds nothing when redone, and neither does
-- one of a part of the models, which judged an older state.
with

judged as (
    select * from {{ ref('int_triggers__judged') }}
    where
        enters_now
        {% if is_incremental() %}
        and entry_id not in (select entry_id from {{ this }})
        and coalesce(code not in (select code from {{ this }} where code is not null), true)
        {% endif %}
),

numbered as (
    select coalesce(max(entry_seq), 0) + 1 as entry_seq
    from {{ ref('trigger_memory') }}
),

final as (
    select
        judged.entry_id,
        judged.trigger_name,
        judged.kind,
        judged.step_no,
        judged.step,
        judged.customer_id,
        judged.subject_id,
        judged.subject_at,
        judged.waits_from,
        judged.parent_entry_id,
        judged.code,
        judged.discount_percent,
        judged.products,
        judged.amount,
        judged.order_id,
        judged.ticket_id,
        judged.brand,
        judged.channel,
        judged.survey,
        judged.touchpoint,
        judged.answers_in,
        clock.as_of as entered_at,
        cast(numbered.entry_seq as bigint) as entry_seq,
        clock.run_id
    from judged
    cross join numbered
    cross join {{ ref('run_clock') }} as clock
)

select * from final
