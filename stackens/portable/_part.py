"""What every part of an exported predictor is: fields to be written, and a name to be read by."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from stackens.exceptions import ArchiveError


class Part:
    """A piece of a predictor; a subclass is a dataclass, and is known by its class name.

    Its fields hold arrays, numbers, strings, None, other parts, and lists and dicts of these:
    nothing that would have to be executed.
    """

    known: ClassVar[dict[str, type[Part]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__name__.startswith("_"):
            Part.known[cls.__name__] = cls

    def to_fields(self) -> dict[str, Any]:
        """Return all fields by name.

        Returns
        -------
        dict of str to object
            Arrays, numbers, strings, None, other parts, and lists and dicts of these.
        """
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @staticmethod
    def from_fields(name: str, values: dict[str, Any]) -> Part:
        """Make a part of the class called ``name``.

        Parameters
        ----------
        name : str
            Name of its class.
        values : dict of str to object
            Its fields.

        Returns
        -------
        Part

        Raises
        ------
        ArchiveError
            If there is no such class, or it has other fields.
        """
        if name not in Part.known:
            raise ArchiveError(
                f"The file needs the part {name!r}, which this version of stackens does not have; "
                "install the version that wrote it."
            )
        cls = Part.known[name]
        try:
            return cls(**values)
        except TypeError as error:
            raise ArchiveError(
                f"The file describes {name!r} in a way that is not understood: {error}. Install "
                "the version of stackens that wrote it."
            ) from error
