// Made by node/tests/clients.rs from the API's description.

export const OPERATIONS = Object.freeze({
  applications_current: ["GET", "/v1/application"],
  applications_list: ["GET", "/v1/applications"],
  applications_register: ["POST", "/v1/applications"],
  applications_renew: ["POST", "/v1/applications/{name}/token"],
  applications_revoke: ["DELETE", "/v1/applications/{name}"],
  applications_session: ["GET", "/v1/session"],
  applications_show: ["GET", "/v1/applications/{name}"],
  direct_accept: ["GET", "/v1/groups/{group}/direct/pipe"],
  direct_close: ["DELETE", "/v1/groups/{group}/direct/{id}"],
  direct_list: ["GET", "/v1/groups/{group}/direct"],
  direct_listen: ["GET", "/v1/groups/{group}/direct/listen"],
  direct_open: ["POST", "/v1/groups/{group}/direct"],
  direct_send: ["POST", "/v1/groups/{group}/direct/{id}/messages"],
  direct_show: ["GET", "/v1/groups/{group}/direct/{id}"],
  direct_socket: ["GET", "/v1/groups/{group}/direct/{id}/socket"],
  doors_accept: ["POST", "/v1/groups/{group}/requests/{who}/accept"],
  doors_address: ["GET", "/v1/groups/{group}/address"],
  doors_close: ["DELETE", "/v1/groups/{group}/door"],
  doors_deny: ["POST", "/v1/groups/{group}/requests/{who}/deny"],
  doors_inspect: ["POST", "/v1/addresses/inspect"],
  doors_open: ["PUT", "/v1/groups/{group}/door"],
  doors_requests: ["GET", "/v1/groups/{group}/requests"],
  doors_show: ["GET", "/v1/groups/{group}/door"],
  doors_visit: ["POST", "/v1/groups/visit"],
  errors_list: ["GET", "/v1/errors"],
  errors_show: ["GET", "/v1/errors/{code}"],
  events_acknowledge: ["POST", "/v1/groups/{group}/events/ack"],
  events_consumers: ["GET", "/v1/groups/{group}/consumers"],
  events_events: ["GET", "/v1/groups/{group}/events"],
  events_remove_consumer: ["DELETE", "/v1/groups/{group}/consumers/{consumer}"],
  group_key_admin: ["POST", "/v1/groups/{group}/key/admin"],
  group_key_export: ["POST", "/v1/groups/{group}/key/export"],
  group_key_import: ["POST", "/v1/groups/recover"],
  groups_change: ["PATCH", "/v1/groups/{group}/properties"],
  groups_close: ["POST", "/v1/groups/{group}/close"],
  groups_connect: ["POST", "/v1/groups/{group}/connect"],
  groups_connect_at: ["POST", "/v1/groups/{group}/connect-at"],
  groups_create: ["POST", "/v1/groups"],
  groups_delete: ["DELETE", "/v1/groups/{group}"],
  groups_fingerprint: ["GET", "/v1/groups/{group}/fingerprint"],
  groups_graph: ["GET", "/v1/groups/{group}/graph"],
  groups_join: ["POST", "/v1/groups/join"],
  groups_leave: ["POST", "/v1/groups/{group}/leave"],
  groups_list: ["GET", "/v1/groups"],
  groups_neighbours: ["GET", "/v1/groups/{group}/neighbours"],
  groups_node: ["GET", "/v1/groups/{group}/nodes/{peer_id}"],
  groups_nodes: ["GET", "/v1/groups/{group}/nodes"],
  groups_open: ["POST", "/v1/groups/{group}/open"],
  groups_ping: ["POST", "/v1/groups/{group}/ping"],
  groups_presence: ["PATCH", "/v1/groups/{group}/presence"],
  groups_show: ["GET", "/v1/groups/{group}"],
  groups_show_properties: ["GET", "/v1/groups/{group}/properties"],
  identities_card: ["GET", "/v1/identities/{name}/card"],
  identities_change: ["PATCH", "/v1/identities/{name}"],
  identities_create: ["POST", "/v1/identities"],
  identities_default: ["GET", "/v1/identity"],
  identities_default_card: ["GET", "/v1/identity/card"],
  identities_delete: ["DELETE", "/v1/identities/{name}"],
  identities_export: ["POST", "/v1/identities/{name}/export"],
  identities_import: ["POST", "/v1/identities/import"],
  identities_list: ["GET", "/v1/identities"],
  identities_memberships: ["GET", "/v1/memberships"],
  identities_show: ["GET", "/v1/identities/{name}"],
  invitations_create: ["POST", "/v1/groups/{group}/invitations"],
  invitations_inspect: ["POST", "/v1/invitations/inspect"],
  invitations_list: ["GET", "/v1/groups/{group}/invitations"],
  invitations_reissue: ["POST", "/v1/invitations/{id}/reissue"],
  invitations_revoke: ["POST", "/v1/invitations/{id}/revoke"],
  invitations_show: ["GET", "/v1/invitations/{id}"],
  members_audit: ["GET", "/v1/groups/{group}/audit"],
  members_audit_file: ["GET", "/v1/groups/{group}/audit/file"],
  members_list: ["GET", "/v1/groups/{group}/members"],
  members_progress: ["GET", "/v1/groups/{group}/removals"],
  members_remove: ["POST", "/v1/groups/{group}/members/{member}/remove"],
  members_renew: ["POST", "/v1/groups/{group}/members/{member}/renew"],
  members_show: ["GET", "/v1/groups/{group}/members/{member}"],
  members_tree: ["GET", "/v1/groups/{group}/member-tree"],
  node_doctor: ["GET", "/v1/doctor"],
  node_document: ["GET", "/v1/openapi.json"],
  node_metrics: ["GET", "/metrics"],
  node_shutdown: ["POST", "/v1/shutdown"],
  node_status: ["GET", "/v1/status"],
  portable_backup: ["POST", "/v1/backup"],
  portable_export_config: ["POST", "/v1/groups/{group}/config/export"],
  portable_export_database: ["GET", "/v1/groups/{group}/database"],
  portable_import_config: ["POST", "/v1/groups/import"],
  portable_import_database: ["PUT", "/v1/groups/{group}/database"],
  portable_settle: ["POST", "/v1/groups/{group}/settle"],
  records_delete: ["DELETE", "/v1/groups/{group}/records/{id}"],
  records_get: ["GET", "/v1/groups/{group}/records/{id}"],
  records_list: ["GET", "/v1/groups/{group}/records"],
  records_publish: ["POST", "/v1/groups/{group}/records"],
  records_update: ["PATCH", "/v1/groups/{group}/records/{id}"],
});

export function pathOf(operation, names = {}) {
  return OPERATIONS[operation][1].replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(names[name]));
}

export class Operations {
  applicationsCurrent() {
    return this.request("GET", pathOf("applications_current"));
  }
  applicationsList(options = {}) {
    return this.request("GET", pathOf("applications_list"), { query: { "cursor": options.cursor, "limit": options.limit } });
  }
  applicationsRegister(body) {
    return this.request("POST", pathOf("applications_register"), { body });
  }
  applicationsRenew(name) {
    return this.request("POST", pathOf("applications_renew", { name: name }));
  }
  applicationsRevoke(name) {
    return this.request("DELETE", pathOf("applications_revoke", { name: name }));
  }
  applicationsShow(name) {
    return this.request("GET", pathOf("applications_show", { name: name }));
  }
  directClose(group, id, options = {}) {
    return this.request("DELETE", pathOf("direct_close", { group: group, id: id }), { query: { "identity": options.identity } });
  }
  directList(group, options = {}) {
    return this.request("GET", pathOf("direct_list", { group: group }), { query: { "identity": options.identity, "kind": options.kind, "cursor": options.cursor, "limit": options.limit } });
  }
  directOpen(group, body, options = {}) {
    return this.request("POST", pathOf("direct_open", { group: group }), { body, query: { "identity": options.identity } });
  }
  directSend(group, id, body, options = {}) {
    return this.request("POST", pathOf("direct_send", { group: group, id: id }), { body, query: { "identity": options.identity } });
  }
  directShow(group, id, options = {}) {
    return this.request("GET", pathOf("direct_show", { group: group, id: id }), { query: { "identity": options.identity } });
  }
  doorsAccept(group, who, body, options = {}) {
    return this.request("POST", pathOf("doors_accept", { group: group, who: who }), { body, query: { "identity": options.identity } });
  }
  doorsAddress(group, options = {}) {
    return this.request("GET", pathOf("doors_address", { group: group }), { query: { "identity": options.identity } });
  }
  doorsClose(group, options = {}) {
    return this.request("DELETE", pathOf("doors_close", { group: group }), { query: { "identity": options.identity } });
  }
  doorsDeny(group, who, options = {}) {
    return this.request("POST", pathOf("doors_deny", { group: group, who: who }), { query: { "identity": options.identity } });
  }
  doorsInspect(body) {
    return this.request("POST", pathOf("doors_inspect"), { body });
  }
  doorsOpen(group, body, options = {}) {
    return this.request("PUT", pathOf("doors_open", { group: group }), { body, query: { "identity": options.identity } });
  }
  doorsRequests(group, options = {}) {
    return this.request("GET", pathOf("doors_requests", { group: group }), { query: { "identity": options.identity, "cursor": options.cursor, "limit": options.limit } });
  }
  doorsShow(group, options = {}) {
    return this.request("GET", pathOf("doors_show", { group: group }), { query: { "identity": options.identity } });
  }
  doorsVisit(body, options = {}) {
    return this.request("POST", pathOf("doors_visit"), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  errorsList() {
    return this.request("GET", pathOf("errors_list"));
  }
  errorsShow(code) {
    return this.request("GET", pathOf("errors_show", { code: code }));
  }
  eventsAcknowledge(group, body, options = {}) {
    return this.request("POST", pathOf("events_acknowledge", { group: group }), { body, query: { "identity": options.identity } });
  }
  eventsConsumers(group, options = {}) {
    return this.request("GET", pathOf("events_consumers", { group: group }), { query: { "identity": options.identity } });
  }
  eventsRemoveConsumer(group, consumer, options = {}) {
    return this.request("DELETE", pathOf("events_remove_consumer", { group: group, consumer: consumer }), { query: { "identity": options.identity } });
  }
  groupKeyAdmin(group, body, options = {}) {
    return this.request("POST", pathOf("group_key_admin", { group: group }), { body, query: { "identity": options.identity } });
  }
  groupKeyExport(group, body, options = {}) {
    return this.request("POST", pathOf("group_key_export", { group: group }), { body, query: { "identity": options.identity } });
  }
  groupKeyImport(body, options = {}) {
    return this.request("POST", pathOf("group_key_import"), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  groupsChange(group, body, options = {}) {
    return this.request("PATCH", pathOf("groups_change", { group: group }), { body, query: { "identity": options.identity } });
  }
  groupsClose(group, options = {}) {
    return this.request("POST", pathOf("groups_close", { group: group }), { query: { "identity": options.identity } });
  }
  groupsConnect(group, options = {}) {
    return this.request("POST", pathOf("groups_connect", { group: group }), { query: { "identity": options.identity } });
  }
  groupsConnectAt(group, body, options = {}) {
    return this.request("POST", pathOf("groups_connect_at", { group: group }), { body, query: { "identity": options.identity } });
  }
  groupsCreate(body, options = {}) {
    return this.request("POST", pathOf("groups_create"), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  groupsDelete(group, options = {}) {
    return this.request("DELETE", pathOf("groups_delete", { group: group }), { query: { "identity": options.identity } });
  }
  groupsFingerprint(group, options = {}) {
    return this.request("GET", pathOf("groups_fingerprint", { group: group }), { query: { "identity": options.identity } });
  }
  groupsGraph(group, options = {}) {
    return this.request("GET", pathOf("groups_graph", { group: group }), { query: { "identity": options.identity } });
  }
  groupsJoin(body, options = {}) {
    return this.request("POST", pathOf("groups_join"), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  groupsLeave(group, body, options = {}) {
    return this.request("POST", pathOf("groups_leave", { group: group }), { body, query: { "identity": options.identity } });
  }
  groupsList(options = {}) {
    return this.request("GET", pathOf("groups_list"), { query: { "cursor": options.cursor, "limit": options.limit } });
  }
  groupsNeighbours(group, options = {}) {
    return this.request("GET", pathOf("groups_neighbours", { group: group }), { query: { "identity": options.identity, "cursor": options.cursor, "limit": options.limit } });
  }
  groupsNode(group, peerId, options = {}) {
    return this.request("GET", pathOf("groups_node", { group: group, peer_id: peerId }), { query: { "identity": options.identity } });
  }
  groupsNodes(group, options = {}) {
    return this.request("GET", pathOf("groups_nodes", { group: group }), { query: { "identity": options.identity, "member": options.member, "cursor": options.cursor, "limit": options.limit } });
  }
  groupsOpen(group, options = {}) {
    return this.request("POST", pathOf("groups_open", { group: group }), { query: { "identity": options.identity } });
  }
  groupsPing(group, options = {}) {
    return this.request("POST", pathOf("groups_ping", { group: group }), { query: { "identity": options.identity } });
  }
  groupsPresence(group, body, options = {}) {
    return this.request("PATCH", pathOf("groups_presence", { group: group }), { body, query: { "identity": options.identity } });
  }
  groupsShow(group, options = {}) {
    return this.request("GET", pathOf("groups_show", { group: group }), { query: { "identity": options.identity } });
  }
  groupsShowProperties(group, options = {}) {
    return this.request("GET", pathOf("groups_show_properties", { group: group }), { query: { "identity": options.identity } });
  }
  identitiesCard(name) {
    return this.request("GET", pathOf("identities_card", { name: name }));
  }
  identitiesChange(name, body) {
    return this.request("PATCH", pathOf("identities_change", { name: name }), { body });
  }
  identitiesCreate(body, options = {}) {
    return this.request("POST", pathOf("identities_create"), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  identitiesDefault() {
    return this.request("GET", pathOf("identities_default"));
  }
  identitiesDefaultCard() {
    return this.request("GET", pathOf("identities_default_card"));
  }
  identitiesDelete(name) {
    return this.request("DELETE", pathOf("identities_delete", { name: name }));
  }
  identitiesExport(name, body) {
    return this.request("POST", pathOf("identities_export", { name: name }), { body });
  }
  identitiesImport(body, options = {}) {
    return this.request("POST", pathOf("identities_import"), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  identitiesList(options = {}) {
    return this.request("GET", pathOf("identities_list"), { query: { "cursor": options.cursor, "limit": options.limit } });
  }
  identitiesMemberships(options = {}) {
    return this.request("GET", pathOf("identities_memberships"), { query: { "expired": options.expired, "cursor": options.cursor, "limit": options.limit } });
  }
  identitiesShow(name) {
    return this.request("GET", pathOf("identities_show", { name: name }));
  }
  invitationsCreate(group, body, options = {}) {
    return this.request("POST", pathOf("invitations_create", { group: group }), { body, query: { "identity": options.identity }, headers: { "idempotency-key": options.idempotencyKey } });
  }
  invitationsInspect(body) {
    return this.request("POST", pathOf("invitations_inspect"), { body });
  }
  invitationsList(group, options = {}) {
    return this.request("GET", pathOf("invitations_list", { group: group }), { query: { "identity": options.identity, "cursor": options.cursor, "limit": options.limit } });
  }
  invitationsReissue(id, body, options = {}) {
    return this.request("POST", pathOf("invitations_reissue", { id: id }), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  invitationsRevoke(id) {
    return this.request("POST", pathOf("invitations_revoke", { id: id }));
  }
  invitationsShow(id) {
    return this.request("GET", pathOf("invitations_show", { id: id }));
  }
  membersAudit(group, options = {}) {
    return this.request("GET", pathOf("members_audit", { group: group }), { query: { "identity": options.identity, "cursor": options.cursor, "limit": options.limit } });
  }
  membersAuditFile(group, options = {}) {
    return this.request("GET", pathOf("members_audit_file", { group: group }), { query: { "identity": options.identity } });
  }
  membersList(group, options = {}) {
    return this.request("GET", pathOf("members_list", { group: group }), { query: { "identity": options.identity, "present": options.present, "member": options.member, "cursor": options.cursor, "limit": options.limit } });
  }
  membersProgress(group, options = {}) {
    return this.request("GET", pathOf("members_progress", { group: group }), { query: { "identity": options.identity } });
  }
  membersRemove(group, member, body, options = {}) {
    return this.request("POST", pathOf("members_remove", { group: group, member: member }), { body, query: { "identity": options.identity } });
  }
  membersRenew(group, member, body, options = {}) {
    return this.request("POST", pathOf("members_renew", { group: group, member: member }), { body, query: { "identity": options.identity }, headers: { "idempotency-key": options.idempotencyKey } });
  }
  membersShow(group, member, options = {}) {
    return this.request("GET", pathOf("members_show", { group: group, member: member }), { query: { "identity": options.identity } });
  }
  membersTree(group, options = {}) {
    return this.request("GET", pathOf("members_tree", { group: group }), { query: { "identity": options.identity } });
  }
  nodeDoctor() {
    return this.request("GET", pathOf("node_doctor"));
  }
  nodeDocument() {
    return this.request("GET", pathOf("node_document"));
  }
  nodeMetrics() {
    return this.request("GET", pathOf("node_metrics"));
  }
  nodeShutdown() {
    return this.request("POST", pathOf("node_shutdown"));
  }
  nodeStatus() {
    return this.request("GET", pathOf("node_status"));
  }
  portableBackup(body) {
    return this.request("POST", pathOf("portable_backup"), { body });
  }
  portableExportConfig(group, body, options = {}) {
    return this.request("POST", pathOf("portable_export_config", { group: group }), { body, query: { "identity": options.identity } });
  }
  portableExportDatabase(group, options = {}) {
    return this.request("GET", pathOf("portable_export_database", { group: group }), { query: { "identity": options.identity } });
  }
  portableImportConfig(body, options = {}) {
    return this.request("POST", pathOf("portable_import_config"), { body, headers: { "idempotency-key": options.idempotencyKey } });
  }
  portableImportDatabase(group, body, options = {}) {
    return this.request("PUT", pathOf("portable_import_database", { group: group }), { body, query: { "identity": options.identity } });
  }
  portableSettle(group, options = {}) {
    return this.request("POST", pathOf("portable_settle", { group: group }), { query: { "identity": options.identity } });
  }
  recordsDelete(group, id, options = {}) {
    return this.request("DELETE", pathOf("records_delete", { group: group, id: id }), { query: { "identity": options.identity } });
  }
  recordsGet(group, id, options = {}) {
    return this.request("GET", pathOf("records_get", { group: group, id: id }), { query: { "identity": options.identity } });
  }
  recordsList(group, options = {}) {
    return this.request("GET", pathOf("records_list", { group: group }), { query: { "identity": options.identity, "type": options.type, "cursor": options.cursor, "limit": options.limit } });
  }
  recordsPublish(group, body, options = {}) {
    return this.request("POST", pathOf("records_publish", { group: group }), { body, query: { "identity": options.identity }, headers: { "idempotency-key": options.idempotencyKey } });
  }
  recordsUpdate(group, id, body, options = {}) {
    return this.request("PATCH", pathOf("records_update", { group: group, id: id }), { body, query: { "identity": options.identity } });
  }
}
