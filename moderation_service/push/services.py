"""Apprise, which knows a hundred services of push: which URLs it can use, and handing one message to one of them.

A URL is a secret, as whoever has it may write to its owner. Apprise writes them into its log, so that log goes
nowhere; of what it says of a failure only the status of the answer is taken.
"""

import json
import logging
import re
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
    )
    if not result:
        raise _refusal(str(entry) for entry in result.logs())


def _refusal(said: Any) -> PushRefusedError:
    """Keep the status of an answer: the words around it name topics, chats and tokens."""
    found = next((found for line in said if (found := _STATUS.search(line))), None)
    if found is None:
        return PushRefusedError(Phase.ANSWER, None, "no answer, or one that Apprise does not understand")
    return PushRefusedError(Phase.ANSWER, int(found[1]), f"answered {found[1]}")


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
