//! OpenSSL as an independent judge: it accepts what we issue, and what it refuses we refuse, too.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use peerage_protocol::{
    gmc::{self, Chain, IssueOptions, VerifiedGmc},
    group::{GroupKey, Role},
    identity::Identity,
};
use peerage_records::time::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PASSPHRASE: &str = "correct horse battery staple";

fn openssl(arguments: &[&str]) -> Output {
    Command::new("openssl")
        .args(arguments)
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "this test needs the openssl program, version 3 or later \
                 (Debian and Ubuntu: apt-get install openssl): {error}"
            )
        })
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Whether OpenSSL accepts the chain at a time.
    fn accepts(&self, certificates: &[Vec<u8>], at: Timestamp) -> (bool, String) {
        let [root, between @ .., leaf] = certificates else {
            panic!("a chain has two ends");
        };
        let root = self.write("root.pem", pem(root));
        let leaf = self.write("leaf.pem", pem(leaf));
        let between: String = between.iter().map(|der| pem(der)).collect();
        let between = self.write("between.pem", between);
        let at = at.as_secs().to_string();
        let mut arguments = vec![
            "verify",
            "-x509_strict",
            "-check_ss_sig",
            "-attime",
            &at,
            "-CAfile",
            &root,
        ];
        if certificates.len() > 2 {
            arguments.extend(["-untrusted", &between]);
        }
        arguments.push(&leaf);
        let output = openssl(&arguments);
        (output.status.success(), text(&output))
    }
}

fn pem(der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let lines: Vec<_> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

/// A group and a chain of so many GMCs in it; the last holder is a plain member.
fn chain_of(gmcs: usize, rng: &mut ChaCha20Rng) -> (GroupKey, VerifiedGmc) {
    let group = GroupKey::create("chess", Some("Chess club"), NOW, rng).unwrap();
    let mut holder = Identity::generate("creator", Some("Ada"), NOW, rng).unwrap();
    let chain = group.issue_first(&holder.card(), NOW, rng).unwrap();
    let mut gmc = gmc::verify(&chain, &group.root().id(), NOW).unwrap();
    for index in 2..=gmcs {
        let next = Identity::generate(&format!("member {index}"), Some("Zoë"), NOW, rng).unwrap();
        let role = if index == gmcs {
            Role::Member
        } else {
            Role::Admin
        };
        let options = IssueOptions {
            not_after: (index == gmcs).then_some(NOW + 30 * DAY),
            ..IssueOptions::new(role)
        };
        let chain = gmc::issue(&holder, &gmc, &next.card(), None, &options, NOW, rng).unwrap();
        gmc = gmc::verify(&chain, &group.root().id(), NOW).unwrap();
        holder = next;
    }
    (group, gmc)
}

fn ders(chain: &Chain) -> Vec<Vec<u8>> {
    chain.certificates().map(<[u8]>::to_vec).collect()
}

#[test]
fn openssl_accepts_the_chains_we_issue() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let files = Files::new();
    for gmcs in [1, 2, 24] {
        let (_, gmc) = chain_of(gmcs, &mut rng);
        assert_eq!(gmc.depth(), gmcs);
        let (accepted, said) = files.accepts(&ders(gmc.chain()), NOW);
        assert!(accepted, "chain of {gmcs}: {said}");
    }
}

#[test]
fn what_openssl_rejects_we_reject() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let files = Files::new();
    let (group, gmc) = chain_of(4, &mut rng);
    let (_, other) = chain_of(4, &mut rng);
    let good = ders(gmc.chain());
    let foreign = ders(other.chain());

    let mut cases: Vec<(String, Vec<Vec<u8>>, Timestamp)> = vec![
        ("expired".into(), good.clone(), NOW + 31 * DAY),
        ("not yet valid".into(), good.clone(), NOW - DAY),
    ];
    let mut swapped = good.clone();
    swapped.swap(3, 4);
    cases.push(("swapped order".into(), swapped, NOW));
    let mut gap = good.clone();
    gap.remove(2);
    cases.push(("missing link".into(), gap, NOW));
    for position in 0..good.len() {
        let mut mixed = good.clone();
        mixed[position] = foreign[position].clone();
        cases.push((format!("foreign certificate {position}"), mixed, NOW));
    }
    for position in 1..good.len() {
        // One bit in the names, in the middle of the signed part, and in the signature.
        let length = good[position].len();
        for at in [60, length / 2, length - 20] {
            let mut altered = good.clone();
            altered[position][at] ^= 0x04;
            cases.push((
                format!("bit at {at} of certificate {position}"),
                altered,
                NOW,
            ));
        }
    }

    let mut rejected_by_openssl = 0;
    for (what, certificates, at) in cases {
        let (accepted, said) = files.accepts(&certificates, at);
        let ours =
            Chain::new(certificates).and_then(|chain| gmc::verify(&chain, &group.root().id(), at));
        assert!(ours.is_err(), "{what}: we accept what should be rejected");
        // OpenSSL finds its own way through certificates in any order; we do not.
        assert!(!accepted || what == "swapped order", "{what}: {said}");
        rejected_by_openssl += usize::from(!accepted);
    }
    assert!(rejected_by_openssl >= 20);
}

#[test]
fn openssl_reads_exported_identities() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let files = Files::new();
    let identity = Identity::generate("work", Some("Ada"), NOW, &mut rng).unwrap();
    let public = data_encoding::HEXLOWER.encode(identity.key().as_bytes());

    for passphrase in [None, Some(PASSPHRASE)] {
        let exported = identity.to_pem(passphrase, &mut rng).unwrap();
        let path = files.write("identity.pem", exported.as_bytes());
        let passin = format!("pass:{}", passphrase.unwrap_or("unused"));
        let output = openssl(&[
            "pkey",
            "-in",
            &path,
            "-passin",
            &passin,
            "-noout",
            "-text_pub",
        ]);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        let digits: String = said.chars().filter(|c| !":\n ".contains(*c)).collect();
        assert!(digits.to_lowercase().contains(&public), "{said}");

        let output = openssl(&["x509", "-in", &path, "-noout", "-subject", "-fingerprint"]);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains(&identity.key().authority().to_string()),
            "{said}"
        );
    }

    let exported = identity.to_pem(Some(PASSPHRASE), &mut rng).unwrap();
    let path = files.write("identity.pem", exported.as_bytes());
    let output = openssl(&["pkey", "-in", &path, "-passin", "pass:wrong", "-noout"]);
    assert!(!output.status.success());
}

#[test]
fn identities_rewritten_by_openssl_are_read() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let files = Files::new();
    let identity = Identity::generate("work", None, NOW, &mut rng).unwrap();
    let exported = identity.to_pem(None, &mut rng).unwrap();
    let path = files.write("identity.pem", exported.as_bytes());
    let rewritten = openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        &path,
        "-v2",
        "aes-256-cbc",
        "-passout",
        "pass:other",
    ]);
    assert!(rewritten.status.success(), "{}", text(&rewritten));
    let key = String::from_utf8(rewritten.stdout).unwrap();
    let certificate = &exported[exported.find("-----BEGIN CERT").unwrap()..];
    let read = Identity::from_pem(&format!("{certificate}{key}"), Some("other")).unwrap();
    assert_eq!(read.name(), identity.name());
}
