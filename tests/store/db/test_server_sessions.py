"""Sessions of PostgreSQL through a real PgBouncer: set up where it keeps them, refused where it shares them."""

import contextlib
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monitor.errors import ExitCode, PoolSharesSessions, StoreError
from monitor.store.db import connections as opening
from tests.support.postgres import PoolServer, PostgresServer, pool_before

SETTINGS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "synchronous_commit",
    "default_transaction_read_only",
    "transaction_isolation",
    "application_name",
    "client_encoding",
)


@contextlib.contextmanager
def engines(url: str) -> Iterator[tuple[Engine, Engine]]:
    """A writing and a reading engine."""
    parsed = opening.parse_url(url)
    both = opening.writing_engine(parsed, name="margin-monitor one"), opening.reading_engine(parsed)
    try:
        yield both
    finally:
        for engine in both:
            engine.dispose()


def settings_of(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [str(connection.execute(text(f"SHOW {name}")).scalar()) for name in SETTINGS]


def refusal(engine: Engine) -> PoolSharesSessions:
    with pytest.raises(PoolSharesSessions) as caught:
        engine.connect()
    return caught.value


def is_refused(pool: PoolServer, database: str = "postgres") -> bool:
    with engines(pool.url(database)) as (writing, _):
        try:
            writing.connect().close()
        except PoolSharesSessions:
            return True
    return False


@pytest.mark.parametrize(
    "settings", [{}, {"ignore_startup_parameters": "options"}, {"pool_size": "3"}], ids=["", "options ignored", "small"]
)
def test_sessions_of_a_session_pool_have_the_settings_of_direct_ones(
    postgres_server: PostgresServer, settings: dict[str, str]
) -> None:
    size = {"default_pool_size": settings.pop("pool_size", "20")}
    with engines(postgres_server.url("postgres")) as direct:
        wanted = [settings_of(engine) for engine in direct]
    with pool_before(postgres_server, "session", **settings, **size) as pool:
        with engines(pool.url("postgres")) as pooled:
            assert [settings_of(engine) for engine in pooled] == wanted
        with pool.connect("postgres") as other:
            # Nothing of it is left to the client that has the session next.
            assert other.execute("SHOW default_transaction_read_only").fetchone() == ("off",)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("is_in_turn", ["0", "1"])
def test_pool_that_shares_its_sessions_is_refused_in_one_line(
    postgres_server: PostgresServer, mode: str, is_in_turn: str
) -> None:
    with pool_before(postgres_server, mode, server_round_robin=is_in_turn) as pool:
        with engines(pool.url("postgres")) as both:
            errors = [refusal(engine) for engine in both]
        assert [str(error) for error in errors] == 2 * [
            "[storage] url: the pool before the database postgresql+psycopg://tester@/postgres shares its sessions "
            f"between {mode}s, so that no lock of a daemon would hold; set `pool_mode = session` for it in PgBouncer, "
            "or connect to the server directly"
        ]
        assert {error.exit_code for error in errors} == {ExitCode.CONFIG}
        with pool.connect("postgres") as other:
            assert other.execute("SHOW default_transaction_read_only").fetchone() == ("off",)


@contextlib.contextmanager
def busy(pool: PoolServer, clients: int) -> Iterator[None]:
    """Other clients that have a short transaction all the time."""
    is_over = threading.Event()

    def work() -> None:
        with pool.connect("postgres") as connection:
            while not is_over.is_set():
                connection.execute("SELECT pg_sleep(0.001)")

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("is_in_turn", ["0", "1"])
def test_pool_mode_is_recognised_beside_other_clients(postgres_server: PostgresServer, is_in_turn: str) -> None:
    for mode, wanted in (("transaction", True), ("session", False)):
        with pool_before(postgres_server, mode, server_round_robin=is_in_turn) as pool, busy(pool, 4):
            assert [is_refused(pool) for _ in range(20)] == [wanted] * 20


def test_pool_without_a_second_session_is_named_within_a_limit(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.store.db.server_sessions.PREPARATION_TIMEOUT_S", 0.5)
    with pool_before(postgres_server, "session", default_pool_size="1") as pool:
        with engines(pool.url("postgres")) as (writing, _), pytest.raises(StoreError, match="gave no second session"):
            writing.connect()
        with pool.connect("postgres") as other:
            other.execute("SELECT 1")
            with engines(pool.url("postgres")) as (writing, _), pytest.raises(StoreError, match="gave no answer"):
                writing.connect()


def test_options_of_the_url_that_a_pool_refuses_are_named_with_the_fix(postgres_server: PostgresServer) -> None:
    own = "&options=-c%20statement_timeout%3D1234"
    with engines(postgres_server.url("postgres") + own) as (writing, _):
        assert settings_of(writing)[0] == "1234ms"
    with pool_before(postgres_server, "session") as pool:
        with engines(pool.url("postgres") + own) as (writing, _), pytest.raises(DBAPIError) as caught:
            writing.connect()
        told = str(opening.unreachable_error(opening.parse_url(pool.url("postgres")), caught.value))
    # A newer PgBouncer names the parameter within the options.
    assert "unsupported startup parameter" in told
    assert "; leave out what the pool does not take" in told
