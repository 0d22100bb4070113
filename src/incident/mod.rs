//! Many alerts, one incident.
