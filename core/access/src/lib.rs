//! Users, roles, policies: may this principal do this to that? No I/O.
