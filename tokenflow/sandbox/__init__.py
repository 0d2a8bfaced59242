"""An authority that gives tokens at home: real HTTP on loopback, a virtual clock, faults and a ledger.

It knows two faces (`graph`, as Facebook answers, and `oauth2`, by the RFCs) and an admin API through which a
script plays people, administrators, time and bad luck. It imports nothing from the rest of tokenflow: what
checks a client must not share its mistakes.
"""

from tokenflow.sandbox.admin.subjects import app_of
from tokenflow.sandbox.admin_client import AdminClient, AdminRefused
from tokenflow.sandbox.errors import AdminError as AppRefused
from tokenflow.sandbox.server import Running, SandboxExtraMissing, run_forever, serve
from tokenflow.sandbox.settings import Sandbox
from tokenflow.sandbox.world import App, Client

__all__ = [
    "AdminClient",
    "AdminRefused",
    "App",
    "AppRefused",
    "Client",
    "Running",
    "Sandbox",
    "SandboxExtraMissing",
    "app_of",
    "run_forever",
    "serve",
]
