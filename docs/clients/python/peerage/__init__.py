"""A thin, typed client of a running Peerage node."""

from .client import Client
from .errors import PeerageError
from .streams import DirectMessages, Pipe, Session, type_id
from .websocket import WebSocketClosed

__all__ = [
    "Client",
    "DirectMessages",
    "PeerageError",
    "Pipe",
    "Session",
    "WebSocketClosed",
    "type_id",
]
