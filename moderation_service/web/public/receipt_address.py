"""Where an author's receipt leads, and how a form leads back to its page."""

from urllib.parse import urlencode, urlsplit

PATH = "/receipts/{token}"
API_PATH = "/api/v1/receipts/{token}"
PROOF_PATH = f"{API_PATH}/proof"
OBJECTION_PATH = f"{API_PATH}/objection"

NOTE = "comment_receipt"
"""The parameter by which a form leads back to a page that says that a comment came."""


def address(public_url: str, token: str) -> str:
    """Return the address of the page behind a receipt."""
    return f"{public_url}{PATH.format(token=token)}"


def noted(location: str, comment_id: str, note: str, *, keeps_fragment: bool) -> str:
    """Return an address with a note that a comment came, at where it will stand or at its own fragment."""
    parts = urlsplit(location)
    kept = [one for one in parts.query.split("&") if one and one.partition("=")[0] != NOTE]
    fragment = parts.fragment if keeps_fragment and parts.fragment else f"comment-{comment_id}"
    query = "&".join([*kept, urlencode({NOTE: note})])
    return parts._replace(query=query, fragment=fragment).geturl()
