//! The embedded Peerage node.
