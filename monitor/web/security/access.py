"""Who may change something: the bearer of the token, or the session of the page with its form token."""

import hmac

from aiohttp import hdrs, web

from monitor.web.security.forms import read_field
from monitor.web.security.hosts import HostPort, KnownHosts
from monitor.web.security.refusal import RequestRefused
from monitor.web.security.sessions import SESSION_S, Session, SessionTable, cookie_name
from monitor.web.security.token_check import TokenCheck
from monitor.web.settings import WebSettings

FORM_TOKEN_FIELD = "form_token"
FORM_TOKEN_HEADER = "X-Form-Token"

MAX_BODY_BYTES = 16_384

_SAME_SITE = ("same-origin", "none")


class AccessControl:
    """Decides for each request whether it may change something, and who its author is."""

    def __init__(self, token: TokenCheck, sessions: SessionTable, settings: WebSettings) -> None:
        self._token = token
        self._sessions = sessions
        self._public_url = settings.public_url
        self._hosts = KnownHosts(HostPort(settings.host, settings.port), settings.public_url)

    @property
    def is_read_only(self) -> bool:
        """True if no token is configured: then nothing can be changed."""
        return not self._token.has_token

    def session_of(self, request: web.BaseRequest) -> Session | None:
        """Return the session of the request's cookie; None without one that is open."""
        cookie = request.cookies.get(self._cookie_name(request))
        return self._sessions.find(cookie) if cookie and self._token.has_token else None

    def form_token(self, request: web.BaseRequest) -> str:
        """Return the form token for forms of a page; empty without a session."""
        session = self.session_of(request)
        return "" if session is None else session.form_token

    async def require_write(self, request: web.Request) -> str:
        """Return who sends a request that changes something. Raises RequestRefused unless that one may."""
        self._require_token()
        bearer = request.headers.get(hdrs.AUTHORIZATION)
        if bearer is not None:
            scheme, _, token = bearer.partition(" ")
            self._token.check(token.strip() if scheme.lower() == "bearer" else "", self.address_of(request))
        else:
            await self._require_form_token(request)
        return f"web {self.address_of(request)}"

    async def log_in(self, request: web.Request, response: web.StreamResponse) -> Session:
        """Open a session for the token in the form field `token`; its cookie goes with `response`.

        Raises RequestRefused for a wrong token, and for a form of another page.
        """
        self._require_token()
        self._require_own_page(request)
        self._token.check(await read_field(request, "token"), self.address_of(request))
        earlier = self.session_of(request)
        if earlier is not None:
            self._sessions.close(earlier)
        cookie, session = self._sessions.open()
        response.set_cookie(
            self._cookie_name(request),
            cookie,
            max_age=SESSION_S,
            path="/",
            secure=self._is_behind_https(request),
            httponly=True,
            samesite="Strict",
        )
        return session

    async def log_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the request's session. Raises RequestRefused for a form of another page."""
        await self._require_form_token(request)
        session = self.session_of(request)
        if session is not None:
            self._sessions.close(session)
        response.del_cookie(
            self._cookie_name(request),
            path="/",
            secure=self._is_behind_https(request),
            httponly=True,
            samesite="Strict",
        )

    def address_of(self, request: web.BaseRequest) -> str:
        """Return the address of the sender: behind a proxy on this machine the one that the proxy names."""
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        address = str(peer[0]) if isinstance(peer, tuple) else "unknown"
        if self._public_url and HostPort(address, 0).is_loopback:
            forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            if forwarded and HostPort(forwarded, 0).is_address:
                return forwarded
        return address

    def local_address(self, request: web.BaseRequest) -> HostPort:
        """Return the address of this machine at which the connection arrived."""
        local = request.transport.get_extra_info("sockname") if request.transport is not None else None
        return HostPort(str(local[0]), int(local[1])) if isinstance(local, tuple) else HostPort("", 0)

    def require_known_host(self, request: web.BaseRequest) -> None:
        """Raise RequestRefused (421) unless the Host header names this page, once."""
        hosts = request.headers.getall(hdrs.HOST, ())
        is_absolute = request.raw_path[:1] != "/"
        if len(hosts) != 1 or is_absolute or not self._hosts.is_known_host(hosts[0], self.local_address(request)):
            raise RequestRefused(
                421,
                "wrong_host",
                "this page has another address",
                mend="open it by its listen address, or set public_url of [http] to the address that is used",
            )

    def _cookie_name(self, request: web.BaseRequest) -> str:
        return cookie_name(self.local_address(request).port)

    def _require_token(self) -> None:
        if not self._token.has_token:
            raise RequestRefused(
                403,
                "read_only",
                "the page is read-only: no token is configured",
                mend="set token of [http], or use the command line",
            )

    async def _require_form_token(self, request: web.Request) -> None:
        session = self.session_of(request)
        if session is None:
            raise RequestRefused(
                401,
                "not_logged_in",
                "neither a token nor an open session",
                mend="log in, or send Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": 'Bearer realm="margin-monitor"'},
            )
        self._require_own_page(request)
        given = request.headers.get(FORM_TOKEN_HEADER)
        if given is None:
            given = await read_field(request, FORM_TOKEN_FIELD)
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), session.form_token.encode()):
            raise RequestRefused(
                403, "wrong_form", "the form belongs to another login", mend="load the page again, and send it anew"
            )

    def _require_own_page(self, request: web.Request) -> None:
        """Raise RequestRefused for a form that a page of another origin sends."""
        origins = request.headers.getall(hdrs.ORIGIN, ())
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        local = self.local_address(request)
        if site not in _SAME_SITE or not all(self._hosts.is_known_origin(origin, local) for origin in origins):
            raise RequestRefused(
                403, "foreign_origin", "the form was sent by a page of another origin", mend="use the page itself"
            )

    def _is_behind_https(self, request: web.BaseRequest) -> bool:
        """Whether the browser talks to the page over https: by public_url, unless it says that it used plain http."""
        return self._public_url.startswith("https://") and not request.headers.get(hdrs.ORIGIN, "").startswith("http:")
