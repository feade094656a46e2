//! Enrolment: receives a join token and public keys from a new machine, gives it credentials. Holds the signing key for
//! agents, nothing else does.
