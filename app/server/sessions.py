"""Which session a page may begin or come back to: the one its token names, if this server has signed it.

A token is what Bokeh writes into a page's HTML: session id, expiry and the page's request, with an HMAC-SHA256
behind it. Bokeh unpacks a token before it checks the signature, and without a bound; here the signature comes
first. `sockets.py` sees to one connection for each session.
"""

import base64
import hashlib
import hmac
import json
import re
import time
import zlib
from urllib.parse import unquote_plus

from bokeh.util.token import _TOKEN_ZLIB_KEY, check_session_id_signature
from tornado.httputil import HTTPServerRequest

from app.server.refusals import BAD_TOKEN, Refused

#: Longest token, characters: a page's address with 8000, its cookies and its other headers fit in.
LONGEST_TOKEN = 40_000
#: Largest request that a token holds once it is unpacked, bytes.
LARGEST_PAYLOAD = 200_000
#: By how much the clocks of a farm's servers may differ, s.
_CLOCKS = 60
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})")
_ID = re.compile(r"[A-Za-z0-9]{44}\.[A-Za-z0-9_-]{43}")


def session_of(token: str | None, secret: bytes, life_s: float) -> str:
    """Return the id of the session that a token is for.

    Parameters
    ----------
    token : str or None
        As the page sent it.
    secret : bytes
        What this server signs with.
    life_s : float
        How long a token is good for, in s.

    Raises
    ------
    Refused
        If the token is none of this server's, or no longer good.
    """
    if not token:
        raise Refused(BAD_TOKEN, "The page sent no token. Reload it.")
    if len(token) > LONGEST_TOKEN:
        raise Refused(BAD_TOKEN, f"The page's token has {len(token)} characters, more than {LONGEST_TOKEN}.")
    form = _FORM.fullmatch(token)
    if form is None:
        raise Refused(BAD_TOKEN, "The page's token is malformed. Reload the page.")
    packed, signature = form.groups()
    right = base64.urlsafe_b64encode(hmac.new(secret, packed.encode(), hashlib.sha256).digest()).rstrip(b"=")
    if not hmac.compare_digest(right, signature.encode()):
        raise Refused(BAD_TOKEN, "The page's token is not one of this server's. Reload the page.")
    # From here on all was written by a server that knows the secret; it is checked all the same.
    try:
        holds = json.loads(_unpacked(packed))
        found, ends = holds["session_id"], holds["session_expiry"]
        ours = _ID.fullmatch(found) is not None and check_session_id_signature(found, secret, signed=True)
        payload = zlib.decompressobj()
        payload.decompress(_unpacked(holds.get(_TOKEN_ZLIB_KEY, _NOTHING)), LARGEST_PAYLOAD)
        if not ours or payload.unconsumed_tail:
            raise ValueError("not as this server writes it")
        left = float(ends) - time.time()
    except (ValueError, TypeError, KeyError, zlib.error):
        raise Refused(BAD_TOKEN, "The page's token is malformed. Reload the page.") from None
    if not 0 < left <= life_s + _CLOCKS:
        raise Refused(BAD_TOKEN, "The page was opened too long ago. Reload it.")
    return str(found)


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_NOTHING = base64.urlsafe_b64encode(zlib.compress(b"{}")).decode()


def forget_wishes(request: HTTPServerRequest) -> None:
    """Take out of a request whatever asks Bokeh for a certain session, or for more than a page.

    Parameters
    ----------
    request : tornado.httputil.HTTPServerRequest
        Changed in place: query arguments ``bokeh-...``, the header ``Bokeh-Session-Id``, and cookies ``bokeh...``.
    """
    for arguments in (request.arguments, request.query_arguments):
        for name in [name for name in arguments if name.lower().startswith("bokeh-")]:
            del arguments[name]
    kept = [part for part in request.query.split("&") if not _asks(part)]
    if len(kept) < len(request.query.split("&")):
        request.query = "&".join(kept)
        request.uri = request.path + (f"?{request.query}" if request.query else "")
    if "Bokeh-Session-Id" in request.headers:
        del request.headers["Bokeh-Session-Id"]
    for name in [name for name in request.cookies if name.lower().startswith("bokeh")]:
        del request.cookies[name]


def _asks(part: str) -> bool:
    return unquote_plus(part.split("=", 1)[0]).lower().startswith("bokeh-")
