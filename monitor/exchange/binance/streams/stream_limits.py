"""Limits against streams that die unnoticed. Each check can be switched off alone."""

import random
from dataclasses import dataclass

_MAX_DOUBLINGS = 20
"""Maximum doublings: more would not change a wait, and after a thousand failures they would overflow."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of every check. Wall seconds are the machine's, exchange seconds the clock's."""

    silence_s: float = 60.0
    """Wall seconds without a frame, ping or pong after which a connection is dead; the exchange pings every 20 s."""

    price_silence_s: float = 10.0
    """Seconds, wall and exchange both, without a price of the busiest symbol: then the market stream is dead."""

    answer_s: float = 10.0
    """Wall seconds that a new connection has to answer a ping, where only the answer shows that it works."""

    lifetime_s: float = 23 * 3600.0
    """Exchange seconds after which a connection is replaced at the latest; the exchange cuts it at 24 h."""

    overlap_s: float = 10.0
    """Wall seconds for which a replaced connection stays open: its last frames may be under way."""

    probe_every_s: float = 300.0
    """Exchange seconds between two checks that all subscriptions still exist."""

    renew_at: float = 0.5
    """Share of a listen token's life after which it is renewed."""

    extend_every_s: float = 1800.0
    """Exchange seconds between two extensions of the listen key. Official pages disagree whether it lives 60 minutes
    or 24 hours; this is right for both."""

    missing_event_s: float = 10.0
    """Seconds, wall and exchange both, in which the account stream must report a balance change seen by a poll."""

    reconnects: bool = True
    """True if a lost stream is opened again."""

    max_streams: int = 1024
    """Maximum streams of one connection to the market; more symbols need another connection."""

    max_backoff_s: float = 60.0
    """Maximum exchange seconds between two attempts; 0: no wait."""

    subscribes_each_scope: bool = True
    """True if cross and each pair have subscriptions of their own; otherwise the first one stands for all."""

    renews_lost_key: bool = True
    """True if a lost listen key is replaced by a new key and a new socket."""

    def backoff_s(self, failures: int) -> float:
        """Return the exchange seconds to wait after `failures` in a row: a random part of 1, 2, 4 … 60.

        Even a connection that is refused at once stays far below the exchange's 300 attempts in five minutes.
        """
        return random.uniform(0.1, 1.0) * min(self.max_backoff_s, 2.0 ** min(max(0, failures - 1), _MAX_DOUBLINGS))

    def random_lifetime_s(self) -> float:
        """Return the exchange seconds that a new connection may serve: random, so that not all reconnect at once."""
        return self.lifetime_s * random.uniform(0.96, 1.0)
