//! What Peerage peers say to one another.
