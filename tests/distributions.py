"""Do wheel and sdist hold what they should, and nothing else?

    python tests/distributions.py FOLDER

Not part of the test suite: ``make smoke`` builds both into the folder and runs this.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What belongs to a checkout alone.
CHECKOUT = (".ci/", ".gitignore", ".pre-commit-config.yaml")
OF_WHEEL = {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"}


def tracked() -> set[str]:
    """Files that belong to the project."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], check=True, capture_output=True, text=True
    )
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def differences(found: set[str], wanted: set[str], what: str) -> list[str]:
    return [
        *(f"{what} lacks {name}" for name in sorted(wanted - found)),
        *(f"{what} should not hold {name}" for name in sorted(found - wanted)),
    ]


def check_wheel(path: Path, files: set[str]) -> list[str]:
    """The package, its data files and ``py.typed`` among them, and its description."""
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        extras = [
            line.removeprefix("Provides-Extra: ")
            for line in wheel.read(metadata).decode().splitlines()
            if line.startswith("Provides-Extra: ")
        ]
    folder = metadata.rpartition("/")[0]
    wanted = {name for name in files if name.startswith("stackens/")}
    wanted |= {f"{folder}/{name}" for name in OF_WHEEL}
    print(f"{path.name}: {len(names)} files, extras {', '.join(sorted(extras))}")
    return differences(set(names), wanted, "the wheel")


def check_sdist(path: Path, files: set[str]) -> list[str]:
    """Everything that is tracked, so that tests and documentation can be made from it."""
    with tarfile.open(path) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {name for name in files if not name.startswith(CHECKOUT)}
    print(f"{path.name}: {len(names)} files")
    return differences(names, wanted | {"PKG-INFO", ".gitignore"}, "the sdist")


def main(folder: Path) -> None:
    files = tracked()
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    found = [*check_wheel(wheel, files), *check_sdist(sdist, files)]
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
