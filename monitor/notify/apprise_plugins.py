"""The one Apprise plugin that an address needs; loading all of them takes 0.2 s and 27 MB."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from monitor.extras import missing_package_fix

_MODULES = MappingProxyType(
    {
        "apprise_api": ("apprise", "apprises"),
        "bark": ("bark", "barks"),
        "custom_form": ("form", "forms"),
        "custom_json": ("json", "jsons"),
        "custom_xml": ("xml", "xmls"),
        "discord": ("discord",),
        "email.base": ("mailto", "mailtos"),
        "google_chat": ("gchat",),
        "gotify": ("gotify", "gotifys"),
        "home_assistant": ("hassio", "hassios"),
        "mailgun": ("mailgun",),
        "matrix.base": ("matrix", "matrixs"),
        "mattermost": ("mmost", "mmosts"),
        "mqtt": ("mqtt", "mqtts"),
        "ntfy": ("ntfy", "ntfys"),
        "opsgenie": ("opsgenie",),
        "pagerduty": ("pagerduty",),
        "pushbullet": ("pbul",),
        "pushover": ("pover",),
        "rocketchat": ("rocket", "rockets"),
        "sendgrid": ("sendgrid",),
        "ses": ("ses",),
        "signal_api": ("signal", "signals"),
        "slack": ("slack",),
        "sns": ("sns",),
        "synology": ("synology", "synologys"),
        "telegram": ("tgram",),
        "threema": ("threema",),
        "twilio": ("twilio",),
        "webexteams": ("wxteams",),
        "workflows": ("workflows",),
        "zulip": ("zulip",),
    }
)
MODULE_OF = MappingProxyType({schema: module for module, schemas in _MODULES.items() for schema in schemas})
"""The plugin module by address scheme, for the most common services."""

_PACKAGES = MappingProxyType({"mqtt": "paho.mqtt.client", "mqtts": "paho.mqtt.client"})
"""The module that Apprise's plugin needs, by address scheme, where not every installation has it."""


def load_plugin(url: str, arguments: Mapping[str, Any] | None = None) -> Any:
    """Return the Apprise service of an address, ready to send. Loads Apprise: call it in a thread.

    `arguments` are constructor arguments besides those of the address, which stand where it gives them.
    Raises ValueError, without the address, when Apprise does not understand it or lacks a package for it.
    """
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(
        app_id="margin-monitor",
        app_desc="margin-monitor",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        secure_logging=True,
    )
    schema = url.partition("://")[0].lower()
    needed = _PACKAGES.get(schema)
    if needed is not None and (fix := missing_package_fix(needed)) is not None:
        raise ValueError(f"{schema}:// needs a package that is not installed; install it: `{fix}`")
    plugin_type = _plugin_class(schema)
    if plugin_type is not None:
        parsed = plugin_type.parse_url(url)
        if not parsed:
            raise ValueError(f"Apprise can't read this {schema}:// address")
        try:
            return plugin_type(**{**(arguments or {}), **parsed, "asset": asset})
        except TypeError:
            raise ValueError(f"Apprise finds something missing or wrong in this {schema}:// address") from None
    plugin = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is None:
        raise ValueError("Apprise does not know such an address, or finds something missing in it")
    return plugin


def _plugin_class(schema: str) -> Any | None:
    """The plugin class of a scheme in the table; None when this Apprise lacks it or keeps it elsewhere."""
    name = MODULE_OF.get(schema)
    if name is None:
        return None
    from apprise.plugins.base import NotifyBase

    try:
        module = importlib.import_module(f"apprise.plugins.{name}")
    except ImportError:
        return None
    for candidate in vars(module).values():
        if isinstance(candidate, type) and issubclass(candidate, NotifyBase):
            declared: tuple[Any, Any] = (candidate.protocol, candidate.secure_protocol)
            if any(schema == names or (isinstance(names, list | tuple) and schema in names) for names in declared):
                return candidate
    return None
