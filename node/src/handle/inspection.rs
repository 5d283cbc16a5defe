//! Looking at a node and its groups: memberships, links, who answers, and what is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt, future::select_ok, stream};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use peerage_protocol::gmc;
use peerage_records::id::ReplicaId;

use super::{GroupHandle, Inner, Node, inner::blocking};
use crate::{
    Result,
    command::{Command, Inspection, View},
    doctor::{
        self, bootstrap, buffers,
        clock::Seen,
        credentials::{self, Credential},
        disk, environment, files, folder,
        members::{self, Company},
        node_key, open_files, port,
        synchronisation::{self, Progress},
    },
    folder::Membership,
    model::{
        Check, DoctorReport, Finding, GraphLink, GraphNode, GroupGraph, IdentityMemberships,
        KnownAs, LinkDirection, MembershipInfo, Participant, PingReport, Validity, instant_text,
    },
    probe::{DIAL_TIMEOUT, dial},
};

/// Participants asked by one ping, in two rounds that fit the time a request has.
const MAX_PINGED: usize = 16;
/// Participants asked at once; each address costs a socket.
const PINGS_AT_ONCE: usize = 8;
/// Addresses tried of each, all at once.
const MAX_ADDRESSES_PINGED: usize = 4;

impl Node {
    /// The memberships of all identities, as their certificates tell them: also of groups that are
    /// offline, and of memberships that are over.
    ///
    /// # Errors
    /// When the node has shut down, or a certificate that is kept does not verify.
    pub async fn memberships(&self) -> Result<Vec<IdentityMemberships>> {
        let known = self.inner.held()?;
        let mut revoked = BTreeSet::new();
        for (replica, _) in known.memberships() {
            let view = self.inner.view(*replica).await?;
            if view.is_some_and(|view| view.revoked) {
                revoked.insert(*replica);
            }
        }
        let mut all = Vec::new();
        for identity in known.identities() {
            let info = known.info(identity)?;
            let of_identity = known
                .memberships()
                .filter(|(_, membership)| membership.identity == *identity.name());
            let mut memberships = of_identity
                .map(|(replica, membership)| {
                    let revoked = revoked.contains(replica);
                    self.inner.membership_info(membership, revoked)
                })
                .collect::<Result<Vec<_>>>()?;
            memberships.sort_by(|a, b| a.name.cmp(&b.name));
            all.push(IdentityMemberships {
                p2p_id: hex(&identity.name().p2p_id()),
                name: info.name,
                friendly_name: info.friendly_name,
                default: info.default,
                memberships,
            });
        }
        Ok(all)
    }

    /// Looks for what is wrong, and says what to do next. Reads the data folder and dials the nodes the
    /// cloud is entered through, so that it may take some seconds; changes nothing.
    ///
    /// # Errors
    /// When the node has shut down.
    pub async fn doctor(&self) -> Result<DoctorReport> {
        let inner = &self.inner;
        let mut findings = inner.symptoms(true).await?;
        findings.push(environment::check(&|name| std::env::var_os(name)));
        findings.push(open_files::check());
        let network = inner.network().await?;
        let ports: Vec<u16> = network.listeners.iter().filter_map(udp_port).collect();
        findings.push(buffers::check("/proc".as_ref(), &ports));
        findings.push(port::check_listening(
            &inner.settings.listen,
            &network.listeners,
        ));
        let damaged = inner
            .with_vault(|vault| Ok(vault.examine()))
            .await?
            .iter()
            .map(files::trouble)
            .collect::<Vec<_>>();
        match damaged.is_empty() {
            true => findings.push(Finding::ok(Check::Files, "all are readable")),
            false => findings.extend(damaged),
        }
        findings.extend(bootstrap::check(&inner.settings.bootstrap, DIAL_TIMEOUT).await);
        Ok(DoctorReport::new(findings))
    }
}

impl Inner {
    /// What can be seen without asking anybody. `thorough` also looks at every file's date.
    pub(super) async fn symptoms(self: &Arc<Self>, thorough: bool) -> Result<Vec<Finding>> {
        let inspection = self.inspect().await?;
        let mut views = Vec::new();
        let known = self.known();
        for (replica, membership) in known.memberships() {
            let view = self.view(*replica).await?;
            views.push((*replica, Arc::clone(membership), view));
        }
        let data = self.folder.path().to_path_buf();
        let (newest, disk) = blocking(move || {
            let newest = thorough.then(|| folder::newest(&data)).flatten();
            Ok((newest, disk::check(&data, disk::LEAST, disk::COMFORTABLE)))
        })
        .await?;
        let now = self.clock.now();
        let seen = clocks(&inspection, &views, |said| said.holds(now));
        let mut findings = vec![
            node_key::check(now.timestamp, self.duplicated.last()),
            doctor::clock::check(now.timestamp, newest, &seen),
            disk,
        ];
        let credentials = views
            .iter()
            .filter_map(|(_, membership, view)| credential(membership, view.as_ref()))
            .collect::<Vec<_>>();
        findings.extend(credentials::check(now.timestamp, &credentials));
        // Who is no member any more finds nobody; what is wrong has been said.
        let open = || {
            views.iter().filter_map(|(replica, membership, view)| {
                let view = view.as_ref().filter(|view| !view.revoked)?;
                Some((replica, membership, view))
            })
        };
        let company: Vec<Company> = open()
            .map(|(replica, membership, view)| {
                self.company(&inspection, *replica, membership, view)
            })
            .chain(self.visitors(&known)?)
            .collect();
        findings.extend(members::check(&company));
        let progress: Vec<Progress> = open()
            .map(|(replica, membership, view)| {
                self.progress(&inspection, *replica, membership, view)
            })
            .collect();
        findings.extend(synchronisation::check(&progress));
        Ok(findings)
    }

    async fn inspect(&self) -> Result<Inspection> {
        self.command(Command::Inspect).await
    }

    fn membership_info(&self, membership: &Membership, revoked: bool) -> Result<MembershipInfo> {
        let root = membership.root()?;
        let gmc = gmc::verify_for_any_time(&membership.chain, &root.id())?;
        let now = self.clock.timestamp();
        Ok(MembershipInfo {
            p2p_id: hex(&root.name().p2p_id()),
            chain_length: membership.chain.certificates().count(),
            name: root.name().to_string(),
            friendly_name: membership.friendly_name.clone(),
            roles: gmc.roles().iter().map(|role| role.to_string()).collect(),
            valid_from: instant_text(gmc.not_before()),
            valid_until: instant_text(gmc.not_after()),
            validity: if now > gmc.not_after() {
                Validity::Expired
            } else if now < gmc.not_before() {
                Validity::NotYetValid
            } else if revoked {
                Validity::Revoked
            } else {
                Validity::Valid
            },
        })
    }

    fn company(
        &self,
        inspection: &Inspection,
        replica: ReplicaId,
        membership: &Membership,
        view: &View,
    ) -> Company {
        let now = self.clock.timestamp();
        let watched = inspection.watch.groups.get(&replica);
        Company {
            group: group_name(membership),
            friendly_name: membership.friendly_name.clone(),
            status: view.status.into(),
            lasting: watched
                .map(|group| now.since(group.since))
                .unwrap_or_default(),
            members: view.members.len(),
            neighbours: view.neighbours.len(),
        }
    }

    /// The groups that are being joined at their doors.
    fn visitors(&self, known: &crate::vault::Known) -> Result<Vec<Company>> {
        let infos = known
            .all_waiting()
            .map(|(id, waiting)| self.waiting_info(id, waiting));
        let companies = infos.map(|info| {
            info.map(|info| Company {
                group: info.name,
                friendly_name: info.friendly_name,
                status: info.status,
                lasting: std::time::Duration::ZERO,
                members: 0,
                neighbours: 0,
            })
        });
        companies.collect()
    }

    fn progress(
        &self,
        inspection: &Inspection,
        replica: ReplicaId,
        membership: &Membership,
        view: &View,
    ) -> Progress {
        let now = self.clock.timestamp();
        let watched = inspection.watch.groups.get(&replica);
        let neighbours = view.neighbours.iter().map(|(peer, neighbour)| {
            let compared = watched.and_then(|group| group.compared.get(peer));
            let last = compared.copied().unwrap_or(neighbour.since);
            let name = neighbour.gmc.friendly_name().to_owned();
            (name, now.since(last.max(neighbour.since)))
        });
        Progress {
            group: group_name(membership),
            friendly_name: membership.friendly_name.clone(),
            synchronised: view.synchronised,
            connected: view
                .neighbours
                .iter()
                .map(|(_, neighbour)| now.since(neighbour.since))
                .max()
                .unwrap_or_default(),
            neighbours: neighbours.collect(),
        }
    }
}

impl GroupHandle {
    /// The nodes of members that are known to be online, and the links of this node with them.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn graph(&self) -> Result<GroupGraph> {
        let view = self.view().await?;
        let inspection = self.inner.inspect().await?;
        let own = self.own_node().await?;
        let mut nodes: BTreeMap<String, GraphNode> = BTreeMap::new();
        for present in self.nodes_of(&view) {
            nodes.insert(
                present.peer_id.clone(),
                GraphNode {
                    friendly_name: friendly_name(&view, &present.member),
                    peer_id: present.peer_id,
                    member: present.member,
                    local: present.local,
                    present: true,
                    addresses: present.addresses,
                },
            );
        }
        for (peer, neighbour) in &view.neighbours {
            let node = || GraphNode {
                peer_id: peer.to_string(),
                member: neighbour.gmc.subject_name().to_string(),
                friendly_name: neighbour.gmc.friendly_name().to_owned(),
                local: false,
                present: false,
                addresses: neighbour
                    .addresses
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            };
            nodes.entry(peer.to_string()).or_insert_with(node);
        }
        let here = nodes.remove(&own.peer_id).unwrap_or_else(|| GraphNode {
            friendly_name: friendly_name(&view, &own.member),
            peer_id: own.peer_id,
            member: own.member,
            local: true,
            present: false,
            addresses: own.addresses,
        });
        let links = view
            .neighbours
            .iter()
            .map(|(peer, neighbour)| {
                let connection = inspection.connections.iter().find(|(to, _)| to == peer);
                let connection = connection.map(|(_, connection)| connection);
                let direction = match connection.map(|connection| connection.inbound) {
                    Some(true) => LinkDirection::Inbound,
                    Some(false) => LinkDirection::Outbound,
                    None => LinkDirection::Unknown,
                };
                let (mut from, mut to) = (here.peer_id.clone(), peer.to_string());
                if direction == LinkDirection::Inbound {
                    std::mem::swap(&mut from, &mut to);
                }
                let watched = inspection.watch.groups.get(&self.replica);
                GraphLink {
                    from,
                    to,
                    direction,
                    since: instant_text(neighbour.since),
                    address: connection.map(|connection| connection.address.to_string()),
                    round_trip_us: connection
                        .and_then(|connection| connection.round_trip)
                        .map(micros),
                    compared: watched
                        .and_then(|group| group.compared.get(peer))
                        .map(|at| instant_text(*at)),
                }
            })
            .collect();
        Ok(GroupGraph {
            group: self.name.clone(),
            friendly_name: self.membership()?.friendly_name.clone(),
            nodes: std::iter::once(here).chain(nodes.into_values()).collect(),
            links,
        })
    }

    /// Asks the participants of the group that are known here whether they are there: neighbours, nodes
    /// that say they are present, and those remembered from earlier or named by the invitation. Each
    /// is dialled anew and has to prove its peer id. Works also while the group is offline.
    ///
    /// # Errors
    /// When the handle is closed or the store fails. That nobody answers is no error.
    pub async fn ping(&self) -> Result<PingReport> {
        let mut asked: Vec<(PeerId, Participant, Vec<Multiaddr>)> = Vec::new();
        // A group that does not open, because its membership is over, has others to be asked all the same.
        if let Ok(view) = self.view().await {
            for (peer, neighbour) in &view.neighbours {
                let member = neighbour.gmc.subject_name().to_string();
                let participant = participant(*peer, Some(member), KnownAs::Neighbour);
                asked.push((*peer, participant, neighbour.addresses.clone()));
            }
            for (member, seen) in &view.present {
                let known = view.members.iter().find(|gmc| gmc.subject() == *member);
                let member = known.map(|gmc| gmc.subject_name().to_string());
                let peer = seen.node.peer;
                let participant = participant(peer, member, KnownAs::Present);
                asked.push((peer, participant, seen.node.addresses.clone()));
            }
        }
        for (peer, addresses) in self.inner.acquaintances(self.replica).await? {
            asked.push((
                peer,
                participant(peer, None, KnownAs::Remembered),
                addresses,
            ));
        }
        let mut seen = BTreeSet::from([self.inner.peer]);
        asked.retain(|(peer, _, addresses)| !addresses.is_empty() && seen.insert(*peer));
        asked.truncate(MAX_PINGED);
        let participants: Vec<Participant> = stream::iter(asked)
            .map(async |(peer, participant, addresses)| ask(peer, participant, addresses).await)
            .buffered(PINGS_AT_ONCE)
            .collect()
            .await;
        Ok(PingReport {
            group: self.name.clone(),
            found: participants
                .iter()
                .any(|one| one.took_us.is_some() && one.known_as != KnownAs::Remembered),
            participants,
        })
    }
}

fn participant(peer: PeerId, member: Option<String>, known_as: KnownAs) -> Participant {
    Participant {
        peer_id: peer.to_string(),
        member,
        known_as,
        addresses: Vec::new(),
        answered_at: None,
        took_us: None,
        failure: None,
    }
}

/// Dials all addresses of a participant at once; the first answer counts.
async fn ask(peer: PeerId, mut participant: Participant, addresses: Vec<Multiaddr>) -> Participant {
    let addresses: Vec<Multiaddr> = addresses.into_iter().take(MAX_ADDRESSES_PINGED).collect();
    participant.addresses = addresses.iter().map(ToString::to_string).collect();
    let dials = addresses.into_iter().map(|address| {
        async move {
            let proving = address.clone().with(Protocol::P2p(peer));
            let took = dial(proving, DIAL_TIMEOUT).await?;
            Ok::<_, String>((address, took))
        }
        .boxed()
    });
    match select_ok(dials).await {
        Ok(((address, took), _)) => {
            participant.answered_at = Some(address.to_string());
            participant.took_us = Some(micros(took));
        }
        Err(reason) => participant.failure = Some(reason),
    }
    participant
}

type Open = (ReplicaId, Arc<Membership>, Option<View>);

/// What the clocks of other nodes said, each with a name for people.
fn clocks(
    inspection: &Inspection,
    views: &[Open],
    holds: impl Fn(&crate::watch::OtherClock) -> bool,
) -> Vec<Seen> {
    let whose = |peer: &PeerId| {
        let neighbours = views
            .iter()
            .filter_map(|(_, _, view)| view.as_ref())
            .flat_map(|view| &view.neighbours);
        neighbours
            .into_iter()
            .find(|(other, _)| other == peer)
            .map_or_else(
                || format!("peer {peer}"),
                |(_, neighbour)| neighbour.gmc.friendly_name().to_owned(),
            )
    };
    let clocks = inspection.watch.clocks.iter();
    clocks
        .filter(|(_, said)| holds(said))
        .map(|(peer, said)| Seen {
            whose: whose(peer),
            theirs: said.theirs,
            ours: said.ours,
        })
        .collect()
}

fn credential(membership: &Membership, view: Option<&View>) -> Option<Credential> {
    let root = membership.root().ok()?;
    let gmc = gmc::verify_for_any_time(&membership.chain, &root.id()).ok()?;
    // The engine may have been given a newer one, and it knows what was taken away.
    let gmc = view.map_or(gmc, |view| view.gmc.clone());
    Some(Credential {
        group: root.name().to_string(),
        friendly_name: membership.friendly_name.clone(),
        identity: gmc.friendly_name().to_owned(),
        not_before: gmc.not_before(),
        not_after: gmc.not_after(),
        revoked: view.is_some_and(|view| view.revoked),
    })
}

fn group_name(membership: &Membership) -> String {
    membership
        .root()
        .map(|root| root.name().to_string())
        .unwrap_or_default()
}

fn friendly_name(view: &View, member: &str) -> String {
    view.members
        .iter()
        .find(|gmc| gmc.subject_name().to_string() == member)
        .map(|gmc| gmc.friendly_name().to_owned())
        .unwrap_or_default()
}

fn udp_port(address: &Multiaddr) -> Option<u16> {
    address.iter().find_map(|part| match part {
        Protocol::Udp(port) => Some(port),
        _ => None,
    })
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn hex(id: &[u8; 16]) -> String {
    data_encoding::HEXLOWER.encode(id)
}
