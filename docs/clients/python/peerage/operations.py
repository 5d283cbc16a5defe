"""One method per request of the API. Made by node/tests/clients.rs from the API's description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from . import models
from .transport import QueryValue, segment

#: Every operation with its method and path, streams and sockets among them.
OPERATIONS: Final[dict[str, tuple[str, str]]] = {
    "applications_current": ("GET", "/v1/application"),
    "applications_list": ("GET", "/v1/applications"),
    "applications_register": ("POST", "/v1/applications"),
    "applications_renew": ("POST", "/v1/applications/{name}/token"),
    "applications_revoke": ("DELETE", "/v1/applications/{name}"),
    "applications_session": ("GET", "/v1/session"),
    "applications_show": ("GET", "/v1/applications/{name}"),
    "direct_accept": ("GET", "/v1/groups/{group}/direct/pipe"),
    "direct_close": ("DELETE", "/v1/groups/{group}/direct/{id}"),
    "direct_list": ("GET", "/v1/groups/{group}/direct"),
    "direct_listen": ("GET", "/v1/groups/{group}/direct/listen"),
    "direct_open": ("POST", "/v1/groups/{group}/direct"),
    "direct_send": ("POST", "/v1/groups/{group}/direct/{id}/messages"),
    "direct_show": ("GET", "/v1/groups/{group}/direct/{id}"),
    "direct_socket": ("GET", "/v1/groups/{group}/direct/{id}/socket"),
    "doors_accept": ("POST", "/v1/groups/{group}/requests/{who}/accept"),
    "doors_address": ("GET", "/v1/groups/{group}/address"),
    "doors_close": ("DELETE", "/v1/groups/{group}/door"),
    "doors_deny": ("POST", "/v1/groups/{group}/requests/{who}/deny"),
    "doors_inspect": ("POST", "/v1/addresses/inspect"),
    "doors_open": ("PUT", "/v1/groups/{group}/door"),
    "doors_requests": ("GET", "/v1/groups/{group}/requests"),
    "doors_show": ("GET", "/v1/groups/{group}/door"),
    "doors_visit": ("POST", "/v1/groups/visit"),
    "errors_list": ("GET", "/v1/errors"),
    "errors_show": ("GET", "/v1/errors/{code}"),
    "events_acknowledge": ("POST", "/v1/groups/{group}/events/ack"),
    "events_consumers": ("GET", "/v1/groups/{group}/consumers"),
    "events_events": ("GET", "/v1/groups/{group}/events"),
    "events_remove_consumer": ("DELETE", "/v1/groups/{group}/consumers/{consumer}"),
    "group_key_admin": ("POST", "/v1/groups/{group}/key/admin"),
    "group_key_export": ("POST", "/v1/groups/{group}/key/export"),
    "group_key_import": ("POST", "/v1/groups/recover"),
    "groups_change": ("PATCH", "/v1/groups/{group}/properties"),
    "groups_close": ("POST", "/v1/groups/{group}/close"),
    "groups_connect": ("POST", "/v1/groups/{group}/connect"),
    "groups_connect_at": ("POST", "/v1/groups/{group}/connect-at"),
    "groups_create": ("POST", "/v1/groups"),
    "groups_delete": ("DELETE", "/v1/groups/{group}"),
    "groups_fingerprint": ("GET", "/v1/groups/{group}/fingerprint"),
    "groups_graph": ("GET", "/v1/groups/{group}/graph"),
    "groups_join": ("POST", "/v1/groups/join"),
    "groups_leave": ("POST", "/v1/groups/{group}/leave"),
    "groups_list": ("GET", "/v1/groups"),
    "groups_neighbours": ("GET", "/v1/groups/{group}/neighbours"),
    "groups_node": ("GET", "/v1/groups/{group}/nodes/{peer_id}"),
    "groups_nodes": ("GET", "/v1/groups/{group}/nodes"),
    "groups_open": ("POST", "/v1/groups/{group}/open"),
    "groups_ping": ("POST", "/v1/groups/{group}/ping"),
    "groups_presence": ("PATCH", "/v1/groups/{group}/presence"),
    "groups_show": ("GET", "/v1/groups/{group}"),
    "groups_show_properties": ("GET", "/v1/groups/{group}/properties"),
    "identities_card": ("GET", "/v1/identities/{name}/card"),
    "identities_change": ("PATCH", "/v1/identities/{name}"),
    "identities_create": ("POST", "/v1/identities"),
    "identities_default": ("GET", "/v1/identity"),
    "identities_default_card": ("GET", "/v1/identity/card"),
    "identities_delete": ("DELETE", "/v1/identities/{name}"),
    "identities_export": ("POST", "/v1/identities/{name}/export"),
    "identities_import": ("POST", "/v1/identities/import"),
    "identities_list": ("GET", "/v1/identities"),
    "identities_memberships": ("GET", "/v1/memberships"),
    "identities_show": ("GET", "/v1/identities/{name}"),
    "invitations_create": ("POST", "/v1/groups/{group}/invitations"),
    "invitations_inspect": ("POST", "/v1/invitations/inspect"),
    "invitations_list": ("GET", "/v1/groups/{group}/invitations"),
    "invitations_reissue": ("POST", "/v1/invitations/{id}/reissue"),
    "invitations_revoke": ("POST", "/v1/invitations/{id}/revoke"),
    "invitations_show": ("GET", "/v1/invitations/{id}"),
    "members_audit": ("GET", "/v1/groups/{group}/audit"),
    "members_audit_file": ("GET", "/v1/groups/{group}/audit/file"),
    "members_list": ("GET", "/v1/groups/{group}/members"),
    "members_progress": ("GET", "/v1/groups/{group}/removals"),
    "members_remove": ("POST", "/v1/groups/{group}/members/{member}/remove"),
    "members_renew": ("POST", "/v1/groups/{group}/members/{member}/renew"),
    "members_show": ("GET", "/v1/groups/{group}/members/{member}"),
    "members_tree": ("GET", "/v1/groups/{group}/member-tree"),
    "node_doctor": ("GET", "/v1/doctor"),
    "node_document": ("GET", "/v1/openapi.json"),
    "node_metrics": ("GET", "/metrics"),
    "node_shutdown": ("POST", "/v1/shutdown"),
    "node_status": ("GET", "/v1/status"),
    "portable_backup": ("POST", "/v1/backup"),
    "portable_export_config": ("POST", "/v1/groups/{group}/config/export"),
    "portable_export_database": ("GET", "/v1/groups/{group}/database"),
    "portable_import_config": ("POST", "/v1/groups/import"),
    "portable_import_database": ("PUT", "/v1/groups/{group}/database"),
    "portable_settle": ("POST", "/v1/groups/{group}/settle"),
    "records_delete": ("DELETE", "/v1/groups/{group}/records/{id}"),
    "records_get": ("GET", "/v1/groups/{group}/records/{id}"),
    "records_list": ("GET", "/v1/groups/{group}/records"),
    "records_publish": ("POST", "/v1/groups/{group}/records"),
    "records_update": ("PATCH", "/v1/groups/{group}/records/{id}"),
}


def path_of(operation: str, **names: str) -> str:
    """The path of an operation."""
    names = {name: segment(value) for name, value in names.items()}
    return OPERATIONS[operation][1].format(**names)


class Operations:
    """The requests; `Client` carries them out."""

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, QueryValue] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        raise NotImplementedError

    async def applications_current(
        self,
    ) -> models.CallerInfo:
        """Who this request is from, and what it may do"""
        answer: models.CallerInfo = await self._call("GET", path_of("applications_current"))
        return answer

    async def applications_list(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_ApplicationInfo:
        """All applications, by name"""
        answer: models.Page_ApplicationInfo = await self._call("GET", path_of("applications_list"), query={"cursor": cursor, "limit": limit})
        return answer

    async def applications_register(
        self,
        body: models.NewApplication,
    ) -> models.IssuedToken:
        """Register an application; the answer is the only place where its token is shown"""
        answer: models.IssuedToken = await self._call("POST", path_of("applications_register"), body=body)
        return answer

    async def applications_renew(
        self,
        name: str,
    ) -> models.IssuedToken:
        """Give an application a new token; the earlier one is of no use from now on"""
        answer: models.IssuedToken = await self._call("POST", path_of("applications_renew", name=name))
        return answer

    async def applications_revoke(
        self,
        name: str,
    ) -> None:
        """Revoke an application: its token is of no use from now on, and what it has begun ends"""
        await self._call("DELETE", path_of("applications_revoke", name=name))

    async def applications_show(
        self,
        name: str,
    ) -> models.ApplicationInfo:
        """One application"""
        answer: models.ApplicationInfo = await self._call("GET", path_of("applications_show", name=name))
        return answer

    async def direct_close(
        self,
        group: str,
        id: str,
        *,
        identity: str | None = None,
    ) -> None:
        """Close a direct connection; what was sent still arrives"""
        await self._call("DELETE", path_of("direct_close", group=group, id=id), query={"identity": identity})

    async def direct_list(
        self,
        group: str,
        *,
        identity: str | None = None,
        kind: Literal["direct", "neighbour", "all"] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_ConnectionInfo:
        """Open connections to other members' nodes, by id"""
        answer: models.Page_ConnectionInfo = await self._call("GET", path_of("direct_list", group=group), query={"identity": identity, "kind": kind, "cursor": cursor, "limit": limit})
        return answer

    async def direct_open(
        self,
        group: str,
        body: models.OpenDirect,
        *,
        identity: str | None = None,
    ) -> models.DirectOpening:
        """Open a direct connection to a member

        Answers at once with the connection's id; what comes of it is told to listeners and in the group's
        events. With `wait` it answers when that is known: with the connection, or with an error.
        """
        answer: models.DirectOpening = await self._call("POST", path_of("direct_open", group=group), query={"identity": identity}, body=body)
        return answer

    async def direct_send(
        self,
        group: str,
        id: str,
        body: models.SendDirect,
        *,
        identity: str | None = None,
    ) -> None:
        """Send a message on a direct connection, or to a neighbour

        Answers when the network has the message. Larger ones, up to 16 MiB, go over the connection's socket.
        """
        await self._call("POST", path_of("direct_send", group=group, id=id), query={"identity": identity}, body=body)

    async def direct_show(
        self,
        group: str,
        id: str,
        *,
        identity: str | None = None,
    ) -> models.ConnectionInfo:
        """One open connection"""
        answer: models.ConnectionInfo = await self._call("GET", path_of("direct_show", group=group, id=id), query={"identity": identity})
        return answer

    async def doors_accept(
        self,
        group: str,
        who: str,
        body: models.AcceptRequest,
        *,
        identity: str | None = None,
    ) -> models.JoinRequestInfo:
        """Accept a request to join"""
        answer: models.JoinRequestInfo = await self._call("POST", path_of("doors_accept", group=group, who=who), query={"identity": identity}, body=body)
        return answer

    async def doors_address(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.AddressText:
        """A group's address, for people who may come to its door"""
        answer: models.AddressText = await self._call("GET", path_of("doors_address", group=group), query={"identity": identity})
        return answer

    async def doors_close(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.DoorInfo:
        """Close a group's door; addresses given out before are of no use any more"""
        answer: models.DoorInfo = await self._call("DELETE", path_of("doors_close", group=group), query={"identity": identity})
        return answer

    async def doors_deny(
        self,
        group: str,
        who: str,
        *,
        identity: str | None = None,
    ) -> models.JoinRequestInfo:
        """Deny a request to join; who asked gets no answer any more"""
        answer: models.JoinRequestInfo = await self._call("POST", path_of("doors_deny", group=group, who=who), query={"identity": identity})
        return answer

    async def doors_inspect(
        self,
        body: models.InspectAddress,
    ) -> models.AddressInfo:
        """What a group's address says; nothing is joined"""
        answer: models.AddressInfo = await self._call("POST", path_of("doors_inspect"), body=body)
        return answer

    async def doors_open(
        self,
        group: str,
        body: models.DoorRequest,
        *,
        identity: str | None = None,
    ) -> models.DoorInfo:
        """Open a group's door, or change whom it lets in"""
        answer: models.DoorInfo = await self._call("PUT", path_of("doors_open", group=group), query={"identity": identity}, body=body)
        return answer

    async def doors_requests(
        self,
        group: str,
        *,
        identity: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_JoinRequestInfo:
        """Who has asked this node to join, the first first"""
        answer: models.Page_JoinRequestInfo = await self._call("GET", path_of("doors_requests", group=group), query={"identity": identity, "cursor": cursor, "limit": limit})
        return answer

    async def doors_show(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.DoorInfo:
        """Whom a group's door lets in"""
        answer: models.DoorInfo = await self._call("GET", path_of("doors_show", group=group), query={"identity": identity})
        return answer

    async def doors_visit(
        self,
        body: models.VisitRequest,
        *,
        idempotency_key: str | None = None,
    ) -> models.GroupInfo:
        """Join a group by its address, with its password or by asking; it is offline until it is connected"""
        answer: models.GroupInfo = await self._call("POST", path_of("doors_visit"), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def errors_list(
        self,
    ) -> models.Explanation:
        """Every error there is, with the original's codes and the exit codes"""
        answer: models.Explanation = await self._call("GET", path_of("errors_list"))
        return answer

    async def errors_show(
        self,
        code: str,
    ) -> models.Explanation:
        """What one error means, known by its code, the original's name or number, or an exit code"""
        answer: models.Explanation = await self._call("GET", path_of("errors_show", code=code))
        return answer

    async def events_acknowledge(
        self,
        group: str,
        body: models.AckRequest,
        *,
        identity: str | None = None,
    ) -> models.ConsumerInfo:
        """Acknowledge events: a consumer's next stream begins after them

        They are acknowledged durably when the answer comes. Acknowledging less than before changes nothing.
        """
        answer: models.ConsumerInfo = await self._call("POST", path_of("events_acknowledge", group=group), query={"identity": identity}, body=body)
        return answer

    async def events_consumers(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> list[models.ConsumerInfo]:
        """The consumers whose cursors are kept in a group, those of the application that asks"""
        answer: list[models.ConsumerInfo] = await self._call("GET", path_of("events_consumers", group=group), query={"identity": identity})
        return answer

    async def events_remove_consumer(
        self,
        group: str,
        consumer: str,
        *,
        identity: str | None = None,
    ) -> None:
        """Forget a consumer; streams that were opened with it go on"""
        await self._call("DELETE", path_of("events_remove_consumer", group=group, consumer=consumer), query={"identity": identity})

    async def group_key_admin(
        self,
        group: str,
        body: models.IssueAdminRequest,
        *,
        identity: str | None = None,
    ) -> models.GroupInfo:
        """Make one of our identities an Admin directly under the group's key"""
        answer: models.GroupInfo = await self._call("POST", path_of("group_key_admin", group=group), query={"identity": identity}, body=body)
        return answer

    async def group_key_export(
        self,
        group: str,
        body: models.ExportRequest,
        *,
        identity: str | None = None,
    ) -> models.RecoveryFile:
        """The group's key, encrypted, with what it takes to find the group"""
        answer: models.RecoveryFile = await self._call("POST", path_of("group_key_export", group=group), query={"identity": identity}, body=body)
        return answer

    async def group_key_import(
        self,
        body: models.RecoverRequest,
        *,
        idempotency_key: str | None = None,
    ) -> models.GroupInfo:
        """Take in a group's key from its recovery file"""
        answer: models.GroupInfo = await self._call("POST", path_of("group_key_import"), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def groups_change(
        self,
        group: str,
        body: models.GroupChange,
        *,
        identity: str | None = None,
    ) -> models.GroupProperties:
        """Change them; the creator alone may"""
        answer: models.GroupProperties = await self._call("PATCH", path_of("groups_change", group=group), query={"identity": identity}, body=body)
        return answer

    async def groups_close(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.GroupInfo:
        """Go offline with a group

        An application lets go of it: the group stays online while anybody else holds it.
        """
        answer: models.GroupInfo = await self._call("POST", path_of("groups_close", group=group), query={"identity": identity})
        return answer

    async def groups_connect(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.GroupInfo:
        """Go online with a group, or to the door of one we are not a member of yet

        The operator's wish holds over restarts; an application's as long as it holds the group.
        """
        answer: models.GroupInfo = await self._call("POST", path_of("groups_connect", group=group), query={"identity": identity})
        return answer

    async def groups_connect_at(
        self,
        group: str,
        body: models.ConnectRequest,
        *,
        identity: str | None = None,
    ) -> models.NeighbourInfo:
        """Go online with a group and connect to a member at one of these addresses

        Answers once a member there is a neighbour; with an error when none becomes one. The group stays online either way.
        """
        answer: models.NeighbourInfo = await self._call("POST", path_of("groups_connect_at", group=group), query={"identity": identity}, body=body)
        return answer

    async def groups_create(
        self,
        body: models.NewGroup,
        *,
        idempotency_key: str | None = None,
    ) -> models.GroupInfo:
        """Make a group; it is offline until it is connected"""
        answer: models.GroupInfo = await self._call("POST", path_of("groups_create"), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def groups_delete(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> None:
        """Delete the membership and this node's copy of the records"""
        await self._call("DELETE", path_of("groups_delete", group=group), query={"identity": identity})

    async def groups_fingerprint(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.FingerprintInfo:
        """A digest over everything held; equal on members that are in line"""
        answer: models.FingerprintInfo = await self._call("GET", path_of("groups_fingerprint", group=group), query={"identity": identity})
        return answer

    async def groups_graph(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.GroupGraph:
        """Nodes of the group's members, and this node's links with them"""
        answer: models.GroupGraph = await self._call("GET", path_of("groups_graph", group=group), query={"identity": identity})
        return answer

    async def groups_join(
        self,
        body: models.JoinRequest,
        *,
        idempotency_key: str | None = None,
    ) -> models.GroupInfo:
        """Join a group with an invitation; it is offline until it is connected"""
        answer: models.GroupInfo = await self._call("POST", path_of("groups_join"), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def groups_leave(
        self,
        group: str,
        body: models.LeaveGroup,
        *,
        identity: str | None = None,
    ) -> models.GroupInfo:
        """Leave a group for good; this node's copy of the records stays until it is deleted"""
        answer: models.GroupInfo = await self._call("POST", path_of("groups_leave", group=group), query={"identity": identity}, body=body)
        return answer

    async def groups_list(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_GroupInfo:
        """All groups, by peer name"""
        answer: models.Page_GroupInfo = await self._call("GET", path_of("groups_list"), query={"cursor": cursor, "limit": limit})
        return answer

    async def groups_neighbours(
        self,
        group: str,
        *,
        identity: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_NeighbourInfo:
        """Members connected to this node now"""
        answer: models.Page_NeighbourInfo = await self._call("GET", path_of("groups_neighbours", group=group), query={"identity": identity, "cursor": cursor, "limit": limit})
        return answer

    async def groups_node(
        self,
        group: str,
        peer_id: str,
        *,
        identity: str | None = None,
    ) -> models.NodeInfo:
        """One node"""
        answer: models.NodeInfo = await self._call("GET", path_of("groups_node", group=group, peer_id=peer_id), query={"identity": identity})
        return answer

    async def groups_nodes(
        self,
        group: str,
        *,
        identity: str | None = None,
        member: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_NodeInfo:
        """The nodes that are present, our own first"""
        answer: models.Page_NodeInfo = await self._call("GET", path_of("groups_nodes", group=group), query={"identity": identity, "member": member, "cursor": cursor, "limit": limit})
        return answer

    async def groups_open(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.GroupInfo:
        """Open a group without connecting

        An application holds it until it closes it or its session ends; it is online at once if the group is.
        """
        answer: models.GroupInfo = await self._call("POST", path_of("groups_open", group=group), query={"identity": identity})
        return answer

    async def groups_ping(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.PingReport:
        """Ask the participants of a group that are known here whether they are there"""
        answer: models.PingReport = await self._call("POST", path_of("groups_ping", group=group), query={"identity": identity})
        return answer

    async def groups_presence(
        self,
        group: str,
        body: models.PresenceRequest,
        *,
        identity: str | None = None,
    ) -> models.NodeInfo:
        """Say something about this node in a group, or show it whatever the policy"""
        answer: models.NodeInfo = await self._call("PATCH", path_of("groups_presence", group=group), query={"identity": identity}, body=body)
        return answer

    async def groups_show(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.GroupInfo:
        """One group"""
        answer: models.GroupInfo = await self._call("GET", path_of("groups_show", group=group), query={"identity": identity})
        return answer

    async def groups_show_properties(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.GroupProperties:
        """What the group's creator says about it"""
        answer: models.GroupProperties = await self._call("GET", path_of("groups_show_properties", group=group), query={"identity": identity})
        return answer

    async def identities_card(
        self,
        name: str,
    ) -> models.CardText:
        """The card of an identity, for whoever invites it"""
        answer: models.CardText = await self._call("GET", path_of("identities_card", name=name))
        return answer

    async def identities_change(
        self,
        name: str,
        body: models.IdentityChange,
    ) -> models.IdentityInfo:
        """Change the friendly name"""
        answer: models.IdentityInfo = await self._call("PATCH", path_of("identities_change", name=name), body=body)
        return answer

    async def identities_create(
        self,
        body: models.NewIdentity,
        *,
        idempotency_key: str | None = None,
    ) -> models.IdentityInfo:
        """Make an identity"""
        answer: models.IdentityInfo = await self._call("POST", path_of("identities_create"), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def identities_default(
        self,
    ) -> models.IdentityInfo:
        """The identity used when none is named"""
        answer: models.IdentityInfo = await self._call("GET", path_of("identities_default"))
        return answer

    async def identities_default_card(
        self,
    ) -> models.CardText:
        """The card of the identity used when none is named"""
        answer: models.CardText = await self._call("GET", path_of("identities_default_card"))
        return answer

    async def identities_delete(
        self,
        name: str,
    ) -> None:
        """Delete an identity for ever; it must be in no group"""
        await self._call("DELETE", path_of("identities_delete", name=name))

    async def identities_export(
        self,
        name: str,
        body: models.ExportRequest,
    ) -> models.ExportedIdentity:
        """An identity with its secret key, encrypted"""
        answer: models.ExportedIdentity = await self._call("POST", path_of("identities_export", name=name), body=body)
        return answer

    async def identities_import(
        self,
        body: models.ImportRequest,
        *,
        idempotency_key: str | None = None,
    ) -> models.IdentityInfo:
        """Bring back an exported identity"""
        answer: models.IdentityInfo = await self._call("POST", path_of("identities_import"), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def identities_list(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_IdentityInfo:
        """All identities, by peer name"""
        answer: models.Page_IdentityInfo = await self._call("GET", path_of("identities_list"), query={"cursor": cursor, "limit": limit})
        return answer

    async def identities_memberships(
        self,
        *,
        expired: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_IdentityMemberships:
        """Identities with their memberships, also those of groups that are offline or that are over"""
        answer: models.Page_IdentityMemberships = await self._call("GET", path_of("identities_memberships"), query={"expired": expired, "cursor": cursor, "limit": limit})
        return answer

    async def identities_show(
        self,
        name: str,
    ) -> models.IdentityInfo:
        """One identity"""
        answer: models.IdentityInfo = await self._call("GET", path_of("identities_show", name=name))
        return answer

    async def invitations_create(
        self,
        group: str,
        body: models.InviteRequest,
        *,
        identity: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.InvitationText:
        """Invite an identity, known by its card"""
        answer: models.InvitationText = await self._call("POST", path_of("invitations_create", group=group), query={"identity": identity}, body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def invitations_inspect(
        self,
        body: models.InspectRequest,
    ) -> models.InvitationInfo:
        """What an invitation says; nothing is joined"""
        answer: models.InvitationInfo = await self._call("POST", path_of("invitations_inspect"), body=body)
        return answer

    async def invitations_list(
        self,
        group: str,
        *,
        identity: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_InvitationSummary:
        """Invitations made here, the oldest first, with what became of them"""
        answer: models.Page_InvitationSummary = await self._call("GET", path_of("invitations_list", group=group), query={"identity": identity, "cursor": cursor, "limit": limit})
        return answer

    async def invitations_reissue(
        self,
        id: str,
        body: models.ReissueRequest,
        *,
        idempotency_key: str | None = None,
    ) -> models.InvitationText:
        """Invite the same identity anew; the new credential wins over the first"""
        answer: models.InvitationText = await self._call("POST", path_of("invitations_reissue", id=id), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def invitations_revoke(
        self,
        id: str,
    ) -> models.InvitationSummary:
        """Revoke an invitation that was not used"""
        answer: models.InvitationSummary = await self._call("POST", path_of("invitations_revoke", id=id))
        return answer

    async def invitations_show(
        self,
        id: str,
    ) -> models.InvitationDetail:
        """One invitation made here"""
        answer: models.InvitationDetail = await self._call("GET", path_of("invitations_show", id=id))
        return answer

    async def members_audit(
        self,
        group: str,
        *,
        identity: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_AuditEntry:
        """Who invited, promoted, renewed or removed whom, when, and on whose authority; the oldest first"""
        answer: models.Page_AuditEntry = await self._call("GET", path_of("members_audit", group=group), query={"identity": identity, "cursor": cursor, "limit": limit})
        return answer

    async def members_audit_file(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.AuditFile:
        """The signed records behind the audit, as a file that anybody can verify offline"""
        answer: models.AuditFile = await self._call("GET", path_of("members_audit_file", group=group), query={"identity": identity})
        return answer

    async def members_list(
        self,
        group: str,
        *,
        identity: str | None = None,
        present: bool | None = None,
        member: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_MemberInfo:
        """Members of a group, this node's first, then by peer name"""
        answer: models.Page_MemberInfo = await self._call("GET", path_of("members_list", group=group), query={"identity": identity, "present": present, "member": member, "cursor": cursor, "limit": limit})
        return answer

    async def members_progress(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.RemovalProgress:
        """How far the removals decided so far have got"""
        answer: models.RemovalProgress = await self._call("GET", path_of("members_progress", group=group), query={"identity": identity})
        return answer

    async def members_remove(
        self,
        group: str,
        member: str,
        body: models.RemoveMember,
        *,
        identity: str | None = None,
    ) -> models.RemovalProgress:
        """Remove a member: its credentials are void everywhere, its links are cut"""
        answer: models.RemovalProgress = await self._call("POST", path_of("members_remove", group=group, member=member), query={"identity": identity}, body=body)
        return answer

    async def members_renew(
        self,
        group: str,
        member: str,
        body: models.RenewMember,
        *,
        identity: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.MemberDetail:
        """Give a member a newer credential: renewed, or with another role"""
        answer: models.MemberDetail = await self._call("POST", path_of("members_renew", group=group, member=member), query={"identity": identity}, body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def members_show(
        self,
        group: str,
        member: str,
        *,
        identity: str | None = None,
    ) -> models.MemberDetail:
        """One member, with who issued its membership and on whose authority"""
        answer: models.MemberDetail = await self._call("GET", path_of("members_show", group=group, member=member), query={"identity": identity})
        return answer

    async def members_tree(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.MemberTree:
        """Who invited whom"""
        answer: models.MemberTree = await self._call("GET", path_of("members_tree", group=group), query={"identity": identity})
        return answer

    async def node_doctor(
        self,
    ) -> models.DoctorReport:
        """What is wrong, and what to do next; dials the nodes the cloud is entered through"""
        answer: models.DoctorReport = await self._call("GET", path_of("node_doctor"))
        return answer

    async def node_document(
        self,
    ) -> dict[str, Any]:
        """This description"""
        answer: dict[str, Any] = await self._call("GET", path_of("node_document"))
        return answer

    async def node_metrics(
        self,
    ) -> str:
        """Counters, for Prometheus"""
        answer: str = await self._call("GET", path_of("node_metrics"))
        return answer

    async def node_shutdown(
        self,
    ) -> None:
        """Stop the node"""
        await self._call("POST", path_of("node_shutdown"))

    async def node_status(
        self,
    ) -> models.NodeStatus:
        """The node, its addresses and its groups"""
        answer: models.NodeStatus = await self._call("GET", path_of("node_status"))
        return answer

    async def portable_backup(
        self,
        body: models.ExportRequest,
    ) -> bytes:
        """A backup of the whole node, encrypted

        The answer is the file. If it breaks off, something went wrong and what came is of no use.
        """
        answer: bytes = await self._call("POST", path_of("portable_backup"), body=body)
        return answer

    async def portable_export_config(
        self,
        group: str,
        body: models.ExportRequest,
        *,
        identity: str | None = None,
    ) -> models.GroupConfigFile:
        """A group's configuration, encrypted, to use the group on another machine"""
        answer: models.GroupConfigFile = await self._call("POST", path_of("portable_export_config", group=group), query={"identity": identity}, body=body)
        return answer

    async def portable_export_database(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> bytes:
        """A group's records as a file

        The answer is the file. If it breaks off, something went wrong and what came is of no use.
        """
        answer: bytes = await self._call("GET", path_of("portable_export_database", group=group), query={"identity": identity})
        return answer

    async def portable_import_config(
        self,
        body: models.GroupConfigRequest,
        *,
        idempotency_key: str | None = None,
    ) -> models.GroupInfo:
        """Take in a group's configuration that was exported on another machine"""
        answer: models.GroupInfo = await self._call("POST", path_of("portable_import_config"), body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def portable_import_database(
        self,
        group: str,
        body: bytes,
        *,
        identity: str | None = None,
    ) -> models.ImportedDatabase:
        """Take in a group's records from a file; the group must be offline"""
        answer: models.ImportedDatabase = await self._call("PUT", path_of("portable_import_database", group=group), query={"identity": identity}, body=body)
        return answer

    async def portable_settle(
        self,
        group: str,
        *,
        identity: str | None = None,
    ) -> models.GroupInfo:
        """Go on with a group that was restored from a backup, without having met another member"""
        answer: models.GroupInfo = await self._call("POST", path_of("portable_settle", group=group), query={"identity": identity})
        return answer

    async def records_delete(
        self,
        group: str,
        id: str,
        *,
        identity: str | None = None,
    ) -> None:
        """Delete a record, at every member"""
        await self._call("DELETE", path_of("records_delete", group=group, id=id), query={"identity": identity})

    async def records_get(
        self,
        group: str,
        id: str,
        *,
        identity: str | None = None,
    ) -> models.RecordInfo:
        """One record"""
        answer: models.RecordInfo = await self._call("GET", path_of("records_get", group=group, id=id), query={"identity": identity})
        return answer

    async def records_list(
        self,
        group: str,
        *,
        identity: str | None = None,
        type: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> models.Page_RecordInfo:
        """Records of a group, by id"""
        answer: models.Page_RecordInfo = await self._call("GET", path_of("records_list", group=group), query={"identity": identity, "type": type, "cursor": cursor, "limit": limit})
        return answer

    async def records_publish(
        self,
        group: str,
        body: models.RecordPut,
        *,
        identity: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.RecordInfo:
        """Publish a record; it is durable on this node when the answer comes"""
        answer: models.RecordInfo = await self._call("POST", path_of("records_publish", group=group), query={"identity": identity}, body=body, headers={**({"idempotency-key": str(idempotency_key)} if idempotency_key is not None else {})})
        return answer

    async def records_update(
        self,
        group: str,
        id: str,
        body: models.RecordChange,
        *,
        identity: str | None = None,
    ) -> models.RecordInfo:
        """Change a record; what is absent stays"""
        answer: models.RecordInfo = await self._call("PATCH", path_of("records_update", group=group, id=id), query={"identity": identity}, body=body)
        return answer
