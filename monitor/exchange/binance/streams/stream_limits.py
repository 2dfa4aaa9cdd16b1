"""What the streams do against dying unnoticed, and how soon. Each guard can be switched off alone."""

import random
from dataclasses import dataclass

_MAX_DOUBLINGS = 20
"""More would not change a rest; after a thousand failures in a row there would be no number for it."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The limits of every guard. Wall seconds are the machine's, exchange seconds the clock's."""

    silence_s: float = 60.0
    """Wall seconds without a frame, ping or pong that make a connection count as dead; the venue pings every 20 s."""

    price_silence_s: float = 10.0
    """Seconds, wall and exchange both, without a price of the busiest symbol that make the market stream count so."""

    answer_s: float = 10.0
    """Wall seconds that a new connection has to answer a ping, where only that shows that somebody is there."""

    lifetime_s: float = 23 * 3600.0
    """Exchange seconds after which a connection is replaced at the latest; the venue cuts it at 24 h."""

    overlap_s: float = 10.0
    """Wall seconds for which a replaced connection is still listened to: what it owes may be under way."""

    probe_every_s: float = 300.0
    """Exchange seconds between two questions whether all subscriptions are still there."""

    renew_at: float = 0.5
    """The share of a listen token's life after which it is renewed."""

    extend_every_s: float = 1800.0
    """Exchange seconds between two extensions of the listen key. Official pages disagree whether it lives 60 minutes
    or 24 hours; this is right for both."""

    missing_event_s: float = 10.0
    """Seconds, wall and exchange both, that the account stream has to tell of a balance that a poll saw change."""

    reconnects: bool = True
    """Whether a stream that was lost is opened again."""

    max_backoff_s: float = 60.0
    """Exchange seconds that are waited at most between two attempts; 0: none are waited."""

    subscribes_each_scope: bool = True
    """Whether cross and each pair have a subscription of their own; otherwise the first one stands for all."""

    renews_lost_key: bool = True
    """Whether a listen key that is gone means a new key and a new socket."""

    def backoff_s(self, failures: int) -> float:
        """Exchange seconds to wait after so many failures in a row: up to 1, 2, 4 … 60, any part of it.

        Keeps even a connection that is refused at once far below the venue's 300 attempts in five minutes.
        """
        return random.uniform(0.1, 1.0) * min(self.max_backoff_s, 2.0 ** min(max(0, failures - 1), _MAX_DOUBLINGS))

    def random_lifetime_s(self) -> float:
        """Exchange seconds that a new connection may serve: staggered, so that not everything reconnects at once."""
        return self.lifetime_s * random.uniform(0.96, 1.0)
