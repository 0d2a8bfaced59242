"""What the plugins of this house offer, as a spec meets them."""

from importlib import import_module

from tokenflow.engine.naming import names_of
from tokenflow.hooks.registry import Registry

HOUSE = ("android", "facebook", "ios", "javascript", "keyring", "oauth2", "server", "sqlite", "web")
OFFERED = names_of(Registry.of(*(import_module(f"tokenflow_{name}") for name in HOUSE)).offers())
