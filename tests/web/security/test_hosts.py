"""Hosts and origins that name this page, and all that do not."""

import pytest

from monitor.web.security.hosts import HostPort, KnownHosts

LOOPBACK = HostPort("127.0.0.1", 9184)


@pytest.mark.parametrize("header", ["127.0.0.1:9184", "localhost:9184", "LOCALHOST:9184", "127.0.0.1.:9184"])
def test_listen_address_is_a_known_host(header: str) -> None:
    assert KnownHosts(LOOPBACK, "").is_known_host(header, LOOPBACK)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "attacker.example",
        "attacker.example:9184",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:9184.attacker.example",
        "127.0.0.1:9184@attacker.example",
        "attacker.example@127.0.0.1:9184",
        "127.0.0.1:9184, attacker.example",
        "127.0.0.1:9184/..",
        "127.0.0.1:port",
        "[::1",
        "localhost.attacker.example:9184",
        "127.0.0.2:9184",
        "ｌocalhost:9184",
    ],
)
def test_any_other_host_is_unknown(header: str) -> None:
    assert not KnownHosts(LOOPBACK, "").is_known_host(header, LOOPBACK)


@pytest.mark.parametrize("header", ["mon.example", "mon.example:443", "Mon.Example", "127.0.0.1:9184"])
def test_public_url_is_a_known_host_beside_the_listen_address(header: str) -> None:
    assert KnownHosts(LOOPBACK, "https://mon.example").is_known_host(header, LOOPBACK)


@pytest.mark.parametrize(
    "header", ["mon.example:80", "mon.example:9184", "xmon.example", "mon.example.attacker.example"]
)
def test_public_url_with_another_port_or_name_is_unknown(header: str) -> None:
    assert not KnownHosts(LOOPBACK, "https://mon.example").is_known_host(header, LOOPBACK)


def test_address_behind_a_listened_name_is_a_known_host() -> None:
    hosts = KnownHosts(HostPort("localhost", 9184), "")
    assert hosts.is_known_host("127.0.0.1:9184", LOOPBACK)
    assert hosts.is_known_host("localhost:9184", LOOPBACK)
    assert not hosts.is_known_host("127.0.0.2:9184", LOOPBACK)


def test_address_of_the_connection_is_a_known_host_where_all_addresses_are_listened_at() -> None:
    hosts, local = KnownHosts(HostPort("0.0.0.0", 9184), ""), HostPort("192.0.2.7", 9184)
    assert hosts.is_known_host("192.0.2.7:9184", local)
    assert not hosts.is_known_host("192.0.2.8:9184", local)
    assert not hosts.is_known_host("localhost:9184", local)
    assert not hosts.is_known_host("attacker.example:9184", local)


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ("http://127.0.0.1:9184", True),
        ("http://localhost:9184", True),
        ("https://mon.example", True),
        ("http://mon.example", False),
        ("https://127.0.0.1:9184", False),
        ("null", False),
        ("", False),
        ("https://attacker.example", False),
        ("https://mon.example.attacker.example", False),
        ("https://mon.example/path", False),
        ("http://127.0.0.1:8080", False),
    ],
)
def test_origins_are_those_of_our_own_pages(origin: str, known: bool) -> None:
    assert KnownHosts(LOOPBACK, "https://mon.example").is_known_origin(origin, LOOPBACK) is known
