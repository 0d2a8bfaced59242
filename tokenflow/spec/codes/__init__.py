"""Every code the linter knows: what it means, why it matters, and how it is mended.

TF0xx reading and shape; TF1xx the life of a token; TF2xx custody, and documents that have to fit;
TF3xx plugins and facts; TF4xx what is taken for granted; TF5xx changes; TF6xx OAuth's best practice.
"""

from collections.abc import Mapping
from typing import Final

from tokenflow.spec.codes import changes, custody, files, handing, lives, oauth, plugins
from tokenflow.spec.codes.code import Code, whole

CODES: Final[Mapping[str, Code]] = {
    one.code: one for room in (files, lives, custody, plugins, changes, oauth, handing) for one in room.CODES
}

__all__ = ["CODES", "Code", "whole"]
