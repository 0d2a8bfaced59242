"""Rules of the house: what no single room can see to."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
