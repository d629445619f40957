{{ config(materialized='view') }}
-- Grain: one row per response that names nobody, of a survey declared `named_by_invitation`, whose invitation went to one person.
-- An attribution of the answer, no link between people. Where it would be a guess the answer stays nobody's: an id of a whole
-- mailing, a recipient whom nobody knows, a link that was passed on as far as the answers themselves tell.
with

surveys as (
    select survey
    from {{ ref('config_surveys') }}
    where named_by_invitation
),

invited as (
    select
        source,
        invitation_id,
        min(survey) as survey,
        min(customer_id) as customer_id
    from {{ ref('invitations') }}
    where invitation_id is not null
    group by source, invitation_id
    having count(*) = count(customer_id) and min(customer_id) = max(customer_id)
),

responses as (
    select
        responses.record_id,
        responses.source,
        responses.invitation_id,
        responses.respondent_id,
        responses.node_id,
        invited.customer_id as invited_id
    from {{ ref('stg_responses') }} as responses
    inner join invited
        on responses.source = invited.source and responses.invitation_id = invited.invitation_id
    inner join surveys on coalesce(responses.survey, invited.survey) = surveys.survey
    where not coalesce(responses.is_test, false)
),

-- somebody else gave his own name under this id, or the tool tells several respondents apart
passed_on as (
    select
        responses.source,
        responses.invitation_id
    from responses
    left join {{ ref('node_customers') }} as owners on responses.node_id = owners.node_id
    group by responses.source, responses.invitation_id
    having
        count(distinct responses.respondent_id) > 1
        or count(case when owners.customer_id <> responses.invited_id then 1 end) > 0
),

final as (
    select
        responses.record_id,
        responses.invited_id as customer_id
    from responses
    left join passed_on
        on responses.source = passed_on.source and responses.invitation_id = passed_on.invitation_id
    where responses.node_id is null and passed_on.invitation_id is null
)

select * from final
