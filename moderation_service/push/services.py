"""Apprise, which knows a hundred services of push: which URLs it can use, and handing one message to one of them.

A URL is a secret, as whoever has it may write to its owner. Apprise writes them into its log, so that log goes
nowhere; of what it says of a failure only the status of the answer is taken.
"""

import json
import logging
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from moderation_service.domain.notifications.pushes import scheme
from moderation_service.domain.notifications.retry_policy import Action, Phase
from moderation_service.mail.failures import DeliveryError
from moderation_service.push.composing import Button, Push

if TYPE_CHECKING:
    import apprise

EXTRA = "moderation-service[push]"

_WITH_BUTTONS = frozenset({"ntfy", "ntfys"})
_FINAL = frozenset({400, 401, 403, 404, 405, 410, 413})
_STATUS = re.compile(r"\berror=([1-5]\d{2})")
_CAUSE = re.compile(r"\bSocket Exception: (.*)", re.DOTALL)
"""Where Apprise says why there was no answer; the rest of it names hosts and topics."""
_CAUSES = {
    "no address is known for its host": re.compile(r"NameResolutionError|getaddrinfo|Name or service not known"),
    "its certificate cannot be trusted": re.compile(r"CERTIFICATE_VERIFY_FAILED|CertificateError"),
    "it does not speak TLS there": re.compile(r"SSLError"),
    "nothing listens there": re.compile(r"Connection refused"),
    "no way leads there": re.compile(r"Network is unreachable|No route to host"),
    "it did not answer in time": re.compile(r"timed out|Timeout"),
    "it closed the connection without an answer": re.compile(r"Connection aborted|reset by peer"),
}
_LOUD = ("apprise", "urllib3", "requests")


class PushRefusedError(DeliveryError):
    """A service did not take a message: `code` is the status of its answer, None where it gave none."""

    @property
    def action(self) -> Action:
        """What is done about it: what a service refuses for good is parked, all else is tried again."""
        return Action.PARK_MESSAGE if self.code in _FINAL else Action.AGAIN

    @property
    def status(self) -> None:
        """HTTP has no enhanced status codes."""


def fault_of(url: str) -> str | None:
    """Return what is wrong with a URL, without saying it; None where Apprise can use it."""
    try:
        library = _library()
    except ModuleNotFoundError:
        return f"needs the package apprise: install {EXTRA}"
    name = scheme(url)
    if name == "":
        return "is not a URL of Apprise, which begins like ntfy:// or tgram://"
    if name not in library.plugins.N_MGR:
        return f"Apprise knows no service {name}://"
    if library.Apprise.instantiate(url, asset=_asset()) is None:
        return f"Apprise cannot read what stands behind {name}://, or something is missing there"
    return None


def send(url: str, content: Push, *, within: float) -> None:
    """Hand a message to the service of a URL, and wait; raise PushRefusedError unless it was taken.

    The service has so many seconds to let itself be connected to, and for each part of its answer.
    """
    library = _library()
    service = library.Apprise.instantiate(_described(url, content), asset=_asset())
    if service is None:
        raise PushRefusedError(Phase.CONNECT, None, "Apprise cannot use the URL")
    service.socket_connect_timeout = _bounded(service.socket_connect_timeout, within)
    service.socket_read_timeout = _bounded(service.socket_read_timeout, within)
    only = library.Apprise(asset=_asset())
    only.add(service)
    result = only.notify(
        title=content.title,
        body=_text(url, content),
        body_format=library.NotifyFormat.TEXT,
        interpret_escapes=False,
        log_level=logging.DEBUG,
    )
    if not result:
        raise _refusal((entry.level, entry.message) for entry in result.logs())


def _refusal(said: Iterable[tuple[str, str]]) -> PushRefusedError:
    """Keep the status of an answer, or why there was none: the words around it name topics, chats and tokens."""
    lines = list(said)
    warned = [line for level, line in lines if level != logging.getLevelName(logging.DEBUG)]
    if (found := next((found for line in warned if (found := _STATUS.search(line))), None)) is not None:
        return PushRefusedError(Phase.ANSWER, int(found[1]), f"answered {found[1]}")
    causes = [found[1] for _, line in lines if (found := _CAUSE.search(line))]
    known = next((said for said, of in _CAUSES.items() for cause in causes if of.search(cause)), None)
    return PushRefusedError(Phase.ANSWER, None, known or "no answer, or one that Apprise does not understand")


def _bounded(seconds: Any, most: float) -> float:
    """Return a time limit of ours in place of none or of a longer one, which a URL may ask for."""
    return min(float(seconds), most) if seconds else most


def _described(url: str, content: Push) -> Any:
    """Return a URL as Apprise takes it, with the buttons of a message where its service has some."""
    if not has_buttons(url):
        return url
    described = _library().plugins.url_to_dict(url, secure_logging=True)
    if described is None:
        return url
    described["click"] = content.opens
    if content.buttons:
        described["actions"] = json.dumps([_button(one) for one in content.buttons])
    return described


def has_buttons(url: str) -> bool:
    """Tell whether a service shows buttons, and opens a page when its message is tapped."""
    return scheme(url) in _WITH_BUTTONS


def _text(url: str, content: Push) -> str:
    """Return the text; where a message cannot be tapped, with the address of the desk."""
    return content.body if has_buttons(url) else f"{content.body}\n\n{content.desk}"


def _button(button: Button) -> dict[str, Any]:
    """Return a button in ntfy's terms: it posts a form by itself, and the message stays."""
    return {
        "action": "http",
        "label": button.label,
        "url": button.url,
        "method": "POST",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        "body": button.form,
        "clear": False,
    }


@cache
def _library() -> Any:
    """Return Apprise; it and what it sends by say nothing in the log, as they say URLs there."""
    import apprise  # noqa: PLC0415 - it takes seconds and memory, and only who uses push has it

    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    logging.getLogger(_LOUD[0]).setLevel(logging.DEBUG)  # why there was no answer it says there alone
    return apprise


@cache
def _asset() -> "apprise.AppriseAsset":
    """Return how Apprise is used: nothing on disk, no images of others, no escapes or emojis in what is sent."""
    library = _library()
    return library.AppriseAsset(  # type: ignore[no-any-return]
        app_id="moderation-service",
        app_desc="moderation-service",
        image_url_mask=None,
        image_url_logo=None,
        storage_mode=library.PersistentStoreMode.MEMORY,
        interpret_emojis=False,
        interpret_escapes=False,
        async_mode=False,
        secure_logging=True,
    )
