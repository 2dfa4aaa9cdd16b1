"""Links, buttons and urgency of one message, as the Apprise service of its channel carries them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from monitor.view.messages.message import Message

LINK_ARGUMENTS = MappingProxyType(
    {
        "bark": "click",
        "barks": "click",
        "discord": "href",
        "ntfy": "click",
        "ntfys": "click",
        "pagerduty": "click",
        "pover": "supplemental_url",
    }
)
"""Argument of the Apprise plugin that takes a link, by address scheme. Other services have it in the text alone."""

_NTFY_SCHEMES = ("ntfy", "ntfys")
_NTFY_PRIORITY = MappingProxyType({"critical": "max", "warning": "high"})


def message_arguments(schema: str, message: Message) -> Mapping[str, Any]:
    """Return the plugin's arguments for this message; empty where every message is sent alike.

    `message.document` gives the link to the alert's page (none without `public_url`), its severity and its reason.
    """
    if schema not in LINK_ARGUMENTS:
        return {}
    document = message.document
    url, number = document.get("url"), document.get("id")
    is_over = "resolved" in (document.get("reason"), document.get("stage"))
    wanted: dict[str, Any] = {}
    if url:
        wanted[LINK_ARGUMENTS[schema]] = url
    if url and schema == "pover":
        wanted["supplemental_url_title"] = f"Alert #{number}"
    if schema in _NTFY_SCHEMES:
        if url:
            wanted["actions"] = _ntfy_actions(str(url), number, is_over=is_over)
        priority = None if is_over else _NTFY_PRIORITY.get(str(document.get("severity")))
        if priority is not None:
            wanted["priority"] = priority
    return wanted


def _ntfy_actions(url: str, number: object, *, is_over: bool) -> str:
    """Return buttons that open a page: a button can't act, since only a person who is logged in may."""
    page = quote(url, safe=":/?&=%@+~[]")
    status = page.rpartition("/alerts/")[0] + "/"
    first = f"view, Alert #{number}, {page}" if is_over else f"view, Acknowledge #{number}, {page}#ack"
    return f"{first}; view, Status, {status}"
