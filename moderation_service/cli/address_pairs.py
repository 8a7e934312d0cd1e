"""Files that give old addresses new ones: CSV with two columns, which may be headed `old,new`."""

import csv
from collections.abc import Iterator
from pathlib import Path

_COLUMNS = 2


class FaultyFileError(Exception):
    """A file holds what is no pair of addresses; `faults` says what, each at its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(*faults)
        self.faults = faults


def read(file: Path) -> list[tuple[str, str, str]]:
    """Return the old address, the new one and the place of each line; raise FaultyFileError with all bad ones."""
    faults: list[str] = []
    found = list(_pairs(file, faults))
    if faults:
        raise FaultyFileError(faults)
    return found


def _pairs(file: Path, faults: list[str]) -> Iterator[tuple[str, str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.reader(opened, strict=True)
        try:
            for fields in reader:
                place = f"{file}, line {reader.line_num}: "
                values = [one.strip() for one in fields]
                if not any(values) or (reader.line_num == 1 and [one.lower() for one in values] == ["old", "new"]):
                    continue
                if len(values) != _COLUMNS or not all(values):
                    faults.append(f"{place}must be the old address, a comma and the new one")
                else:
                    yield values[0], values[1], place
        except csv.Error as error:
            faults.append(f"{file}, line {reader.line_num}: {error}")
        except UnicodeDecodeError:
            faults.append(f"{file} is not UTF-8")
