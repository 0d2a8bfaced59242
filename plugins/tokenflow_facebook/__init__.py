"""Facebook: what the Graph endpoints say of codes, tokens, pages and permissions."""

from collections.abc import Iterator

from tokenflow import (
    ANYWHERE,
    SERVER,
    Acquirer,
    Callback,
    CodeExchange,
    Command,
    Deriver,
    Format,
    Guard,
    hookimpl,
)
from tokenflow_facebook.accounts import accounts
from tokenflow_facebook.callbacks import DELETION_OPTIONS, data_deletion, deauthorize
from tokenflow_facebook.client_code import CLIENT_CODE_OPTIONS, client_code, redeem
from tokenflow_facebook.code import exchange
from tokenflow_facebook.debug import debug_token
from tokenflow_facebook.device import DEVICE_OPTIONS, device
from tokenflow_facebook.extend import EXTEND_OPTIONS, extend
from tokenflow_facebook.formats import formats
from tokenflow_facebook.limited_login import encode_login, limited_login, login_in
from tokenflow_facebook.mobile import extend_mobile, whose
from tokenflow_facebook.perms import PERMS_OPTIONS, lacks_perm
from tokenflow_facebook.revoke import permissions, revoke
from tokenflow_facebook.system_user import SYSTEM_USER_OPTIONS, end_system_user, system_user
from tokenflow_facebook.test_users import TEST_USER_OPTIONS, delete_test_user, test_user
from tokenflow_facebook.webhook import webhook

NO_OPTIONS = {"type": "object", "additionalProperties": False}
GRAPH, TOKEN = frozenset({"graph"}), frozenset({"token_endpoint"})


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer tokens of system users, devices, Limited Login, of codes for clients, and of test users."""
    yield Acquirer(
        name="facebook.system_user",
        flow=system_user,
        runs_on=SERVER,
        options=SYSTEM_USER_OPTIONS,
        endpoints=GRAPH,
    )
    yield Acquirer(
        name="facebook.device", flow=device, runs_on=ANYWHERE, options=DEVICE_OPTIONS, endpoints=GRAPH
    )
    yield Acquirer(
        name="facebook.limited_login",
        flow=limited_login,
        runs_on=SERVER,
        options=NO_OPTIONS,
        endpoints=frozenset({"jwks_uri"}),
        encode_login=encode_login,
        once=login_in,
    )
    yield Acquirer(name="facebook.redeem", flow=redeem, runs_on=ANYWHERE, options=NO_OPTIONS, endpoints=TOKEN)
    yield Acquirer(
        name="facebook.test_user", flow=test_user, runs_on=SERVER, options=TEST_USER_OPTIONS, endpoints=GRAPH
    )


@hookimpl
def tokenflow_commands() -> Iterator[Command | CodeExchange]:
    """Offer the code exchange, the two extensions, inspection, permissions and revocation."""
    yield CodeExchange(name="facebook.code", flow=exchange, endpoints=TOKEN)
    yield Command(
        name="facebook.extend", flow=extend, runs_on=SERVER, options=EXTEND_OPTIONS, endpoints=TOKEN
    )
    yield Command(
        name="facebook.extend_mobile",
        flow=extend_mobile,
        runs_on=ANYWHERE,
        options=NO_OPTIONS,
        endpoints=GRAPH,
    )
    yield Command(
        name="facebook.debug_token", flow=debug_token, runs_on=SERVER, options=NO_OPTIONS, endpoints=GRAPH
    )
    yield Command(
        name="facebook.permissions", flow=permissions, runs_on=ANYWHERE, options=NO_OPTIONS, endpoints=GRAPH
    )
    yield Command(name="facebook.whose", flow=whose, runs_on=ANYWHERE, options=NO_OPTIONS, endpoints=GRAPH)
    yield Command(name="facebook.revoke", flow=revoke, runs_on=ANYWHERE, options=NO_OPTIONS, endpoints=GRAPH)

    yield Command(
        name="facebook.client_code",
        flow=client_code,
        runs_on=SERVER,
        options=CLIENT_CODE_OPTIONS,
        endpoints=GRAPH,
    )
    yield Command(
        name="facebook.delete_test_user",
        flow=delete_test_user,
        runs_on=SERVER,
        options=NO_OPTIONS,
        endpoints=GRAPH,
    )
    yield Command(
        name="facebook.end_system_user",
        flow=end_system_user,
        runs_on=SERVER,
        options=NO_OPTIONS,
        endpoints=GRAPH,
    )


@hookimpl
def tokenflow_callbacks() -> Iterator[Callback]:
    """Offer what Facebook says by itself."""
    yield Callback(name="facebook.deauthorize", flow=deauthorize, options=NO_OPTIONS)
    yield Callback(name="facebook.data_deletion", flow=data_deletion, options=DELETION_OPTIONS)
    yield Callback(name="facebook.webhook", flow=webhook, options=NO_OPTIONS)


@hookimpl
def tokenflow_derivers() -> Iterator[Deriver]:
    """Offer the page tokens of a user token."""
    yield Deriver(name="facebook.accounts", flow=accounts, runs_on=ANYWHERE, endpoints=GRAPH)


@hookimpl
def tokenflow_guards() -> Iterator[Guard]:
    """Offer the check of a page token's perms."""
    yield Guard(name="facebook_lacks_perm", check=lacks_perm, options=PERMS_OPTIONS)


@hookimpl
def tokenflow_formats() -> Iterator[Format]:
    """Offer what Facebook answers and issues."""
    yield from formats()
