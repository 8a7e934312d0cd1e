"""What the sites file says of a site, as the program knows it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from moderation_service import locales
from moderation_service.domain.accounts import addresses, preview_origins
from moderation_service.domain.accounts.sites import (
    Akismet,
    FormFields,
    Hook,
    HookKind,
    Moderator,
    Presence,
    ProofOfWork,
    Retention,
    Screening,
    Site,
    Webhook,
    WebhookKind,
)
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.changes import ChangeType
from moderation_service.domain.comments.page_rules import OriginsAreOne, PageRules, TrailingSlash
from moderation_service.domain.moderation.reason_presets import ReasonPreset
from moderation_service.domain.screening import rules
from moderation_service.domain.screening.patterns import Pattern
from moderation_service.domain.screening.rules import Action, Conditions, OptionalField, Rule, Script


def site(entry: Mapping[str, Any]) -> Site:
    """Return the site of a loaded entry whose secrets were taken."""
    language = locales.tag(entry["language"]) or locales.SOURCE
    return Site(
        id=entry["id"],
        name=entry["name"],
        origins=tuple(pages.origin(pages.canonical(origin)) for origin in entry["origins"]),
        language=language,
        timezone=entry["timezone"],
        reply_to=entry["reply_to"] and addresses.normalise(entry["reply_to"], local=True),
        fields=FormFields(**{name: Presence(one) for name, one in entry["form_fields"].items()}),
        rules_url=entry["rules_url"],
        close_after=timedelta(days=entry["close_after_days"]) or None,
        push_text=entry["push_text"],
        escalate_after=timedelta(hours=entry["escalate_after_hours"]) or None,
        contact=entry["contact"] and addresses.normalise(entry["contact"], local=True),
        wordpress_pages=entry["wordpress_pages"],
        screening=_screening(entry["screening"]),
        rules=rules_of(entry["rule"]),
        own_reasons=tuple(ReasonPreset(code=one["code"], texts=one["text"]) for one in entry["reason"]),
        retention=Retention(
            rejected=entry["retention"]["rejected_days"] or None,
            spam=entry["retention"]["spam_days"] or None,
            addresses=entry["retention"]["address_days"] or None,
            deliveries=entry["retention"]["delivery_days"],
            network_hashes=timedelta(days=entry["retention"]["network_hash_days"]),
            blocks=timedelta(days=entry["retention"]["block_days"]) or None,
            reports=timedelta(days=entry["retention"]["report_days"]) or None,
        ),
        page_rules=_page_rules(entry["pages"]),
        preview_origins=tuple(preview_origins.normalised(one) for one in entry["preview_origins"]),
        webhooks=tuple(_webhook(one) for one in entry["webhook"]),
        api_keys=frozenset(key.removeprefix("sha256:") for key in entry["api_keys"]),
        moderators=tuple(
            Moderator(
                id=one["id"],
                name=one["name"],
                email=addresses.normalise(one["email"], local=True),
                language=locales.tag(one["language"] or language) or locales.SOURCE,
                timezone=one["timezone"] or entry["timezone"],
                paths=tuple(one["paths"]),
                push=tuple(dict.fromkeys(one["push"])),
            )
            for one in entry["moderator"]
        ),
    )


def _screening(entry: Mapping[str, Any]) -> Screening:
    return Screening(
        posts_per_network=entry["posts_per_network"],
        window=timedelta(minutes=entry["window_minutes"]),
        exempt_networks=tuple(ip_network(one) for one in entry["exempt_networks"]),
        posts_per_page=entry["posts_per_page"],
        posts_per_site=entry["posts_per_site"],
        waiting_at_most=entry["waiting_at_most"],
        learned=entry["learned"],
        form_stamp=entry["form_stamp"],
        proof_of_work=ProofOfWork(entry["proof_of_work"]),
        publish_proved_after=entry["publish_proved_after"],
        akismet=entry["akismet"] and Akismet(endpoint=entry["akismet"]["endpoint"], key=entry["akismet"]["key"]),
        hook=entry["hook"] and _hook(entry["hook"]),
    )


def _webhook(entry: Mapping[str, Any]) -> Webhook:
    return Webhook(
        id=entry["id"],
        url=entry["url"],
        secrets=tuple(entry["secret"]),
        events=frozenset(ChangeType(one) for one in entry["events"]),
        kind=WebhookKind(entry["kind"]),
        debounce=timedelta(seconds=entry["debounce"]),
        allow_private=entry["allow_private"],
    )


def rules_of(entries: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules of loaded entries, in their order."""
    return tuple(
        Rule(name=one["name"], when=_conditions(one["when"]), then=Action(one["then"])) for one in entries
    )


def _conditions(entry: Mapping[str, Any]) -> Conditions:
    days = entry["page_older_than_days"]
    return Conditions(
        links_over=entry["links_over"],
        words=tuple(rules.folded(one) for one in entry["words"]),
        patterns=tuple(Pattern(one) for one in entry["pattern"]),
        domains=frozenset(rules.domain(one) for one in entry["domains"]),
        script=Script(tuple(entry["script"])) if entry["script"] else None,
        paths=tuple(entry["path"]),
        missing=frozenset(OptionalField(one) for one in entry["missing"]),
        score_over=entry["score_over"],
        page_older_than=None if days is None else timedelta(days=days),
        first_comments=entry["first_comments"],
    )


def _hook(entry: Mapping[str, Any]) -> Hook:
    kind = HookKind(entry["kind"])
    return Hook(url=entry["url"], kind=kind, secret=entry["secret"] or "", model=entry["model"])


def _page_rules(entry: Mapping[str, Any]) -> PageRules:
    return PageRules(
        origins_are_one=OriginsAreOne(entry["origins_are_one"]),
        trailing_slash=TrailingSlash(entry["trailing_slash"]),
        index_files=tuple(entry["index_files"]),
        ignore_parameters=tuple(entry["ignore_parameters"]),
        keep_parameters=tuple(entry["keep_parameters"]),
        fragment_routes=entry["fragment_routes"],
    )
