"""Lawful basis as one SQL statement: why a row must not be sent, or the consent that lets it go.

Data flow: rows (key, customer_id, contact_point), marts.consents, customer.suppressions, customer.send_holds  ->
key, reason (null = lawful), deferred (null = now), consent_record_id and its times

Everything unknown ends in a reason, never in a send. In order:
1. A suppression of the person, or of the address whoever holds it, stops every basis.
2. Without a profile, or without an address where the sync writes to one, nothing can be shown to be lawful.
3. A denial or an objection for the purpose stops all addresses of the person, and so does a latest word
   that nobody understands; a withdrawal stops its address, or all of them when it names none. This holds for
   consent, legitimate interest, contract and public task alike: who refuses a purpose has objected to it,
   whatever the form was called.
4. Consent needs a live grant: this purpose, channel and address, begun and not expired at `as_of`.
5. A hold (frequency cap, holdout, quiet hours, ...) on the person, for the purpose or for one audience of it, stops the row,
   or lets it wait when it is a deferral. It is asked last: what the law says is the better reason.
"""

from pipelines.exports.specs import PurposeSpec
from pipelines.exports.values import text

# channels that reach a person by one medium: customer.suppressions names it by the second word
FAMILY = {"mail": "email", "newsletter": "email", "call": "phone"}
# nobody can object to what the law demands or a life depends on
WITHOUT_OBJECTION = ("legal_obligation", "vital_interest")


def address(column: str) -> str:
    """One spelling of a contact point; empty counts as none."""
    return f"nullif(lower(trim(cast({column} as varchar))), '')"


def basis_query(
    rows: str,
    purpose: PurposeSpec,
    *,
    has_point: bool,
    has_holds: bool = False,
    audience: str | None = None,
    stopped_only: bool = False,
) -> str:
    """Judge the table `rows`; binds `$as_of` (UTC, naive).

    `has_holds`: customer.send_holds exists. `stopped_only`: give only the rows that may not go now, and spare the search for
    the newest grant of each address, which is most of the work on a million rows.
    """
    return f"""
    with

    sync_rows as (
        select key, customer_id, contact_point from {rows}
    ),

    people as (
        select distinct customer_id from sync_rows where customer_id is not null
    ),

    said as (
        select
            consents.customer_id,
            {address("consents.contact_point")} as contact_point,
            consents.channel,
            consents.state,
            consents.consent_record_id,
            consents.obtained_at,
            {_runs_out(purpose)} as runs_out_at,
            {_is_live(purpose)} as is_live
        from marts.consents as consents
        semi join people on people.customer_id = consents.customer_id
        where consents.purpose = {text(purpose.name)}
    ),

    refusals as (
        -- 'objected' names the stronger refusal where both exist; a word that is none of ours may be one
        select customer_id, coalesce(max(state) filter (where state <> 'unknown'), 'unknown') as state
        from said
        where state in ('denied', 'objected', 'unknown')
        group by customer_id
    ),

    withdrawals as (
        select distinct customer_id, contact_point from said where state = 'withdrawn'
    ),

    -- an address that refused stays refused whichever profile holds it: identifiers that may not link people
    -- (a shared mailbox) keep a profile of their own, and its refusal must count for everybody who uses the address
    refused_points as (
        select
            {address("contact_point")} as contact_point,
            coalesce(max(state) filter (where state <> 'unknown'), 'unknown') as state
        from marts.consents
        where purpose = {text(purpose.name)} and state in ('denied', 'objected', 'withdrawn', 'unknown')
        group by 1
    ),

    withdrawn_people as (
        select distinct customer_id from withdrawals {"where contact_point is null" if has_point else ""}
    ),

    {_grants(purpose, stopped_only)}

    {_holds(purpose, audience, has_holds)}

    suppressions as (
        select customer_id, {address("contact_point")} as contact_point
        from customer.suppressions
        where {_channel_applies(purpose, has_point)}
    ),

    suppressed_people as (
        select distinct customer_id from suppressions where contact_point is null
    ),

    suppressed_points as (
        select distinct contact_point from suppressions where contact_point is not null
    ),

    judged as (
        select
            sync_rows.key,
            {"holds.deferred" if has_holds else "cast(null as varchar)"} as deferred,
            case
                when suppressed_people.customer_id is not null then 'suppressed'
                {"when suppressed_points.contact_point is not null then 'suppressed'" if has_point else ""}
                when sync_rows.customer_id is null then 'no profile'
                {"when sync_rows.contact_point is null then 'no contact point'" if has_point else ""}
                {_reasons(purpose)}
                {"when holds.reason is not null then holds.reason" if has_holds else ""}
            end as reason,
            {_proof(purpose)}
        from sync_rows
        left join suppressed_people on suppressed_people.customer_id = sync_rows.customer_id
        left join suppressed_points on suppressed_points.contact_point = sync_rows.contact_point
        left join refused_points on refused_points.contact_point = sync_rows.contact_point
        left join refusals on refusals.customer_id = sync_rows.customer_id
        left join withdrawn_people on withdrawn_people.customer_id = sync_rows.customer_id
        left join withdrawals
            on withdrawals.customer_id = sync_rows.customer_id
            and withdrawals.contact_point = sync_rows.contact_point
        left join grants
            on grants.customer_id = sync_rows.customer_id
            and grants.contact_point = sync_rows.contact_point
        {"left join holds on holds.customer_id = sync_rows.customer_id" if has_holds else ""}
    )

    select key, reason, if(reason is null, deferred, null) as deferred, consent_record_id, granted_at, grant_expires_at
    from judged
    where $as_of is not null {"and (reason is not null or deferred is not null)" if stopped_only else ""}
    """


def suspects_query(rows: str, purpose: PurposeSpec, *, has_point: bool, has_holds: bool) -> str:
    """Rows that have to be judged; binds `$as_of`. Whoever is left out is lawful for certain.

    Left out is who has a live grant (where one is needed) and about whom and whose address nothing bad was ever said, for any
    channel. Two joins by hash instead of the ten of `basis_query`, which a million rows feel.
    """
    holds = "union all select customer_id from customer.send_holds" if has_holds else ""
    grants, ungranted = "", "select * from asked where false"
    if purpose.basis == "consent":
        ungranted = """select asked.* from asked
        anti join granted
            on granted.customer_id = asked.customer_id and granted.contact_point = asked.contact_point"""
        grants = f"""granted as (
            select customer_id, {address("contact_point")} as contact_point
            from marts.consents as consents
            where
                purpose = {text(purpose.name)}
                and channel = {text((purpose.channel or "").lower())}
                and (obtained_at is null or obtained_at <= $as_of)
                and {_is_live(purpose)}
        ),"""
    no_point = "or contact_point is null" if has_point else ""
    return f"""
    with

    asked as (
        select key, customer_id, contact_point from {rows} where $as_of is not null
    ),

    {grants}

    refusals as materialized (
        select customer_id, {address("contact_point")} as contact_point
        from marts.consents
        where purpose = {text(purpose.name)} and state not in ('granted', 'expired')
        union all
        select customer_id, {address("contact_point")} as contact_point from customer.suppressions
    ),

    troubled_people as (
        select customer_id from refusals where customer_id is not null
        {holds}
    ),

    troubled_points as (
        select contact_point from refusals where contact_point is not null
    ),

    suspects as (
        {ungranted}
        union all
        select * from asked where customer_id is null {no_point}
        union all
        select asked.* from asked semi join troubled_people on troubled_people.customer_id = asked.customer_id
        union all
        select asked.* from asked semi join troubled_points on troubled_points.contact_point = asked.contact_point
    )

    select distinct * from suspects
    """


def _grants(purpose: PurposeSpec, stopped_only: bool) -> str:
    """CTE `grants`: per person and address whether a grant is live, and which one proves it."""
    if stopped_only:
        proof = """cast(null as varchar) as consent_record_id,
            cast(null as timestamp) as granted_at,
            cast(null as timestamp) as grant_expires_at"""
    else:
        # the newest live grant is the proof; the smallest id where two are equally new
        newest = "order by obtained_at desc nulls last, consent_record_id"
        proof = ",\n            ".join(
            f"first({column} {newest}) filter (where is_live) as {name}"
            for column, name in (
                ("consent_record_id", "consent_record_id"),
                ("obtained_at", "granted_at"),
                ("runs_out_at", "grant_expires_at"),
            )
        )
    return f"""grants as (
        select
            customer_id,
            contact_point,
            coalesce(bool_or(is_live), false) as is_live,
            {proof}
        from said
        where
            state in ('granted', 'expired')
            and contact_point is not null
            and channel = {text((purpose.channel or "").lower())}
            -- a grant dated after `as_of` is not one yet
            and (obtained_at is null or obtained_at <= $as_of)
        group by customer_id, contact_point
    ),"""


def _holds(purpose: PurposeSpec, audience: str | None, has_holds: bool) -> str:
    """CTE `holds`: one row per person, with the first reason by name of each kind."""
    if not has_holds:
        return ""
    wanted = f"or audience = {text(audience)}" if audience else ""
    return f"""holds as (
        select
            customer_id,
            min(reason) filter (where not coalesce(is_deferred, false)) as reason,
            min(reason) filter (where is_deferred) as deferred
        from customer.send_holds
        where purpose = {text(purpose.name)} and (audience is null {wanted})
        group by customer_id
    ),"""


def _proof(purpose: PurposeSpec) -> str:
    """The consent that lets a row go, where the basis is consent."""
    if purpose.basis == "consent":
        return "grants.consent_record_id, grants.granted_at, grants.grant_expires_at"
    return """cast(null as varchar) as consent_record_id,
            cast(null as timestamp) as granted_at,
            cast(null as timestamp) as grant_expires_at"""


def _is_live(purpose: PurposeSpec) -> str:
    """A grant that has not run out; an age limit needs a known beginning."""
    terms = [
        "consents.state = 'granted'",
        "(consents.expires_at is null or consents.expires_at > $as_of)",
    ]
    if purpose.expires_after_days is not None:
        terms.append(f"consents.obtained_at + to_days({int(purpose.expires_after_days)}) > $as_of")
    return "coalesce(" + " and ".join(terms) + ", false)"


def _runs_out(purpose: PurposeSpec) -> str:
    """When a grant ends: at its own expiry or at the age limit of the purpose, whichever comes first."""
    if purpose.expires_after_days is None:
        return "consents.expires_at"
    return f"least(consents.expires_at, consents.obtained_at + to_days({int(purpose.expires_after_days)}))"


def _channel_applies(purpose: PurposeSpec, has_point: bool) -> str:
    """A suppression without a channel covers all; a purpose that names no channel heeds all of them."""
    if purpose.channel:
        channel = purpose.channel.lower()
        return f"channel is null or channel = {text(FAMILY.get(channel, channel))}"
    return "true" if has_point else "channel is null"


def _reasons(purpose: PurposeSpec) -> str:
    """The cases of one basis."""
    if purpose.basis in WITHOUT_OBJECTION:
        return ""
    reasons = """when refusals.state is not null then refusals.state
                when withdrawals.customer_id is not null then 'withdrawn'
                when withdrawn_people.customer_id is not null then 'withdrawn'
                when refused_points.contact_point is not null then refused_points.state"""
    if purpose.basis == "consent":
        reasons += """
                when grants.customer_id is null then 'no consent'
                when not grants.is_live then 'expired'"""
    return reasons
