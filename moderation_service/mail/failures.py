"""What aiosmtplib raises, in our words: how far the conversation came, and what the server said."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiosmtplib.errors import SMTPException, SMTPNotSupported, SMTPResponseException, SMTPServerDisconnected

from moderation_service.config import causes
from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.retry_policy import Action, Outage, Phase

_ABOUT_GREETING = re.compile(r"\b(?:helo|ehlo)\b", re.IGNORECASE)
_UNKNOWN_PARAMETER = 504
_AFTER_GREETING = frozenset({Phase.CONNECT, Phase.SENDER, Phase.RECIPIENT})
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


class DeliveryError(Exception):
    """A mail was not accepted. `reply` holds the server's words, which may repeat addresses: never log it.

    It is `about_our_name` where the server dislikes the name by which we greeted it, whenever it says so.
    """

    def __init__(self, phase: Phase, code: int | None, reply: str, *, about_our_name: bool = False) -> None:
        super().__init__(phase)
        self.phase = phase
        self.code = code
        self.reply = reply
        self.about_our_name = about_our_name

    @property
    def action(self) -> Action:
        """What is done about it."""
        return retry_policy.classify(self.phase, self.code, about_our_name=self.about_our_name)

    @property
    def outage(self) -> Outage:
        """What it says of the server, where it pauses all mail."""
        return retry_policy.outage(self.phase, self.code, about_our_name=self.about_our_name)

    @property
    def status(self) -> str | None:
        """The enhanced status code (RFC 3463) of the reply, which holds no address."""
        found = _ENHANCED.search(self.reply)
        return found[1] if found else None


@contextmanager
def failing_in(phase: Phase, *, unanswered: Phase | None = None) -> Iterator[None]:
    """Turn what aiosmtplib raises into a DeliveryError of this phase.

    With `unanswered`, a failure without a reply, or with one that is none, counts as that phase instead.
    """
    try:
        yield
    except SMTPResponseException as error:
        if error.code > 0:
            raise _refusal(phase, error.code, error.message) from error
        raise DeliveryError(unanswered or phase, None, error.message) from error
    except ssl.SSLError as error:
        raise DeliveryError(Phase.TLS, None, _reason(error)) from error
    except SMTPNotSupported as error:
        raise DeliveryError(phase, None, error.message) from error
    except (SMTPException, OSError) as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise DeliveryError(Phase.TLS, None, _reason(error.__cause__)) from error
        raise DeliveryError(unanswered or phase, None, _unanswered(error)) from error


def _refusal(phase: Phase, code: int, reply: str) -> DeliveryError:
    """Servers refuse our name when we greet, or hold it back until somebody is named (Postfix does by default)."""
    is_ours = code == _UNKNOWN_PARAMETER or _ABOUT_GREETING.search(reply) is not None
    return DeliveryError(phase, code, reply, about_our_name=is_ours and phase in _AFTER_GREETING)


def _unanswered(error: Exception) -> str:
    """Say why there was no reply, in our words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, SMTPServerDisconnected):
        return "the server ended the connection"
    cause = error if isinstance(error, OSError) and not isinstance(error, SMTPException) else error.__cause__
    return causes.why(cause) if isinstance(cause, OSError) else "the server said nothing that can be understood"


def _reason(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", None) or error.reason or "TLS failed"
