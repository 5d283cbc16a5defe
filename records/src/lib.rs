//! What a Peerage group remembers, and why it is believed.
