"""Networks as JSON text and files, in the formats of the pyFDN package: both of its versions, and its presets.
Source: those files, as described in the project's notes (1.9).
Not here: sound files (:mod:`amtlib.audio`), checkpoints of a training run.
"""

import json
import math
import os
import warnings
from pathlib import Path
from typing import Any, NoReturn

from amtlib.fdn.build import FDNBuild, real_array, sampling_rate
from amtlib.fdn.certificate import stability

FORMAT = "pyfdn-fdn-build"
VERSIONS = (1, 2)
#: Largest document in bytes.
MAX_BYTES = 2**24

_ARRAYS = {
    "feedback_matrix": "A",
    "input_matrix": "B",
    "output_matrix": "C",
    "direct_matrix": "D",
    "delays": "delays",
}
# Version 1 and version 2 call the same filters differently; a reader of one that meets the other must not drop them.
_FILTERS = {
    "absorption_filters": "filters",
    "post_delay": "filters",
    "output_filters": "post_eq",
    "post_output": "post_eq",
    "post_matrix": "post_matrix",
}
_NAMES = {1: ("absorption_filters", "output_filters"), 2: ("post_delay", "post_matrix", "post_output")}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"FDN build must contain only finite values, got {name}: replace it by a number")


def _parse(text: str | bytes) -> dict[str, Any]:
    if not isinstance(text, str | bytes):
        raise TypeError(f"the document is a {type(text).__name__}: give JSON text, str or bytes")
    if len(text) > MAX_BYTES:
        raise ValueError(f"the document has {len(text)} bytes, more than {MAX_BYTES}: is it a network?")
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not valid JSON ({error.msg} at line {error.lineno}, column {error.colno} of {len(text)} characters): the "
            "file may be truncated; save it again"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte {error.start}): give the JSON file of a network") from None
    except RecursionError:
        raise ValueError(
            "JSON nested too deeply to be a network: give the object that save_build writes"
        ) from None
    if not isinstance(content, dict):
        raise ValueError(
            f"FDN build JSON must contain an object, got {type(content).__name__}: give what save_build writes"
        )
    return content


def _envelope(content: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the object that holds the network, and the metadata."""
    metadata = content.get("metadata")
    if "build" in content and "format" not in content:  # a preset document
        inner = content["build"]
        if not isinstance(inner, dict):
            raise ValueError(
                f"FDN build JSON must contain an object, got {type(inner).__name__} as 'build' of a preset"
            )
        content = inner
        metadata = metadata if metadata is not None else inner.get("metadata")
    if content.get("format") != FORMAT:
        raise ValueError(
            f"Expected format {FORMAT!r}, got {content.get('format')!r}: give a file of a network"
        )
    version = content.get("version")
    if isinstance(version, bool) or version not in VERSIONS:
        raise ValueError(
            f"Unsupported FDN build version: {version!r}; this release reads {VERSIONS[0]} and {VERSIONS[1]}: save it "
            "as one of these, or update amtlib"
        )
    if metadata is not None and not isinstance(metadata, dict):
        raise ValueError(f"metadata must be an object, got {type(metadata).__name__}: give names and values")
    return content, metadata or {}


def _only_numbers(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_only_numbers(part, depth - 1) for part in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: Any, name: str) -> Any:
    """Nested lists of numbers as an array; JSON's strings, booleans and nulls are none."""
    if not _only_numbers(value, 3):
        raise ValueError(f"{name} must hold numbers in nested lists: correct it")
    try:
        return real_array(value, name)
    except TypeError:
        raise ValueError(f"{name} must hold numbers that fit a double: correct it") from None


def build_from_json(text: str | bytes, *, fs: float | None = None) -> FDNBuild:
    """
    Read a network from JSON text.

    Parameters
    ----------
    text : str or bytes
        A document of version 1 or 2, or a preset document with one inside; at most 16 MB.
    fs : float, optional
        Sampling rate in Hz to use instead of the document's; delays in samples and filters stay as they are.

    Returns
    -------
    FDNBuild
        The network.

    Raises
    ------
    ValueError
        If the text is no JSON (a truncated file, say), no network, one of a newer version, or its values are not
        those of an :class:`FDNBuild`.

    Warns
    -----
    UserWarning
        If the document has fields that neither version knows; they are not used. If it has filters, and `fs` is another
        rate than its own.

    See Also
    --------
    load_build : from a file.
    metadata_from_json : name, authors and licence.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [480], 48000)
    >>> build_from_json(build_to_json(comb, version=1)) == comb
    True
    """
    content, _ = _envelope(_parse(text))
    required = [*_ARRAYS, *(["sample_rate"] if fs is None else [])]
    missing = [name for name in required if name not in content]
    if missing:
        raise ValueError(f"FDN build is missing required fields: {', '.join(missing)}: add them")
    known = {"format", "version", "metadata", "sample_rate", "pre_delay", "modulation", *_ARRAYS, *_FILTERS}
    strange = sorted(set(content) - known)
    if strange:
        warnings.warn(f"fields that no FDN build has were not used: {', '.join(strange)}", stacklevel=2)
    fields: dict[str, Any] = {field: _numbers(content[name], name) for name, field in _ARRAYS.items()}
    for name, field in _FILTERS.items():
        if content.get(name) is not None:
            if field in fields:
                raise ValueError(f"{name} and another name of the same filters are both given: keep one")
            fields[field] = _numbers(content[name], name)
    rate: Any = content["sample_rate"] if fs is None else fs
    if fs is None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not math.isfinite(rate)
    ):
        raise ValueError(f"sample_rate must be positive and finite, got {rate!r}: give a rate in Hz")
    pre_delay = content.get("pre_delay", 0)
    if isinstance(pre_delay, bool) or not isinstance(pre_delay, int):
        raise ValueError(f"pre_delay must be a whole number of samples, got {pre_delay!r}: correct it")
    modulation = content.get("modulation")
    if modulation is not None:
        modulation = _numbers(modulation, "modulation")
    build = FDNBuild(**fields, fs=sampling_rate(rate), pre_delay=pre_delay, modulation=modulation)
    own = content.get("sample_rate")
    if isinstance(own, int | float) and own > 0 and own != build.fs and len(fields) > len(_ARRAYS):
        warnings.warn(
            f"the network was made for {own:g} Hz and is read for {build.fs:g} Hz: its filters stay as they are, so "
            f"that decay times become {own / build.fs:.3g} times what they were, and frequencies "
            f"{build.fs / own:.3g} times that; leave fs= out, or make its decay anew by with_decay",
            UserWarning,
            stacklevel=2,
        )
    return build


def metadata_from_json(text: str | bytes) -> dict[str, Any]:
    """
    Return the metadata of a document: name, description, source and so on, whatever it holds.

    Raises
    ------
    ValueError
        If the text is no document of a network.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [480], 48000)
    >>> metadata_from_json(build_to_json(comb, metadata={"name": "comb"}))
    {'name': 'comb'}
    """
    return _envelope(_parse(text))[1]


def build_to_json(
    build: FDNBuild, *, version: int = 2, metadata: dict[str, Any] | None = None, certificate: bool = False
) -> str:
    """
    Write a network as JSON text, without loss.

    Parameters
    ----------
    build : FDNBuild
        The network.
    version : {2, 1}
        Format to write. Version 1 has no `post_matrix`. `pre_delay` and `modulation` are written where there are such;
        other packages read the network without them.
    metadata : dict, optional
        Name, description and so on: whatever JSON can hold.
    certificate : bool
        Add what :func:`amtlib.fdn.stability` finds to the metadata, as ``stability``, where readers of other packages
        pass over it.

    Returns
    -------
    str
        The document, indented by 2, ending in a newline.

    Raises
    ------
    ValueError
        If there is no such version, it cannot hold the network, or the metadata are not finite.
    TypeError
        If the metadata are no JSON object.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [480], 48000)
    >>> print(build_to_json(comb)[:49])
    {
      "format": "pyfdn-fdn-build",
      "version": 2,
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    if isinstance(version, bool) or version not in VERSIONS:
        raise ValueError(f"Unsupported FDN build version: {version!r}; choose 1 or 2")
    if metadata is not None and not isinstance(metadata, dict):
        raise TypeError(f"metadata is a {type(metadata).__name__}: give a dict")
    if version == 1 and build.post_matrix is not None:
        raise ValueError("version 1 has no place for post_matrix: write version 2")
    content: dict[str, Any] = {"format": FORMAT, "version": version}
    content |= {name: getattr(build, field).tolist() for name, field in _ARRAYS.items()}
    content["sample_rate"] = build.fs
    for name in _NAMES[version]:
        value = getattr(build, _FILTERS[name])
        content[name] = None if value is None else value.tolist()
    if build.pre_delay:  # which readers of other packages pass over
        content["pre_delay"] = build.pre_delay
    if build.modulation is not None:
        content["modulation"] = build.modulation.tolist()
    if certificate:
        metadata = {**(metadata or {}), "stability": stability(build).to_dict()}
    if metadata is not None:
        content["metadata"] = metadata
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def save_build(
    build: FDNBuild,
    path: str | os.PathLike[str],
    *,
    version: int = 2,
    metadata: dict[str, Any] | None = None,
    certificate: bool = False,
) -> None:
    """
    Write a network to a JSON file (UTF-8), as :func:`build_to_json` does. An existing file is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError, TypeError
        As :func:`build_to_json`; then nothing is written.

    Examples
    --------
    >>> import tempfile
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [480], 48000)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_build(comb, Path(folder) / "comb.json")
    ...     load_build(Path(folder) / "comb.json") == comb
    True
    """
    text = build_to_json(build, version=version, metadata=metadata, certificate=certificate)
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def load_build(path: str | os.PathLike[str], *, fs: float | None = None) -> FDNBuild:
    """
    Read a network from a JSON file: version 1, version 2 or a preset document.

    Parameters
    ----------
    path : str or path
        The file.
    fs : float, optional
        Sampling rate to use instead of the file's, see :func:`build_from_json`.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        As :func:`build_from_json`, with the file's name in front.

    Examples
    --------
    See :func:`save_build`.
    """
    file = Path(path)
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"{file.name}: {file.stat().st_size} bytes, more than {MAX_BYTES}: is it a network?")
    try:
        return build_from_json(file.read_bytes(), fs=fs)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None
