"""Where the files lie that both sides are tested against."""

from __future__ import annotations

import shutil
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "cluster"
ORGANISM = FIXTURES.parents[2] / "organism" / "models" / "1"


def copy_storage(folder: Path) -> Path:
    """A STORAGE of its own with the small cell and the lane, and the organism as their model."""
    storage = folder / "storage"
    shutil.copytree(FIXTURES / "storage", storage)
    (storage / "models").mkdir()
    (storage / "models" / "organism-1").symlink_to(ORGANISM)
    return storage


def the_cell(storage: Path) -> Path:
    (cell,) = (storage / "cells").iterdir()
    return cell


def the_lane(storage: Path) -> Path:
    (lane,) = (storage / "runs" / "fixture" / "lanes").iterdir()
    return lane
