"""Turns the bytes of a request into the bytes of a response, for the HTTP server and for clients in this process.

Nothing here reads a socket or the date. `gateway` checks requests and runs operations. `messages` has requests and
responses, and is the only place where errors are translated to Amazon's.
"""

from visavis.gateway.gateway import Admitted, Dispatch, Gateway, Principal, RateLimit
from visavis.gateway.messages import OK, Request, Response, error_response, plain_response

__all__ = [
    "OK",
    "Admitted",
    "Dispatch",
    "Gateway",
    "Principal",
    "RateLimit",
    "Request",
    "Response",
    "error_response",
    "plain_response",
]
