"""One HTTP exchange, bounded on every side (security.md §4.3).

A deadline around the whole of it, no redirect (a 307 would carry the refresh token to another
host), no compression, 256 KiB at most, no proxy from the environment, HTTPS only but for literal
loopback addresses. Secrets are revealed here and nowhere else on the way out; a client library's
error never leaves this file, for it holds the request.
"""

import asyncio
import ipaddress
import logging
import os
import ssl
from collections.abc import Iterable
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from tokenflow.core.effects import Request, Response
from tokenflow.core.errors import AnswerNotUnderstood, IssuerUnreachable, Refused, TokenflowError
from tokenflow.core.secret import Secret

DEADLINE: Final = 20.0
"""Seconds for a whole exchange (ruling 30)."""
CAP: Final = 256 * 1024
"""Bytes of an answer (ruling 30)."""
INNER_NETWORKS: Final = "TOKENFLOW_INNER_NETWORKS"
_QUIET: Final = ("httpx2", "httpcore2", "httpx", "httpcore")


class Transport(Protocol):
    """Sends a request and brings its response."""

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Return the response; raises IssuerUnreachable or AnswerNotUnderstood. *step* labels the request."""

    async def close(self) -> None:
        """Close connections."""


class HttpTransport:
    """The real one, on httpx2; made and used on the engine's own loop."""

    def __init__(
        self,
        *,
        deadline: float = DEADLINE,
        ca_file: str | None = None,
        inner_networks: Iterable[str] | None = None,
    ) -> None:
        """*ca_file* names certificates to trust instead of the system's.

        *inner_networks* (`10.0.0.0/8`) may be connected to though they are not public; None: those that the
        environment's TOKENFLOW_INNER_NETWORKS names, apart by commas.
        """
        self._deadline, self._ca_file = deadline, ca_file
        self._inner = (
            os.environ.get(INNER_NETWORKS, "").split(",") if inner_networks is None else inner_networks
        )
        self._client: Any = None

    def _open(self) -> Any:
        if self._client is None:
            import httpcore2
            import httpx2

            from tokenflow.engine.wires import NoCookies, Wires, networks

            for name in _QUIET:  # they log whole URLs at INFO (security.md finding 10)
                logging.getLogger(name).setLevel(logging.WARNING)
            trust = ssl.create_default_context(cafile=self._ca_file)
            transport: Any = httpx2.AsyncHTTPTransport(trust_env=False, verify=trust)
            # The library has no other place to say who makes connections.
            transport._pool = httpcore2.AsyncConnectionPool(
                ssl_context=trust,
                max_connections=100,
                # An exchange has a connection to itself: what is left on a kept one, an answer sent twice
                # say, is taken for the answer to the next request, and one person's token for another's.
                max_keepalive_connections=0,
                network_backend=Wires(networks(self._inner)),
            )
            self._client = httpx2.AsyncClient(
                transport=transport,
                follow_redirects=False,
                trust_env=False,
                cookies=NoCookies(),
                headers={"accept-encoding": "identity", "user-agent": "tokenflow"},
                timeout=self._deadline,
            )
        return self._client

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Return the response; raises Refused for a URL not to be used, IssuerUnreachable otherwise."""
        check_url(request.url)
        host = urlsplit(request.url).netloc
        failure: TokenflowError
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchange(request, step)
        except TimeoutError:
            failure = IssuerUnreachable(f"{host} did not answer within {self._deadline:g} s", sent=True)
        except OSError as error:
            failure = IssuerUnreachable(f"{host} could not be reached ({type(error).__name__})", sent=False)
        except TokenflowError as error:
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001  # whatever a client library raises, it holds the request
            failure = IssuerUnreachable(f"{host}: {type(error).__name__}", sent=not _before_send(error))
        raise failure  # outside the handler: no frame that held the request is chained to it

    async def _exchange(self, request: Request, step: str | None) -> Response:
        headers = dict(request.headers)
        if step is not None:
            headers["x-request-id"] = step
        if request.bearer is not None:
            headers["authorization"] = f"Bearer {request.bearer.reveal()}"
        basic = None if request.basic is None else (request.basic[0], request.basic[1].reveal())
        async with self._open().stream(
            request.method,
            request.url,
            params=dict(request.query) or None,
            **_carried(request),
            headers=headers,
            auth=basic,
        ) as answer:
            return Response(
                status=answer.status_code,
                headers={name.lower(): value for name, value in answer.headers.items()},
                body=await _body(answer),
            )

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _carried(request: Request) -> dict[str, Any]:
    if request.form is None:
        return {}
    shown = {name: _shown(value) for name, value in request.form.items()}
    return {"json": shown} if request.encoding == "json" else {"data": shown}


def _shown(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


async def _body(answer: Any) -> bytes:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise AnswerNotUnderstood("the issuer compressed its answer though asked not to; it was not read")
    body = b""
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > CAP:
            raise AnswerNotUnderstood(
                f"the issuer's answer is longer than {CAP} bytes; it was not read to its end"
            )
        await asyncio.sleep(0)  # crumbs that are there already would let nobody else have a turn
    return body


def _before_send(error: Exception) -> bool:
    """Return whether the request certainly never left (security.md §3.1, step 6)."""
    import httpx2

    return isinstance(
        error,
        httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.InvalidURL | UnicodeError,
    )


def check_url(url: str) -> None:
    """Raise Refused unless *url* is https, or http to a literal loopback address (security.md C1)."""
    parts = urlsplit(url)
    if "@" in parts.netloc or "\\" in url or parts.hostname is None:
        raise Refused("bad_url", "the URL has no plain host; it was not used")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return
    raise Refused(
        "plain_http",
        f"{parts.hostname} would be spoken to in the clear",
        mend="use https; only a literal 127.x.x.x or [::1] may use http",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
