"""A site with django-allauth and Facebook: one request is asked for, what the site did is printed, as JSON.

asked in `PLAYED`   {base, app: [id, secret], database, does: login|callback|token|limited, ...}
printed             {status, location, who, extra}, and the session of a login that began
"""

import json
import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import django


def main() -> None:
    """Set the site up, ask it, and print what it did."""
    asked: dict[str, Any] = json.loads(os.environ["PLAYED"])
    warnings.simplefilter("ignore")
    django.setup()
    visits = import_module("visits")  # it reads the settings as it is imported
    if not Path(asked["database"]).exists():
        visits.prepare()
    print(json.dumps(visits.perform(asked), default=str))


main()
