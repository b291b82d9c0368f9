//! Yard tools.
