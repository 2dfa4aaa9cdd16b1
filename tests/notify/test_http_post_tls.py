"""Posting over TLS: only to who proves to be the host that was named."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitor.notify.http_post import HttpPoster, PostFailed
from tests.notify.test_http_post import server_answering

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def certificate(folder: Path, address: str) -> Path:
    """A certificate that vouches for itself, and its key, for that address alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "sink.pem"
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


@asynccontextmanager
async def https(file: Path, connections: list[asyncio.Event] | None = None) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    running = await asyncio.start_server(server_answering(OK, OK, connections=connections), "127.0.0.1", 0, ssl=context)
    async with running:
        yield f"https://127.0.0.1:{running.sockets[0].getsockname()[1]}/hook"


async def test_trusted_host_is_posted_to_over_one_connection(tmp_path: Path) -> None:
    file, connections = certificate(tmp_path, "127.0.0.1"), list[asyncio.Event]()
    async with https(file, connections) as url:
        posting = HttpPoster(url, {}, 100, ssl.create_default_context(cafile=file))
        answers = [await posting.post(b"{}"), await posting.post(b"{}")]
        posting.close()
    assert [(answer.status, answer.text) for answer in answers] == [(200, "ok")] * 2
    assert len(connections) == 1


@pytest.mark.parametrize("trusted", [False, True], ids=["unknown issuer", "another address"])
async def test_untrusted_host_gets_no_post(tmp_path: Path, trusted: bool) -> None:
    file, connections = certificate(tmp_path, "127.0.0.2" if trusted else "127.0.0.1"), list[asyncio.Event]()
    async with https(file, connections) as url:
        posting = HttpPoster(url, {}, 100, ssl.create_default_context(cafile=file) if trusted else None)
        with pytest.raises(PostFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await posting.post(b"{}")
    assert connections == []
