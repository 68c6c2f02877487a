//! What differs between two configurations, by the names of options.

use super::raw::RawConfig;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// The options that differ, in order. Secrets are compared, and only their option's name is told.
pub(super) fn between(old: &RawConfig, new: &RawConfig) -> Vec<String> {
    let mut changed = BTreeSet::new();
    compare("", &table(old), &table(new), &mut changed);
    for (name, differs) in [
        ("auth.keys", old.auth.keys != new.auth.keys),
        ("ice.servers", old.ice.servers != new.ice.servers),
        ("management.token", old.management.token != new.management.token),
        ("turn.access_token_keys", old.turn.access_token_keys != new.turn.access_token_keys),
        ("turn.realms", old.turn.realms != new.turn.realms),
        ("turn.shared_secrets", old.turn.shared_secrets != new.turn.shared_secrets),
        ("turn.users", old.turn.users != new.turn.users),
        ("webhooks.secret", old.webhooks.secret != new.webhooks.secret),
    ] {
        // Where a name of a table is new or gone, that has been told.
        if differs && !changed.iter().any(|path| path.starts_with(name)) {
            changed.insert(name.to_owned());
        }
    }
    changed.into_iter().collect()
}

/// The configuration as in a file, with secrets left out.
fn table(raw: &RawConfig) -> Table {
    Table::try_from(raw).expect("every value of the configuration has a form in TOML")
}

fn compare(prefix: &str, old: &Table, new: &Table, changed: &mut BTreeSet<String>) {
    for name in old.keys().chain(new.keys()) {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match (old.get(name), new.get(name)) {
            (Some(Value::Table(old)), Some(Value::Table(new))) => compare(&path, old, new, changed),
            (old, new) if old != new => {
                changed.insert(path);
            }
            _ => {}
        }
    }
}
