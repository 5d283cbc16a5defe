//! What to say when it is not clear which group is meant, or as whom.

use super::Client;
use crate::{
    Error,
    cli::failure::Failure,
    error::catalogue,
    model::{GroupInfo, IdentityInfo},
};

/// At most this many are named.
const MAX_NAMED: usize = 8;

/// There is no group that could be meant.
pub(super) fn no_group(identity: Option<&str>) -> Failure {
    let detail = match identity {
        Some(identity) => format!("the identity {identity} is in no group yet"),
        None => "there is no group yet".to_owned(),
    };
    Failure::new(&catalogue::GROUP_NOT_FOUND, detail).advise(
        "make one with: peerage group create --friendly-name NAME; or join one with: peerage join INVITATION",
    )
}

/// One of several groups has to be named, each as it can be.
pub(super) fn which_group(groups: &[GroupInfo], as_argument: bool) -> Failure {
    let how = match as_argument {
        true => "as the argument GROUP",
        false => "with --group",
    };
    let mut names: Vec<_> = groups
        .iter()
        .map(|group| called(&group.friendly_name, &group.name))
        .collect();
    // Several identities may be in one.
    names.sort();
    names.dedup();
    let reason = format!(
        "there are several groups: name one {how}: {}",
        some_of(&names)
    );
    Failure::from(Error::invalid("group", reason)).advise("list them with: peerage group ls")
}

/// Several identities of this node are in the group, and one has to be named.
pub(super) fn which_identity(group: &GroupInfo, identities: &[String]) -> Failure {
    let detail = format!(
        "several identities of this node are in {}: {}",
        group.friendly_name,
        some_of(identities)
    );
    Failure::new(&catalogue::GROUP_AMBIGUOUS, detail)
        .advise("say as which of them: --as IDENTITY; list them with: peerage id ls")
}

/// The members these are, as they can be named.
pub(super) async fn identities(client: &Client, groups: &[GroupInfo]) -> Vec<String> {
    // Not everybody may list them; the peer names do, too.
    let known: Vec<IdentityInfo> = client.list("/v1/identities").await.unwrap_or_default();
    groups
        .iter()
        .map(|group| {
            let found = known.iter().find(|one| one.name == group.identity);
            let friendly = found.map_or(group.identity.as_str(), |one| one.friendly_name.as_str());
            called(friendly, &group.identity)
        })
        .collect()
}

/// A friendly name, with as much of the peer name as stands for it.
fn called(friendly_name: &str, name: &str) -> String {
    let short: String = name.chars().take(8).collect();
    match friendly_name == name {
        true => short,
        false => format!("{friendly_name} ({short})"),
    }
}

fn some_of(names: &[String]) -> String {
    let shown = &names[..names.len().min(MAX_NAMED)];
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_named_is_named_as_it_can_be() {
        assert_eq!(called("Ada", "0123456789.x"), "Ada (01234567)");
        assert_eq!(called("0123456789.x", "0123456789.x"), "01234567");
        let names: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        assert_eq!(some_of(&names), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
        assert_eq!(some_of(&names[..2]), "0, 1");
    }
}
