"""Why the server closes a page's connection: codes for page/js/reconnection.js, and sentences that it shows."""

#: The token is not one of this server's, or too old.
BAD_TOKEN = 4401
#: The page sent something that pages do not send.
NOT_FROM_A_PAGE = 4403
#: This process does not have the session; the page then asks again, or opens anew.
NO_SUCH_SESSION = 4404
#: No answer for too long.
SILENT = 4408
#: The page has another connection.
IN_USE = 4409
#: Too much waits to be read.
UNREAD = 4413
#: The client has as many connections or sessions open as it may.
TOO_MANY = 4429

#: Longest reason that a websocket's closing can carry, bytes.
LONGEST_REASON = 123


def reason(sentence: str) -> str:
    """Return a sentence as a closing frame can carry it.

    Examples
    --------
    >>> reason("Reload the page.")
    'Reload the page.'
    >>> len(reason("ä" * 200).encode())
    122
    """
    return sentence.encode()[:LONGEST_REASON].decode(errors="ignore")


class Refused(Exception):
    """The connection is closed; the message is a sentence for the person at the page."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
