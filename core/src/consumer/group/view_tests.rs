//! Memberships without a broker.
