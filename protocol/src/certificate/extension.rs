//! The private extensions, and how their values are written.
//!
//! Decision to take before a public release: no private enterprise number is registered for Peerage, so
//! the arc below is IANA's documentation number 32473 (RFC 5612). Registering one costs an e-mail and
//! changes this one constant; certificates issued before stay readable only if both arcs are accepted
//! for the life of those chains. Until then two products that both chose 32473 could misread each other's
//! certificates, which the mandatory set and the group id below make harmless.

use const_oid::ObjectIdentifier;
use der::{Decode, Encode, Sequence, asn1::OctetString};

/// 1 = GMC, 2 = GRC, 3 = IDC, as in the original; an INTEGER. Every certificate.
pub(super) const CERTIFICATE_TYPE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.3587.1");
/// The group's peer name, a UTF8String. GRC only.
pub(super) const GROUP_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.3587.2");
/// SHA-256 of the group's peer name, an OCTET STRING: a name of 190 characters in each of 24
/// certificates would not fit the limit of a chain. GMC only.
pub(super) const GROUP_ID: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.3587.3");
/// Role ids (UUIDs) in ascending order, a SEQUENCE OF OCTET STRING. GMC only.
pub(super) const ROLES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.3587.4");
/// Classifiers the member may publish under, a SEQUENCE OF UTF8String: none (= all) for an Admin,
/// `participant` alone for everybody else. GMC only.
pub(super) const CLASSIFIERS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.3587.5");
/// When it was issued, in milliseconds since the Unix epoch, an INTEGER. `notBefore` cannot say, because
/// it is put back to tolerate slow clocks. Every certificate.
pub(super) const ISSUED_AT: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.3587.6");
/// [`SubjectNames`]. Every certificate.
pub(super) const SUBJECT_NAMES: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.3587.7");

/// The names of the subject that do not follow from its key.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct SubjectNames {
    /// What stands after the authority in its peer name.
    pub(super) classifier: String,
    /// For display; empty for the default.
    pub(super) friendly_name: String,
}

/// The `KeyUsage` bit strings we write: keyCertSign with digitalSignature, and digitalSignature alone.
pub(super) const KEY_USAGE_ISSUER: [u8; 4] = [0x03, 0x02, 0x02, 0x84];
pub(super) const KEY_USAGE_END: [u8; 4] = [0x03, 0x02, 0x07, 0x80];

/// The `BasicConstraints` we write: `CA:TRUE` without a path length, and `CA:FALSE`.
pub(super) const CA_TRUE: [u8; 5] = [0x30, 0x03, 0x01, 0x01, 0xff];
pub(super) const CA_FALSE: [u8; 2] = [0x30, 0x00];

/// Decodes a value that is exactly its own canonical encoding.
pub(super) fn decode<T>(bytes: &[u8]) -> Option<T>
where
    T: for<'a> Decode<'a> + Encode,
{
    let value = T::from_der(bytes).ok()?;
    (value.to_der().ok()? == bytes).then_some(value)
}

/// Encodes a value of the types above.
pub(super) fn encode(value: &impl Encode) -> OctetString {
    let der = value
        .to_der()
        .expect("bounded integers, text and octets always encode");
    octets(&der)
}

pub(super) fn octets(bytes: &[u8]) -> OctetString {
    OctetString::new(bytes).expect("far shorter than the 256 MiB an OCTET STRING may have")
}
