//! C that breaks the rules, and C that keeps them.
