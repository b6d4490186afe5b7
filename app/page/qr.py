"""QR codes of links, for the room and the worksheet: as rows of modules, which the page draws."""

import segno

from app.page.protocol import Content


def code_of(text: str) -> Content:
    """Return the QR code of a text, with a quiet zone of four modules around it.

    Parameters
    ----------
    text : str
        Up to 2331 characters of ASCII, the most of error correction M (ISO/IEC 18004:2015, table 7).

    Returns
    -------
    dict
        Rows of "0" (light) and "1" (dark); or why there is none.

    Examples
    --------
    >>> rows = code_of("http://localhost:5006/")["rows"]
    >>> len(rows), rows[4][:13]
    (33, '0000111111101')
    """
    try:
        code = segno.make_qr(text, error="m", boost_error=False)
    except segno.DataOverflowError:
        why = f"The link has {len(text)} characters, too many for a QR code"
        return {"type": "failed", "text": f"{why}: copy it, or hand the lesson out as a file."}
    rows = ["".join("1" if module else "0" for module in row) for row in code.matrix_iter(border=4)]
    return {"type": "code", "rows": rows, "text": text}
