"""The wire below HTTP: a name is resolved once and connected to as resolved, and little is read at a time.

An address of a spec, or one that a name server gives, may lead inside: to a cloud's metadata, a neighbour, a
printer (security.md C11). So whatever is not on the public Internet is refused, but for this machine where
the address says so itself, and for networks that are allowed. Whoever answers may send crumbs for ever, each
of which costs work: what is read goes through in small pieces, and ends at a bound.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from http.cookiejar import CookieJar
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeAlias

import httpcore2

from tokenflow.core.errors import AnswerNotUnderstood, Refused

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
PIECE: Final = 2_048
"""Bytes read at a time: between two of them others have their turn, and the deadline is looked at."""
RAW: Final = 384 * 1024
"""Bytes of an answer with all that frames it; its content alone is bounded by 256 KiB."""


def networks(allowed: Iterable[str]) -> tuple[Network, ...]:
    """Return networks as they are written (`10.0.0.0/8`); raises ValueError for what is none."""
    return tuple(ip_network(one.strip(), strict=False) for one in allowed if one.strip())


def permitted(host: str, address: Address, allowed: Iterable[Network]) -> bool:
    """Return whether *host*, as it is written in a URL, may lead to *address*."""
    real = _real(address)
    if any(_lies_in(real, one) for one in allowed):
        return True
    if real.is_loopback:
        return _is_here(host)
    return real.is_global and not real.is_multicast and not any(_lies_in(real, one) for one in _INNER)


def _real(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one wraps (mapped, 6to4, NAT64), or itself."""
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if wrapped is None and address in _NAT64:
            wrapped = IPv4Address(int(address) & 0xFFFF_FFFF)
        return wrapped or address
    return address


def _lies_in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


_NAT64: Final = IPv6Network("64:ff9b::/96")
_INNER: Final = (IPv4Network("192.0.0.0/24"), IPv6Network("64:ff9b:1::/48"))
"""What the library calls public, and a cloud or a network keeps for itself."""


def _is_here(host: str) -> bool:
    """Return whether a host names this machine by itself: nobody else's name may lead here."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Wires(httpcore2.AsyncNetworkBackend):
    """Makes connections for a pool; the addresses a name has are looked up here and nowhere else."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        """*allowed* are networks that are not public and may be connected to."""
        self._allowed = tuple(allowed)
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the contract of the library
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Return a connection to the first of the host's addresses that answers; raises Refused, OSError."""
        failure: Exception = OSError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                stream = await self._backend.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except httpcore2.ConnectError as error:
                failure = error
            else:
                return Wire(stream)
        raise failure

    async def _addresses(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
        for address in addresses:
            if not permitted(host, ip_address(address), self._allowed):
                raise Refused(
                    "inner_address",
                    f"{host} leads to {address}, which is not on the public Internet; nothing was sent",
                    mend="if it is meant to, allow its network: TOKENFLOW_INNER_NETWORKS=10.0.0.0/8",
                )
        return addresses

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)


class Wire(httpcore2.AsyncNetworkStream):
    """A connection that reads small pieces, and no more of an answer than the bound."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream, self._came = stream, 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return what came; raises AnswerNotUnderstood beyond the bound."""
        data = await self._stream.read(min(max_bytes, PIECE), timeout)
        self._came += len(data)
        if self._came > RAW:
            raise AnswerNotUnderstood(f"the issuer's answer goes on beyond {RAW} bytes; it was left there")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send; what comes after it is counted anew."""
        self._came = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """Return the same, encrypted."""
        return Wire(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what the library asks for."""
        return self._stream.get_extra_info(info)


class NoCookies(CookieJar):
    """Keeps none: what an issuer sets with one person's answer would go along with another's request."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take none."""

    def add_cookie_header(self, request: Any) -> None:
        """Send none."""
