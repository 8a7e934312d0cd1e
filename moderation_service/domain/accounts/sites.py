"""Sites, their origins, and the people who moderate them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments import page_rules, pages
from moderation_service.domain.comments.changes import ChangeType
from moderation_service.domain.comments.page_rules import PageRules, SitePages
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.moderation import reason_presets
from moderation_service.domain.moderation.reason_presets import ReasonPreset
from moderation_service.domain.screening.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderator:
    """A person's role in one site."""

    id: str
    name: str
    email: str = field(repr=False)
    language: str
    timezone: str
    paths: tuple[str, ...] = ("/",)
    push: tuple[str, ...] = field(default=(), repr=False)
    """Where else this person is told of comments: URLs as Apprise has them, which are secrets."""

    def covers(self, page_path: str) -> bool:
        """Tell whether a page is this moderator's."""
        return any(pages.covers(prefix, page_path) for prefix in self.paths)

    @property
    def covers_all(self) -> bool:
        """Whether every page of the site is this moderator's, whatever its path."""
        return self.covers("/")


class ProofOfWork(StrEnum):
    """When a visitor's browser is asked to do some work."""

    OFF = "off"
    SUSPICIOUS = "suspicious"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Akismet:
    """A service that speaks Akismet's protocol, and the key that it knows the site by."""

    endpoint: str
    key: str = field(repr=False)


class HookKind(StrEnum):
    """How a hook is spoken to."""

    SIGNED = "signed"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A program of the owner's, or a language model, that is asked about comments.

    `secret` signs what a program is asked; a model takes it as its bearer key, and may need none. `model` is the
    model's name.
    """

    url: str
    kind: HookKind
    secret: str = field(repr=False)
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What a site's comments are held against before a moderator looks.

    `posts_per_network`, `posts_per_page` and `posts_per_site` count within a window; more from one network are
    refused, more on a page or a site are suspects. `waiting_at_most` is how many may wait for decisions in all.
    Of the authors of proved addresses those are published at once who have `publish_proved_after` approved
    comments, nobody where that is 0.
    """

    posts_per_network: int = 20
    window: timedelta = timedelta(minutes=10)
    exempt_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    posts_per_page: int = 200
    posts_per_site: int = 1_000
    waiting_at_most: int = 1_000_000
    learned: bool = True
    form_stamp: bool = True
    proof_of_work: ProofOfWork = ProofOfWork.SUSPICIOUS
    publish_proved_after: int = 0
    akismet: Akismet | None = None
    hook: Hook | None = None

    @property
    def asks_outside(self) -> bool:
        """Whether services outside are asked about comments."""
        return self.akismet is not None or self.hook is not None

    def exempts(self, client: IPv4Address | IPv6Address) -> bool:
        """Tell whether a client is free of all limits by number, as a school behind one address."""
        return any(client in network for network in self.exempt_networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long a site keeps what it no longer needs.

    `network_hashes` is how long it is kept from which client network a comment came, and `blocks` how long a block
    holds that nobody gives an end, None for ever. `reports` is how long the words of a decided report are kept and
    who sent it, None for ever.

    Of the others `rejected`, `spam` and `addresses` are days, None for ever: of comments that were rejected or are
    spam, and of the addresses of authors; `deliveries` those of closed deliveries and log-ins.
    """

    rejected: int | None = 30
    spam: int | None = 30
    addresses: int | None = 90
    deliveries: int = 30
    network_hashes: timedelta = timedelta(days=30)
    blocks: timedelta | None = timedelta(days=365)
    reports: timedelta | None = timedelta(days=365)


class Presence(StrEnum):
    """Whether a form asks for something."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFields:
    """What a site asks of authors beside name and comment; what is hidden is neither asked for nor stored."""

    author_email: Presence = Presence.REQUIRED
    author_url: Presence = Presence.OPTIONAL


class WebhookKind(StrEnum):
    """What a webhook is sent: each change, or that something changed."""

    EVENTS = "events"
    BUILD_HOOK = "build_hook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A receiver of a site's changes; a build hook is sent at most one POST in `debounce`.

    All `secrets` sign, so that a receiver may change to another; a build hook may have none. Its URL may be a
    secret by itself.
    """

    id: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    events: frozenset[ChangeType] = frozenset(ChangeType)
    kind: WebhookKind = WebhookKind.EVENTS
    debounce: timedelta = timedelta(seconds=60)
    allow_private: bool = False

    @property
    def host(self) -> str:
        """Whom it goes to, without what may be secret in its URL."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A website whose comments are moderated here.

    Of `origins` the first is preferred; `preview_origins` are patterns of others that show the same pages.
    """

    id: str
    name: str
    origins: tuple[str, ...]
    language: str
    timezone: str
    moderators: tuple[Moderator, ...]
    screening: Screening = Screening()
    rules: tuple[Rule, ...] = ()
    api_keys: frozenset[str] = field(default=frozenset(), repr=False)
    reply_to: str | None = None
    fields: FormFields = FormFields()
    rules_url: str | None = None
    contact: str | None = None
    wordpress_pages: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The addresses of pages by the number that WordPress gave them."""
    page_rules: PageRules = PageRules()
    preview_origins: tuple[str, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    close_after: timedelta | None = None
    """How long after its first comment a page takes no more, None for ever."""
    retention: Retention = Retention()
    own_reasons: tuple[ReasonPreset, ...] = ()
    push_text: bool = False
    """Whether what commenters wrote goes to the services of push, too."""
    escalate_after: timedelta | None = None
    """After how long without a decision those are told who wanted to be told later; None for never."""

    @property
    def reasons(self) -> tuple[ReasonPreset, ...]:
        """The reasons that decisions may give, built-in ones and the site's own."""
        return reason_presets.presets(self.own_reasons)

    def has_reason(self, code: str) -> bool:
        """Tell whether a decision may give a reason."""
        return any(one.code == code for one in self.reasons)

    @property
    def block_for(self) -> timedelta | None:
        """How long a block holds that nobody gives an end, None for ever."""
        return self.retention.blocks

    @property
    def shown_at(self) -> tuple[str, ...]:
        """Where the site's pages are shown: its origins, and the patterns of those of previews."""
        return (*self.origins, *self.preview_origins)

    def shows_at(self, origin: str) -> bool:
        """Tell whether the site's pages are shown at an origin, previews included."""
        return origin in self.origins or any(page_rules.matches(one, origin) for one in self.preview_origins)

    def moderator(self, moderator_id: str) -> Moderator | None:
        """Return a moderator by id, None when there is none such or no longer."""
        return next((one for one in self.moderators if one.id == moderator_id), None)

    def moderators_of(self, page_url: str) -> tuple[Moderator, ...]:
        """Return who is notified of a page's comments: those whose paths cover it, else everybody."""
        path = pages.path(page_url)
        return tuple(one for one in self.moderators if one.covers(path)) or self.moderators

    def tells(self, moderator: Moderator, page_url: str) -> bool:
        """Tell whether a moderator is among those who are notified of a page's comments."""
        return moderator.covers_all or moderator in self.moderators_of(page_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One person's place at the desk of one site; `moderators` are the entries with that person's address."""

    site: Site
    moderators: tuple[Moderator, ...]

    @property
    def moderator(self) -> Moderator:
        """The entry that gives language, time zone and name."""
        return self.moderators[0]

    @property
    def sees_all(self) -> bool:
        """Whether every page of the site is this person's, whatever its path."""
        return any(one.covers_all for one in self.moderators)

    def covers(self, page_url: str) -> bool:
        """Tell whether a page's comments are this person's to decide."""
        return self.sees_all or any(one in self.moderators for one in self.site.moderators_of(page_url))


class Sites:
    """All sites as the sites file lists them."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self._by_id = {site.id: site for site in sites}
        self._by_origin = {origin: site for site in self for origin in site.origins}
        self._by_api_key = {key: site for site in self for key in site.api_keys}
        self._with_previews = [site for site in self if site.preview_origins]
        self._pages = {
            site.id: SitePages(site.id, site.origins, site.page_rules, previews=site.preview_origins)
            for site in self
        }

    def __iter__(self) -> Iterator[Site]:
        return iter(self._by_id.values())

    def get(self, site_id: str) -> Site | None:
        """Return a site by its id."""
        return self._by_id.get(site_id)

    def of_origin(self, origin: str) -> Site | None:
        """Return the site whose pages are shown at an origin, as it lists it or as a preview."""
        found = self._by_origin.get(origin)
        if found is None and self._with_previews:
            found = next((site for site in self._with_previews if site.shows_at(origin)), None)
        return found

    def of_page(self, canonical_url: str) -> Site | None:
        """Return the site that a page belongs to."""
        return self.of_origin(pages.origin(canonical_url))

    def pages_of(self, site_id: str) -> SitePages:
        """Return which addresses of a listed site are one page."""
        return self._pages[site_id]

    def page(self, site: Site, url: str) -> Page:
        """Return the page of a site at an address."""
        return self._pages[site.id].page(url)

    def of_bearer(self, key: str) -> Site | None:
        """Return the site that a bearer key opens; only the key's SHA-256 is listed."""
        return self._by_api_key.get(hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest())

    def longest_window(self) -> timedelta:
        """Return how far back posts of a client network may count."""
        return max((site.screening.window for site in self), default=timedelta())

    def addresses(self) -> frozenset[str]:
        """Return every moderator's address once, spelled so that one person is one address."""
        return frozenset(addresses.identity(one.email) for site in self for one in site.moderators)
