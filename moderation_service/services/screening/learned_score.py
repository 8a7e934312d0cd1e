"""The learned score of each site: what this process holds of the models, and how decisions are learned from.

Decisions note which comments stand differently (`storage.screening.learning.enqueue`). One process at a time takes
these notes of a site in order, works out the lessons and stores them under rising numbers; every process adds the
lessons of the others to its own models by these numbers, and has the same model. Only decisions teach: what a
commenter writes changes nothing until somebody decided on it.
"""

import asyncio
import struct
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from moderation_service.domain.screening import explanation
from moderation_service.domain.screening.assessment import NOTHING, PROBABLE_SPAM, Finding, Reason
from moderation_service.domain.screening.candidate import Candidate, learned_text
from moderation_service.domain.screening.classifier import VERSION, Classifier, Lesson, Score
from moderation_service.domain.screening.features import Features, features_of
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.screening import learning
from moderation_service.storage.screening.learning import Standing, StoredLesson, StoredModel

KEPT_LESSONS = timedelta(days=30)
"""How long a lesson can be taken back; a decision that is changed later teaches, but unlearns nothing."""

LEARNED_FROM_HISTORY = 10_000
"""How many comments a site's model begins with, where they were decided on before there was one."""

_AT_ONCE = 8
_SUMMED_UP_EVERY = 200
_MOST_MODELS = 100
_CERTAIN = 999
_UNREADABLE = (ValueError, struct.error)

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class _Known:
    """A model and the number of the last lesson in it; not `is_whole` where what is stored could not be read."""

    model: Classifier
    number: int
    is_whole: bool = True


class LearnedScores:
    """The models of the sites that were asked for lately, 250 kB each, brought up to date by `refresh`."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        clock: Callable[[], datetime],
        most_models: int = _MOST_MODELS,
        summed_up_every: int = _SUMMED_UP_EVERY,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._most_models = most_models
        self._summed_up_every = summed_up_every
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._begun: set[str] = set()
        """Sites that are known to have a model: none loses it while the database is the same."""
        self._loading = asyncio.Lock()

    def look(self, candidate: Candidate) -> Finding | Coroutine[Any, Any, Finding]:
        """Score a comment as its site's decisions say; nothing is said before any was both approved and filed."""
        site = candidate.site
        if not site.screening.learned:
            return NOTHING
        known = self._known.get(site.id)
        if known is None:
            return self._load_and_look(candidate)
        self._known.move_to_end(site.id)
        return _finding(known.model, candidate)

    async def _load_and_look(self, candidate: Candidate) -> Finding:
        return _finding(await self.model(candidate.site.id), candidate)

    async def probability(self, candidate: Candidate) -> int | None:
        """Return only how probable spam a comment is, in thousandths; None where its site learned nothing yet."""
        if not candidate.site.screening.learned:
            return None
        model = await self.model(candidate.site.id)
        if not model.harmless or not model.spam:
            return None
        return _in_thousandths(model.score(_features(candidate)))

    async def model(self, site_id: str) -> Classifier:
        """Return a site's model as this process knows it; read it where it does not."""
        known = self._known.get(site_id)
        if known is None:
            async with self._loading:
                known = self._known.get(site_id)
                if known is None:
                    async with self._database.read() as connection:
                        stored = await learning.find(connection, site_id)
                        known = await self._catch_up(connection, site_id, stored)
        return known.model

    async def refresh(self) -> None:
        """Add the lessons that were stored since to the models that this process holds."""
        if not self._known:
            return
        async with self._loading, self._database.read() as connection:
            stored = await learning.every(connection)
            for site_id, known in list(self._known.items()):
                head = stored[site_id].head if site_id in stored else 0
                if head != known.number:
                    await self._catch_up(connection, site_id, stored.get(site_id))

    def forget(self) -> None:
        """Hold nothing any more: another database is behind the service."""
        self._known.clear()
        self._begun.clear()

    async def learn(self) -> int:
        """Learn from some comments of each site whose standing changed; return how many were looked at.

        Sites that no longer learn, or are no longer listed, lose what they have to learn.
        """
        listed = {site.id for site in self._directory.sites if site.screening.learned}
        async with self._database.read() as connection:
            sites = await learning.sites_to_learn(connection)
            if not listed <= self._begun:
                self._begun = set(await learning.every(connection))
        looked_at = 0
        for site_id in sorted(listed - self._begun):
            async with self._database.write() as connection:
                if await learning.begin(connection, site_id, version=VERSION):
                    await learning.enqueue_history(connection, site_id, most=LEARNED_FROM_HISTORY)
            looked_at += 1
        for site_id in sorted(sites):
            try:
                async with self._database.write() as connection:
                    if site_id in listed:
                        looked_at += await self._learn_of(connection, site_id)
                    else:
                        await learning.drop_due(connection, site_id)
            except BaseException:
                self._known.pop(site_id, None)
                raise
        return looked_at

    async def _learn_of(self, connection: Connection, site_id: str) -> int:
        """Learn the next lessons of a site, in a transaction that keeps others from it; what is held follows."""
        stored = await learning.lock(connection, site_id)
        if stored is None or stored.version > VERSION:
            return 0
        async with self._loading:
            known = await self._catch_up(connection, site_id, stored)
            if not known.is_whole:
                _log.warning("score.learned_anew", site=site_id, version=VERSION, before=stored.version)
                await learning.begin_anew(connection, site_id, version=VERSION)
                await learning.enqueue_history(connection, site_id, most=LEARNED_FROM_HISTORY)
                del self._known[site_id]
                return 1
            ids = await learning.take_due(connection, site_id, most=_AT_ONCE)
            if not ids:
                return 0
            lessons = _learned(
                known,
                ids,
                await learning.standings(connection, ids),
                await learning.taught(connection, ids),
            )
        if lessons:
            await learning.add(connection, site_id, lessons, at=self._clock())
        if known.number - stored.number >= self._summed_up_every:
            await learning.keep(connection, site_id, known.model.to_bytes(), number=known.number)
        return len(ids)

    async def _catch_up(self, connection: Connection, site_id: str, stored: StoredModel | None) -> _Known:
        """Bring what is held of a site to what is stored, or read it anew where it knows more or far less."""
        known = self._known.get(site_id)
        is_near = known is not None and stored is not None and stored.number <= known.number <= stored.head
        if known is None or not known.is_whole or not is_near:
            known = await _read(connection, site_id, stored)
        else:
            await _add(connection, site_id, known)
        self._known[site_id] = known
        self._known.move_to_end(site_id)
        if len(self._known) > self._most_models:
            self._known.popitem(last=False)
        return known


def _finding(model: Classifier, candidate: Candidate) -> Finding:
    if not model.harmless or not model.spam:
        return NOTHING
    score = model.score(_features(candidate))
    probability = _in_thousandths(score)
    if not score.is_probable_spam:
        return Finding(probability=probability)
    text = learned_text(candidate.body, candidate.author_url)
    detail = explanation.to_line(explanation.explain(model, text))
    return Finding((Reason("learned", PROBABLE_SPAM, detail),), probability=probability)


def _features(candidate: Candidate) -> Features:
    return features_of(learned_text(candidate.body, candidate.author_url))


def _in_thousandths(score: Score) -> int:
    return min(round(1_000 * score.probability), _CERTAIN)


async def _read(connection: Connection, site_id: str, stored: StoredModel | None) -> _Known:
    """Read a site's model; an empty one where it has none, or one that cannot be read, which is learned anew."""
    if stored is None:
        return _Known(Classifier(), 0)
    try:
        kept = await learning.summed_up(connection, site_id)
        known = _Known(Classifier() if kept is None else Classifier.from_bytes(kept), stored.number)
        await _add(connection, site_id, known)
    except _UNREADABLE:
        return _Known(Classifier(), stored.head, is_whole=False)
    else:
        known.is_whole = stored.version == VERSION
        return known


async def _add(connection: Connection, site_id: str, known: _Known) -> None:
    for one in await learning.lessons_after(connection, site_id, known.number):
        lesson = Lesson.from_bytes(one.lesson)
        if one.is_added:
            known.model.add(lesson)
        else:
            known.model.take_back(lesson)
        known.number = one.number


def _learned(
    known: _Known, ids: list[str], standings: dict[str, Standing], taught: dict[str, bytes]
) -> list[StoredLesson]:
    """Return the lessons that bring a model to what comments teach as they stand, and add them to it."""
    lessons: list[StoredLesson] = []

    def take(comment_id: str, lesson: Lesson, *, is_added: bool) -> None:
        if is_added:
            known.model.add(lesson)
        else:
            known.model.take_back(lesson)
        known.number += 1
        lessons.append(
            StoredLesson(number=known.number, comment_id=comment_id, is_added=is_added, lesson=lesson.to_bytes())
        )

    for comment_id in ids:
        standing = standings.get(comment_id)
        wanted = None if standing is None else standing.is_spam
        before = Lesson.from_bytes(taught[comment_id]) if comment_id in taught else None
        if before is not None and before.is_spam is not wanted:
            take(comment_id, before, is_added=False)
        if standing is not None and wanted is not None and (before is None or before.is_spam is not wanted):
            features = features_of(learned_text(standing.body, standing.author_url))
            take(comment_id, known.model.lesson(features, is_spam=wanted), is_added=True)
    return lessons
