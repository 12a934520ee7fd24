//! Wrong providers.
