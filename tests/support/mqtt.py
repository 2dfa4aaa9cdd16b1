"""A real MQTT broker on loopback, and the messages published through it."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.timeouts import DEADLINE_FACTOR

PATIENCE_S = 30.0 * DEADLINE_FACTOR

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
"""The broker of the system, if it has one."""

BROKERS = [
    *(["mosquitto"] if MOSQUITTO else []),
    # From the development lock, so that no machine is without a broker; `iotcore` brings it.
    *(["rumqttd"] if importlib.util.find_spec("iotcore") else []),
]
"""The brokers that this machine has."""


class MqttSink:
    """Every message published under `alerts/`, in the order of arrival."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.published: list[str] = []
        self._arrived = threading.Condition()

    def take(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        with self._arrived:
            self.published.append(message.payload.decode())
            self._arrived.notify_all()

    def wait_for_count(self, count: int, timeout_s: float = PATIENCE_S) -> list[str]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.published) >= count, timeout_s), self.published
            return list(self.published)


@contextmanager
def mqtt_sink(folder: Path, broker: str, password: str = "") -> Iterator[MqttSink]:
    """A new broker, one of `BROKERS`, and a subscribed client; open to anybody unless there is a password."""
    port = _free_port()
    configure = {"mosquitto": _mosquitto, "rumqttd": _rumqttd}[broker]
    process = subprocess.Popen(
        configure(folder, port, password), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    sink = MqttSink(port)
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = sink.take
    client.on_subscribe = lambda *_: subscribed.set()
    if password:
        client.username_pw_set("listener", password)
    try:
        _connect(client, port)
        client.subscribe("alerts/#", qos=1)
        client.loop_start()
        assert subscribed.wait(PATIENCE_S), f"{broker} takes no subscription"
        yield sink
    finally:
        client.loop_stop()
        client.disconnect()
        process.kill()
        process.wait()


def _connect(client: Client, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.connect("127.0.0.1", port)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _mosquitto(folder: Path, port: int, password: str) -> list[str]:
    """Write the configuration of Debian's broker; the command that starts it."""
    access = "allow_anonymous true"
    if password:
        known = folder / "passwords"
        subprocess.run(
            ["mosquitto_passwd", "-b", "-c", str(known), "listener", password], check=True, capture_output=True
        )
        access = f"allow_anonymous false\npassword_file {known}"
    config = folder / "mosquitto.conf"
    # A broker started by root would drop its privileges, and could not read the folder then.
    config.write_text(f"user root\nlistener {port} 127.0.0.1\n{access}\n")
    return [str(MOSQUITTO), "-c", str(config)]


def _rumqttd(folder: Path, port: int, password: str) -> list[str]:
    """Write the configuration of the development lock's broker; the command that starts it."""
    config = folder / "rumqttd.toml"
    config.write_text(
        "id = 0\n"
        "[router]\n"
        "id = 0\nmax_connections = 100\nmax_outgoing_packet_count = 200\n"
        "max_segment_size = 1048576\nmax_segment_count = 10\n"
        "[v4.1]\n"
        f'name = "v4"\nlisten = "127.0.0.1:{port}"\nnext_connection_delay_ms = 1\n'
        "[v4.1.connections]\n"
        "connection_timeout_ms = 60000\nmax_payload_size = 1048576\nmax_inflight_count = 100\ndynamic_filters = true\n"
        + (f'auth = {{ listener = "{password}" }}\n' if password else "")
    )
    return [sys.executable, "-m", "iotcore", "--config", str(config)]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
