"""What a page says where something did not work: an error as one sentence for a person."""

#: Where memory or a disk is full.
NO_ROOM = "The server has no room at the moment"


def sentence(problem: Exception) -> str:
    """Return an error as one sentence for a person.

    Examples
    --------
    >>> sentence(ValueError("too low: raise it"))
    'Too low: raise it.'
    """
    text = " ".join(str(problem.args[0] if problem.args else problem).split())
    if "." not in text.split(" ")[0]:  # a file's name keeps its case
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
