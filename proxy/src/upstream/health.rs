//! Active checks: one task per endpoint and check, kept over reloads.
