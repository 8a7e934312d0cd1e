"""How comments stand while one decision after the other is taken on them, before anything is written.

A request of a moderator or program is judged by what stands (`decisions.judge`), and becomes a line of history, or
two: what undoes an answer of the site rejects that answer. Nothing here asks the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from moderation_service.domain.comments.comment import QueuedComment, Redaction, Status
from moderation_service.domain.moderation.decisions import (
    Actor,
    Answer,
    Decision,
    Entry,
    Outcome,
    Request,
    judge,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedText:
    """What the newest decision on a comment did with its texts, for its undo.

    `edit` is the one that the decision was about, None where none waited. `replaced` is the text that the comment
    had until then, None where it has it still. `redaction` is what was left, where passages were taken out.
    """

    edit: int | None
    replaced: int | None
    redaction: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one decision; `status` is where the comment stands now, None if there is none."""

    comment_id: str
    status: Status | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A new line of history; `edit` is the one that it decides on, `restored` are texts that are as before again.

    `redaction` is what it leaves of the text, None where it takes nothing out. `answer` is what the site says to
    the comment, where that is the decision.
    """

    comment: QueuedComment
    entry: Entry
    edit: int | None = None
    restored: DecidedText | None = None
    redaction: Redaction | None = None
    answer: Answer | None = None

    @property
    def keeps_published(self) -> bool:
        """Whether what is public stays, and nothing else was decided: an edit was rejected, or it was answered."""
        if self.answer is not None:
            return self.entry.from_status is Status.APPROVED
        return self.edit is not None and self.entry.decision is Decision.REJECT


@dataclass(slots=True, kw_only=True)
class DecisionBatch:
    """How comments stand while the requests of one transaction are judged one after the other.

    `earlier` are the reasons of the decisions before the last ones, which an undo of those brings back; `texts`
    the numbers of their texts, `edits` those of edits that wait, `next_numbers` those of texts to come, and
    `decided_texts` what the last decisions did with texts. `answered` are texts that the site has answered,
    each behind the comment's id: none is published twice.
    """

    found: Mapping[str, QueuedComment]
    status: dict[str, Status]
    last: dict[str, Entry]
    earlier: dict[str, str]
    texts: dict[str, int]
    edits: dict[str, int]
    decided_texts: dict[str, DecidedText]
    waiting_again: set[str]
    answered: set[tuple[str, str]]
    next_numbers: dict[str, int]
    steps: list[Step] = field(default_factory=list)

    def judge(self, request: Request, actor: Actor, now: datetime, redaction: Redaction | None) -> Result:
        """Return what a request comes to, and keep what is to be written."""
        comment = self.found.get(request.comment_id)
        if comment is None:
            return Result(comment_id=request.comment_id, status=None, outcome=Outcome.NOT_FOUND)
        if self._is_answered(comment.id, request.answer):
            return Result(comment_id=comment.id, status=self.status[comment.id], outcome=Outcome.UNCHANGED)
        newest = self.edits.get(comment.id, self.texts[comment.id])
        is_of_another = request.decision is Decision.REDACT and (redaction is None or redaction.of != newest)
        if request.revision not in (None, newest) or is_of_another:
            return Result(comment_id=comment.id, status=self.status[comment.id], outcome=Outcome.CONFLICT)
        previous = self.last.get(comment.id)
        verdict = judge(
            request,
            self.status[comment.id],
            previous,
            actor.channel,
            now,
            waits_again=comment.id in self.waiting_again,
            is_edited=comment.id in self.edits,
            takes_out=redaction is None or not redaction.is_unchanged,
        )
        if verdict.target is not None and request.answer is not None:
            self._answer(comment, request, request.answer, actor, now)
        elif verdict.target is not None:
            self._take(comment, request, verdict.target, previous, actor, now, redaction)
            if request.decision is Decision.UNDO and previous is not None:
                self._take_answer_down(comment, previous.answer_id, actor, now)
        return Result(comment_id=comment.id, status=self.status[comment.id], outcome=verdict.outcome)

    def _is_answered(self, comment_id: str, answer: Answer | None) -> bool:
        """Tell whether the site has answered the same, and readers see both, as when a form is sent twice."""
        if answer is None or self.status[comment_id] is not Status.APPROVED:
            return False
        return (comment_id, answer.body) in self.answered

    def _answer(
        self, comment: QueuedComment, request: Request, answer: Answer, actor: Actor, now: datetime
    ) -> None:
        """Answer a comment, which approves it where it waits; an edit or reports of a published one wait on."""
        previous = self.last.get(comment.id)
        entry = Entry(
            number=previous.number + 1 if previous else 1,
            revision=self.texts[comment.id],
            decision=Decision.ANSWER,
            from_status=self.status[comment.id],
            to_status=Status.APPROVED,
            actor=actor,
            at=now,
            note=request.note,
            answer_id=answer.id,
        )
        self.steps.append(Step(comment=comment, entry=entry, answer=answer))
        self.answered.add((comment.id, answer.body))
        self.decided_texts.pop(comment.id, None)
        self.earlier.pop(comment.id, None)
        self.last[comment.id], self.status[comment.id] = entry, Status.APPROVED

    def _take_answer_down(
        self, comment: QueuedComment, answer_id: str | None, actor: Actor, now: datetime
    ) -> None:
        """Reject what the site answered, where the decision to answer is taken back and nobody decided on it."""
        answer = self.found.get(answer_id or "")
        if answer is None or answer.id == comment.id:
            return
        previous = self.last.get(answer.id)
        if previous is None or previous.decision is not Decision.ANSWER or previous.answer_id != answer.id:
            return
        request = Request(comment_id=answer.id, decision=Decision.REJECT, expected=None)
        self._take(answer, request, Status.REJECTED, previous, actor, now, None)

    def _take(
        self,
        comment: QueuedComment,
        request: Request,
        target: Status,
        previous: Entry | None,
        actor: Actor,
        now: datetime,
        redaction: Redaction | None,
    ) -> None:
        is_undo = request.decision is Decision.UNDO
        edit = self.edits.pop(comment.id, None)
        decided = self.decided_texts.pop(comment.id, None)
        restored = decided if is_undo else None
        text = self.texts[comment.id]
        entry = Entry(
            number=previous.number + 1 if previous else 1,
            revision=edit or text if restored is None else restored.edit or restored.replaced or text,
            decision=request.decision,
            from_status=self.status[comment.id],
            to_status=target,
            actor=actor,
            at=now,
            reason=self.earlier.get(comment.id) if is_undo else request.reason,
            note=request.note,
            redacted_as=None if redaction is None else self._next_number(comment.id),
        )
        step = Step(comment=comment, entry=entry, edit=edit, restored=restored, redaction=redaction)
        self.steps.append(step)
        if entry.redacted_as is not None:
            self.decided_texts[comment.id] = DecidedText(edit=edit, replaced=text, redaction=entry.redacted_as)
            self.texts[comment.id] = entry.redacted_as
        elif edit is not None:
            is_approved = request.decision is Decision.APPROVE
            self.decided_texts[comment.id] = DecidedText(edit=edit, replaced=text if is_approved else None)
            self.texts[comment.id] = edit if is_approved else text
        if restored is not None:
            self.texts[comment.id] = restored.replaced or text
        if restored is not None and restored.edit is not None:
            self.edits[comment.id] = restored.edit
        if comment.id in self.edits or step.keeps_published:
            self.waiting_again.add(comment.id)
        else:
            self.waiting_again.discard(comment.id)
        if previous is not None and previous.reason is not None:
            self.earlier[comment.id] = previous.reason
        else:
            self.earlier.pop(comment.id, None)
        self.last[comment.id], self.status[comment.id] = entry, target

    def _next_number(self, comment_id: str) -> int:
        number = self.next_numbers[comment_id]
        self.next_numbers[comment_id] += 1
        return number
